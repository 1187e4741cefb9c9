-- What a request cost, in nano-dollars; null where its provider did not tell what it used, or no price is known. Kept with
-- the row, since prices change and a bill does not.
ALTER TABLE activity ADD COLUMN cost INTEGER;
