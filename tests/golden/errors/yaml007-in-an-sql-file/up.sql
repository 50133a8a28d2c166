create table t (
  a int -- café
)
