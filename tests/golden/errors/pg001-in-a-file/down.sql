drop table a;
drop table é é;
