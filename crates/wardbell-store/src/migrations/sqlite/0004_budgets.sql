-- Budgets. Amounts are nano-dollars; a scope is `project`, `key:…`, `user:…`, `session:…`, `model:…`, or `user:*` and the
-- like for each that has no budget of its own.

CREATE TABLE budgets (
    project    TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    scope      TEXT NOT NULL,
    limit_usd  INTEGER,          -- NULL only counts; of a balance, all that was ever paid in
    minimum    INTEGER NOT NULL,
    is_balance INTEGER NOT NULL,
    baseline   INTEGER NOT NULL, -- of a balance, what was spent when it was last filled: shares count from there
    period     TEXT NOT NULL,
    alert_at   TEXT NOT NULL,    -- JSON list of percents
    revision   INTEGER NOT NULL, -- one more at each change and top-up, so that nodes see that what they know is old
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (project, scope)
) WITHOUT ROWID;

-- What was spent in each part of a scope's period. Scopes under `user:*` and the like have rows here only.
CREATE TABLE budget_spend (
    project TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    scope   TEXT NOT NULL,
    part    INTEGER NOT NULL,
    spent   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (project, scope, part)
) WITHOUT ROWID;

-- What a node has borrowed and neither spent nor given back. It counts as reserved, and so the rows are the journal of
-- open reservations: after a crash they stay until they lapse or are released.
CREATE TABLE budget_leases (
    project    TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    scope      TEXT NOT NULL,
    node       TEXT NOT NULL,
    period     INTEGER NOT NULL, -- when the period began for which it was borrowed
    amount     INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    PRIMARY KEY (project, scope, node, period)
) WITHOUT ROWID;

-- What was told already in a period: a percent, or 0 for exhausted.
CREATE TABLE budget_marks (
    project TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    scope   TEXT NOT NULL,
    period  INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    PRIMARY KEY (project, scope, period, percent)
) WITHOUT ROWID;

-- Every top-up, for whoever keeps the books.
CREATE TABLE budget_top_ups (
    project TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    scope   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    amount  INTEGER NOT NULL
);
CREATE INDEX budget_top_ups_by_scope ON budget_top_ups (project, scope, at);
