-- Lost workers are counted apart from attempts.
ALTER TABLE clone_jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0);
ALTER TABLE clone_jobs ADD COLUMN max_crashes INTEGER NOT NULL DEFAULT 5 CHECK (max_crashes >= 1);
-- What pruning walks. A job that has ended changes no more.
CREATE INDEX clone_jobs_ended ON clone_jobs (updated_at) WHERE status IN ('succeeded', 'failed', 'cancelled');

ALTER TABLE voice_samples ADD COLUMN evidence_url TEXT GENERATED ALWAYS AS (record ->> '$.consent.evidence') VIRTUAL;

-- The consent of each recording, read out of the recording's document.
CREATE VIEW consents AS
SELECT consent_id, user_id, sample_id, record ->> '$.consent.subject' AS subject,
       record ->> '$.consent.attester' AS attester, record ->> '$.consent.relationship' AS relationship,
       record ->> '$.consent.statement_version' AS statement_version, record ->> '$.consent.given_at' AS given_at,
       record ->> '$.consent.expires_at' AS expires_at, record ->> '$.consent.revoked_at' AS revoked_at, evidence_url
FROM voice_samples;

-- Bytes: a row is written before the object, and lives exactly while a record names it.
CREATE TABLE blobs (
    key        TEXT    NOT NULL PRIMARY KEY,
    status     TEXT    NOT NULL CHECK (status IN ('pending', 'live', 'deleting')),
    -- The job that works with it, if its key names one: what a job keeps between two attempts is not swept.
    job_id     TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_unsettled ON blobs (updated_at) WHERE status <> 'live';

-- A row: the books are kept, so a record may only name what is in them, as far as they reach.
CREATE TABLE blob_ledger (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    opened_at INTEGER NOT NULL
) STRICT;

-- Every key that a record names. One may be named by many: a consent's evidence by all its recordings.
CREATE VIEW named_blobs AS
SELECT original_url AS key FROM voice_samples WHERE status <> 'deleted'
UNION ALL SELECT processed_url FROM voice_samples WHERE status <> 'deleted'
UNION ALL SELECT evidence_url FROM voice_samples WHERE status <> 'deleted'
UNION ALL SELECT result_url FROM clone_jobs;
CREATE INDEX voice_samples_original ON voice_samples (original_url);
CREATE INDEX voice_samples_processed ON voice_samples (processed_url) WHERE processed_url IS NOT NULL;
CREATE INDEX voice_samples_evidence ON voice_samples (evidence_url) WHERE evidence_url IS NOT NULL;
CREATE INDEX clone_jobs_result_url ON clone_jobs (result_url) WHERE result_url IS NOT NULL;

-- Triggers cannot call functions of their own: writing a key to this view or the next one is such a call.
CREATE TRIGGER name_blob INSTEAD OF INSERT ON named_blobs WHEN NEW.key IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a record names a blob that is being removed or is gone')
    WHERE EXISTS (SELECT 1 FROM blobs WHERE key = NEW.key AND status = 'deleting')
        OR NEW.key GLOB 'owners/*' AND EXISTS (SELECT 1 FROM blob_ledger)
            AND NOT EXISTS (SELECT 1 FROM blobs WHERE key = NEW.key);
    UPDATE blobs SET status = 'live', updated_at = (SELECT now FROM clock) WHERE key = NEW.key AND status = 'pending';
END;
CREATE VIEW dropped_blobs AS SELECT key FROM blobs WHERE status = 'deleting';
CREATE TRIGGER drop_blob INSTEAD OF INSERT ON dropped_blobs WHEN NEW.key IS NOT NULL
BEGIN
    UPDATE blobs SET status = 'deleting', updated_at = (SELECT now FROM clock)
    WHERE key = NEW.key AND status <> 'deleting'
        AND NOT EXISTS (SELECT 1 FROM named_blobs n WHERE n.key = NEW.key);
END;

CREATE TRIGGER voice_samples_first_blobs AFTER INSERT ON voice_samples WHEN NEW.status <> 'deleted'
BEGIN
    INSERT INTO named_blobs SELECT NEW.original_url UNION SELECT NEW.processed_url UNION SELECT NEW.evidence_url;
END;
CREATE TRIGGER voice_samples_next_blobs AFTER UPDATE ON voice_samples
BEGIN
    INSERT INTO named_blobs
    SELECT key FROM (SELECT NEW.original_url AS key UNION SELECT NEW.processed_url UNION SELECT NEW.evidence_url)
    WHERE NEW.status <> 'deleted'
        AND (OLD.status = 'deleted' OR key IS NOT OLD.original_url AND key IS NOT OLD.processed_url
            AND key IS NOT OLD.evidence_url);
    INSERT INTO dropped_blobs
    SELECT key FROM (SELECT OLD.original_url AS key UNION SELECT OLD.processed_url UNION SELECT OLD.evidence_url)
    WHERE OLD.status <> 'deleted'
        AND (NEW.status = 'deleted' OR key IS NOT NEW.original_url AND key IS NOT NEW.processed_url
            AND key IS NOT NEW.evidence_url);
END;
CREATE TRIGGER voice_samples_no_blobs AFTER DELETE ON voice_samples WHEN OLD.status <> 'deleted'
BEGIN
    INSERT INTO dropped_blobs SELECT OLD.original_url UNION SELECT OLD.processed_url UNION SELECT OLD.evidence_url;
END;
CREATE TRIGGER clone_jobs_result AFTER UPDATE OF output ON clone_jobs WHEN NEW.result_url IS NOT OLD.result_url
BEGIN
    INSERT INTO named_blobs VALUES (NEW.result_url);
END;
CREATE TRIGGER clone_jobs_gone AFTER DELETE ON clone_jobs
BEGIN
    INSERT INTO dropped_blobs VALUES (OLD.result_url);
END;

-- Ends of jobs for whoever subscribed: written with the end itself, delivered at least once.
CREATE TABLE outbox_subscribers (
    subscriber TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber   TEXT    NOT NULL REFERENCES outbox_subscribers ON DELETE CASCADE,
    job_id       TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    -- Not to be handed out again before this, unless it is acknowledged first.
    hidden_until INTEGER NOT NULL DEFAULT 0,
    deliveries   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_order ON outbox (subscriber, id);

CREATE TRIGGER clone_jobs_outbox AFTER UPDATE OF status ON clone_jobs
    WHEN NEW.status IN ('succeeded', 'failed', 'cancelled') AND OLD.status NOT IN ('succeeded', 'failed', 'cancelled')
BEGIN
    INSERT INTO outbox (subscriber, job_id, user_id, kind, status, at)
    SELECT subscriber, NEW.job_id, NEW.user_id, NEW.kind, NEW.status, NEW.updated_at FROM outbox_subscribers;
END;

-- Housekeeping walks the owners.
CREATE INDEX voice_samples_owner ON voice_samples (user_id);
