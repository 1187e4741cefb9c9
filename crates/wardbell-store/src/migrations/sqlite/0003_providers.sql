-- Which provider a call goes to when the caller names none, and which one is tried when it fails.

-- The name of another provider of the project. No foreign key: one on (project, fallback) could only clear both columns
-- when the other goes, so the code that removes a provider clears the name.
ALTER TABLE providers ADD COLUMN fallback TEXT;
-- At most one of a project; a database from before has none, and the gateway chooses as it did.
ALTER TABLE providers ADD COLUMN is_default INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX providers_default ON providers (project) WHERE is_default = 1;
