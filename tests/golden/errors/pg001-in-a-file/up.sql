create table a (
  id bigint
);

selct 1;
