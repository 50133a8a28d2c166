INSERT INTO t SELECT '${first}';
