ALTER TABLE flipr.users ADD COLUMN mail text;
