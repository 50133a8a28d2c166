CREATE TABLE flipr.users (name text PRIMARY KEY);
