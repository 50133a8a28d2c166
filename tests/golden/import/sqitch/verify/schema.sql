BEGIN;
SELECT 1/count(*) FROM pg_namespace WHERE nspname = 'flipr';
ROLLBACK;
