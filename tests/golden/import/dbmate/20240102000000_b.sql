SELECT 1;
-- migrate:up
CREATE TABLE b (id int PRIMARY KEY);
BEGIN;
