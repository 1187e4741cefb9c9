-- The bell: endpoint options and health, sources and previews of alerts, folds, silences, replays.

-- Options hold credentials (headers, routing keys), so they are sealed as one; NULL is the default.
ALTER TABLE endpoints ADD COLUMN sealed_options BLOB;
ALTER TABLE endpoints ADD COLUMN health TEXT NOT NULL DEFAULT 'healthy';
ALTER TABLE endpoints ADD COLUMN health_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN failures INTEGER NOT NULL DEFAULT 0; -- attempts in a row
ALTER TABLE endpoints ADD COLUMN health_reason TEXT;
UPDATE endpoints SET health_since = created_at;

-- What an alert knows of its request's sender, as JSON; the preview is text of the request, so it is sealed.
ALTER TABLE alerts ADD COLUMN source TEXT NOT NULL DEFAULT '{}';
ALTER TABLE alerts ADD COLUMN sealed_preview BLOB;
ALTER TABLE alerts ADD COLUMN expunged_at INTEGER;
CREATE INDEX alerts_by_time ON alerts (at);
CREATE INDEX activity_by_time ON activity (at);

ALTER TABLE deliveries ADD COLUMN fold TEXT; -- JSON, where it stands for many alerts
ALTER TABLE deliveries ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN plain INTEGER NOT NULL DEFAULT 0;
-- One endpoint's backlog must not stand before another's: each has its own run of the index.
DROP INDEX deliveries_due;
DROP INDEX deliveries_pending_by_endpoint;
CREATE INDEX deliveries_due ON deliveries (endpoint, due_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_end ON deliveries (state, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX attempts_by_time ON attempts (at);

-- Alerts that were folded and wait to be told as one message. A group that was told of stays for its window with count 0.
CREATE TABLE folds (
    endpoint  TEXT NOT NULL,
    key       TEXT NOT NULL,    -- the group, 'ceiling', or the silence's id
    flush_at  INTEGER NOT NULL,
    window_ms INTEGER NOT NULL,
    alert     TEXT,             -- the last one
    fold      TEXT,             -- JSON; NULL while nothing is folded
    PRIMARY KEY (endpoint, key)
) WITHOUT ROWID;
CREATE INDEX folds_due ON folds (flush_at);

-- How many messages an endpoint has had in its present minute.
CREATE TABLE flows (
    endpoint  TEXT PRIMARY KEY,
    began_at  INTEGER NOT NULL,
    sent      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE silences (
    id         TEXT PRIMARY KEY,
    project    TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    author     TEXT NOT NULL,
    reason     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    matcher    TEXT NOT NULL, -- JSON
    period     TEXT NOT NULL  -- JSON
) WITHOUT ROWID;
CREATE INDEX silences_by_project ON silences (project, id);
