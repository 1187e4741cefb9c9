-- What the configuration file declares. A slug is the identity of a declaration over restarts and changes of the file; it stays
-- when the declaration goes, so that one that comes back finds its history.

ALTER TABLE projects ADD COLUMN slug TEXT;
-- The file's name, while the file declares it; what it does not declare is the API's.
ALTER TABLE projects ADD COLUMN declared_in TEXT;
-- A file may declare a project and leave its policy to the API.
ALTER TABLE projects ADD COLUMN policy_declared INTEGER NOT NULL DEFAULT 0;
-- The keys of a project that is off open nothing.
ALTER TABLE projects ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
CREATE UNIQUE INDEX projects_by_slug ON projects (slug) WHERE slug IS NOT NULL;
-- The project that the first start made.
UPDATE projects SET slug = 'default'
WHERE name = 'default' AND id = (SELECT min(id) FROM projects);

ALTER TABLE endpoints ADD COLUMN slug TEXT;
ALTER TABLE endpoints ADD COLUMN declared_in TEXT;
-- A secret that is not declared was made here, and is rotated by the API.
ALTER TABLE endpoints ADD COLUMN secret_declared INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX endpoints_by_slug ON endpoints (project, slug) WHERE slug IS NOT NULL;
