-- Revert
BEGIN;
DROP SCHEMA flipr;
COMMIT;
