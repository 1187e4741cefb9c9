-- The dashboard: who signs in, and counts over time.

-- One operator. The hash is argon2's own text, which names its parameters, so that they can be raised later.
CREATE TABLE operator (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    password   TEXT NOT NULL,
    changed_at INTEGER NOT NULL
);

-- Only the SHA-256 of a session's secret: whoever reads the file cannot sign in with it.
CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What Wardbell itself took: everything but the wait for the provider.
ALTER TABLE activity ADD COLUMN own_us INTEGER NOT NULL DEFAULT 0;

-- Counts of ended requests by minute (step 60) and by hour (step 3600), so that a chart of thirty days reads hundreds of
-- rows and not all requests. Written in the transaction of the requests' rows.
CREATE TABLE activity_counts (
    project   TEXT NOT NULL,
    step      INTEGER NOT NULL,
    at        INTEGER NOT NULL, -- when the step began
    requests  INTEGER NOT NULL,
    blocked   INTEGER NOT NULL,
    redacted  INTEGER NOT NULL,
    injections INTEGER NOT NULL,
    failed    INTEGER NOT NULL, -- the upstream could not be reached, or broke off
    cost      INTEGER NOT NULL,
    own_us    INTEGER NOT NULL, -- what Wardbell itself took
    PRIMARY KEY (project, step, at)
) WITHOUT ROWID;
CREATE INDEX activity_counts_by_time ON activity_counts (at);

-- What was seen most, by hour: entity types, keys and models. A key's newest row says when it was last used.
CREATE TABLE activity_tops (
    project  TEXT NOT NULL,
    what     TEXT NOT NULL, -- 'entity', 'key' or 'model'
    name     TEXT NOT NULL,
    at       INTEGER NOT NULL, -- when the hour began
    requests INTEGER NOT NULL,
    cost     INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (project, what, name, at)
) WITHOUT ROWID;
CREATE INDEX activity_tops_by_time ON activity_tops (at);

-- What was there before.
INSERT INTO activity_counts
SELECT project, s.step, at / (s.step * 1000) * (s.step * 1000), count(*), sum(verdict LIKE 'block%'),
       sum(verdict LIKE 'redact%'), sum(entity_types LIKE '%PROMPT_INJECTION%'), sum(outcome = 'upstream_failed'),
       coalesce(sum(cost), 0), 0
FROM activity, (SELECT 60 AS step UNION ALL SELECT 3600) s WHERE outcome <> 'in_flight' GROUP BY 1, 2, 3;
INSERT INTO activity_tops
SELECT project, 'key', key, at / 3600000 * 3600000, count(*), coalesce(sum(cost), 0), max(at)
FROM activity WHERE outcome <> 'in_flight' GROUP BY 1, 3, 4;
INSERT INTO activity_tops
SELECT project, 'model', model, at / 3600000 * 3600000, count(*), coalesce(sum(cost), 0), max(at)
FROM activity WHERE outcome <> 'in_flight' AND model <> '' GROUP BY 1, 3, 4;

-- Filters of the activity log. Clean requests, which are most, are not in the second.
CREATE INDEX activity_by_key ON activity (project, key, request);
CREATE INDEX activity_by_verdict ON activity (project, verdict, request) WHERE verdict <> 'allow';
