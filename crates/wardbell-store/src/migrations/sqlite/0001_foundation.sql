-- Settings, outbox and activity. Times are milliseconds since 1970-01-01T00:00:00Z; ids are text as every wire shows them.

-- What the file itself must remember: which master key seals it.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE projects (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) WITHOUT ROWID;

-- Every version of every policy, so that a record's version can be explained later.
CREATE TABLE policies (
    project TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    policy  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (project, version)
) WITHOUT ROWID;

-- Only the SHA-256 of a key: the key is shown once and never stored.
CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    project    TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    user_id    TEXT,
    hash       BLOB NOT NULL UNIQUE,
    hint       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_by_project ON keys (project, id);

CREATE TABLE providers (
    project     TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    base_url    TEXT NOT NULL,
    sealed_key  BLOB,
    api_key_env TEXT,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (project, name)
) WITHOUT ROWID;

-- The URL is sealed: a webhook URL is a credential.
CREATE TABLE endpoints (
    id           TEXT PRIMARY KEY,
    project      TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    sealed_url   BLOB NOT NULL,
    format       TEXT NOT NULL,
    events       TEXT NOT NULL, -- JSON list of kinds, or the string "*"
    severity_min TEXT NOT NULL,
    signature    TEXT NOT NULL,
    retry        TEXT NOT NULL,
    enabled      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX endpoints_by_project ON endpoints (project, id);

CREATE TABLE endpoint_secrets (
    endpoint   TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL, -- the newest has the highest
    sealed     BLOB NOT NULL,
    expires_at INTEGER,          -- NULL for the current one
    PRIMARY KEY (endpoint, number)
) WITHOUT ROWID;

CREATE TABLE alerts (
    id         TEXT PRIMARY KEY,
    project    TEXT NOT NULL,
    request_id TEXT NOT NULL, -- as the receiver sees it
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    data       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX alerts_by_project ON alerts (project, id);
-- A client's retry repeats its request id: one lookup per alert.
CREATE INDEX alerts_by_request ON alerts (project, request_id);

CREATE TABLE deliveries (
    id           TEXT PRIMARY KEY,
    alert        TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    project      TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL, -- of the present run; a replay starts again at 0
    due_at       INTEGER,          -- while pending: the next attempt, or the end of the lease of the one under way
    reason       TEXT,
    created_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    leased       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX deliveries_by_project ON deliveries (project, id);
CREATE INDEX deliveries_by_alert ON deliveries (alert);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE state = 'pending';
CREATE INDEX deliveries_pending_by_endpoint ON deliveries (endpoint) WHERE state = 'pending';

CREATE TABLE attempts (
    delivery   TEXT NOT NULL,
    number     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    status     INTEGER,
    error      TEXT,
    dns_us     INTEGER NOT NULL,
    connect_us INTEGER NOT NULL,
    tls_us     INTEGER NOT NULL,
    first_us   INTEGER NOT NULL,
    total_us   INTEGER NOT NULL,
    excerpt    TEXT
);
CREATE INDEX attempts_by_delivery ON attempts (delivery);

-- One row for every request; never text of it.
CREATE TABLE activity (
    request          TEXT PRIMARY KEY,
    caller_request   TEXT,
    at               INTEGER NOT NULL,
    project          TEXT NOT NULL,
    key              TEXT NOT NULL,
    surface          TEXT NOT NULL,
    model            TEXT NOT NULL,
    provider         TEXT NOT NULL,
    verdict          TEXT NOT NULL,
    outcome          TEXT NOT NULL,
    status           INTEGER NOT NULL,
    entity_types     TEXT NOT NULL, -- comma-separated
    violation_count  INTEGER NOT NULL,
    injection_score  REAL NOT NULL,
    streamed         INTEGER NOT NULL,
    latency_us       INTEGER NOT NULL,
    detect_us        INTEGER NOT NULL,
    upstream_us      INTEGER NOT NULL,
    input_tokens     INTEGER,
    output_tokens    INTEGER,
    policy_version   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX activity_by_project ON activity (project, request);
