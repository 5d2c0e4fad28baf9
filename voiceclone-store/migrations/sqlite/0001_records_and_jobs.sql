-- Times are milliseconds since 1970, written by this database's clock except where they are part of a record.
-- Columns that only repeat a part of a JSON document are generated from it, so that they cannot disagree with it.

-- The only clock. It shows one time throughout a statement.
CREATE VIEW clock AS SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) AS now;

CREATE TABLE voice_samples (
    sample_id     TEXT    NOT NULL PRIMARY KEY,
    user_id       TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    record        TEXT    NOT NULL CHECK (json_valid(record)),
    voice_id      TEXT    GENERATED ALWAYS AS (record ->> '$.voice') VIRTUAL,
    consent_id    TEXT    GENERATED ALWAYS AS (record ->> '$.consent.id') VIRTUAL,
    original_url  TEXT    GENERATED ALWAYS AS (record ->> '$.original') VIRTUAL,
    processed_url TEXT    GENERATED ALWAYS AS (record ->> '$.processed') VIRTUAL,
    status        TEXT    NOT NULL GENERATED ALWAYS AS (record ->> '$.state') VIRTUAL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX voice_samples_page ON voice_samples (user_id, sample_id) WHERE status <> 'deleted';

CREATE TABLE voices (
    voice_id   TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    record     TEXT    NOT NULL CHECK (json_valid(record)),
    name       TEXT    GENERATED ALWAYS AS (record ->> '$.name') VIRTUAL,
    status     TEXT    NOT NULL GENERATED ALWAYS AS (record ->> '$.state') VIRTUAL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX voices_page ON voices (user_id, voice_id) WHERE status <> 'deleted';

-- The clones of each voice, one row per provider, read out of the voice's document.
CREATE VIEW voice_bindings AS
SELECT v.voice_id, v.user_id, b.key AS provider, b.value ->> '$.key.account' AS account,
       b.value ->> '$.voice' AS provider_voice, b.value ->> '$.state' AS status
FROM voices v, json_each(v.record, '$.bindings') b;

CREATE TABLE clone_jobs (
    job_id           TEXT    NOT NULL PRIMARY KEY,
    user_id          TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    spec             TEXT    NOT NULL CHECK (json_valid(spec)),
    fingerprint      TEXT    NOT NULL,
    idempotency_key  TEXT,
    sample_id        TEXT    GENERATED ALWAYS AS (coalesce(spec ->> '$.sample', spec ->> '$.request.target.sample')) VIRTUAL,
    voice_id         TEXT    GENERATED ALWAYS AS (coalesce(spec ->> '$.voice', spec ->> '$.request.target.voice')) VIRTUAL,
    text             TEXT    GENERATED ALWAYS AS (spec ->> '$.request.text') VIRTUAL,
    status           TEXT    NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    priority         INTEGER NOT NULL,
    attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts     INTEGER NOT NULL CHECK (max_attempts >= 1),
    progress         TEXT    CHECK (json_valid(progress)),
    output           TEXT    CHECK (json_valid(output)),
    result_url       TEXT    GENERATED ALWAYS AS (output ->> '$.key') VIRTUAL,
    error            TEXT    CHECK (json_valid(error)),
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    last_seq         INTEGER NOT NULL DEFAULT 1,
    lease_id         TEXT,
    lease_until      INTEGER,
    worker           TEXT,
    run_at           INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    -- A job is leased exactly while it runs.
    CHECK ((status = 'running') = (lease_id IS NOT NULL) AND (lease_id IS NULL) = (lease_until IS NULL))
) STRICT;
CREATE UNIQUE INDEX clone_jobs_idempotency ON clone_jobs (user_id, kind, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX clone_jobs_lease ON clone_jobs (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX clone_jobs_page ON clone_jobs (user_id, job_id);
-- The claim walks this owner by owner, so a long queue of one owner is not read for the sake of the others.
CREATE INDEX clone_jobs_queued ON clone_jobs (user_id, priority DESC, run_at, job_id) WHERE status = 'queued';
-- Not by lease_until: the running jobs are few, and every heartbeat would move the index entry.
CREATE INDEX clone_jobs_running ON clone_jobs (user_id) WHERE status = 'running';

CREATE TABLE job_events (
    job_id   TEXT    NOT NULL REFERENCES clone_jobs (job_id) ON DELETE CASCADE,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    status   TEXT    NOT NULL,
    progress TEXT,
    error    TEXT,
    PRIMARY KEY (job_id, seq)
) STRICT, WITHOUT ROWID;

-- An event is written by the very statement that changes its job, so no crash and no cancelled future comes between.
CREATE TRIGGER clone_jobs_first_event AFTER INSERT ON clone_jobs
BEGIN
    INSERT INTO job_events (job_id, seq, at, status, progress, error)
    VALUES (NEW.job_id, NEW.last_seq, NEW.updated_at, NEW.status, NEW.progress, NEW.error);
END;

CREATE TRIGGER clone_jobs_next_event AFTER UPDATE OF last_seq ON clone_jobs WHEN NEW.last_seq <> OLD.last_seq
BEGIN
    INSERT INTO job_events (job_id, seq, at, status, progress, error)
    VALUES (NEW.job_id, NEW.last_seq, NEW.updated_at, NEW.status, NEW.progress, NEW.error);
END;
