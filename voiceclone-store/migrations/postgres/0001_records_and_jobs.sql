-- Everything is in the schema `voiceclone`, which the application's own tables do not share. Times are this database's
-- clock, except where they are part of a record. Names and ids sort by their bytes (COLLATE "C"), as in Rust.
-- Columns that only repeat a part of a JSON document are generated from it, so that they cannot disagree with it.

-- The oldest version of these migrations that code may know and still work with the tables as they are. A migration that
-- takes something away raises it; one that only adds leaves it, so that old and new processes run side by side.
CREATE TABLE voiceclone.compatibility (oldest_version bigint NOT NULL);
INSERT INTO voiceclone.compatibility VALUES (1);

CREATE TABLE voiceclone.voice_samples (
    sample_id     text COLLATE "C" PRIMARY KEY,
    user_id       text COLLATE "C" NOT NULL,
    version       bigint NOT NULL,
    record        jsonb NOT NULL,
    voice_id      text COLLATE "C" GENERATED ALWAYS AS (record ->> 'voice') STORED,
    consent_id    text COLLATE "C" GENERATED ALWAYS AS (record #>> '{consent,id}') STORED,
    original_url  text COLLATE "C" GENERATED ALWAYS AS (record ->> 'original') STORED,
    processed_url text COLLATE "C" GENERATED ALWAYS AS (record ->> 'processed') STORED,
    evidence_url  text COLLATE "C" GENERATED ALWAYS AS (record #>> '{consent,evidence}') STORED,
    status        text NOT NULL GENERATED ALWAYS AS (record ->> 'state') STORED,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX voice_samples_page ON voiceclone.voice_samples (user_id, sample_id);

CREATE TABLE voiceclone.voices (
    voice_id   text COLLATE "C" PRIMARY KEY,
    user_id    text COLLATE "C" NOT NULL,
    version    bigint NOT NULL,
    record     jsonb NOT NULL,
    name       text GENERATED ALWAYS AS (record ->> 'name') STORED,
    status     text NOT NULL GENERATED ALWAYS AS (record ->> 'state') STORED,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX voices_page ON voiceclone.voices (user_id, voice_id);

-- The clones of each voice, one row per provider, read out of the voice's document.
CREATE VIEW voiceclone.voice_bindings AS
SELECT v.voice_id, v.user_id, b.key AS provider, b.value #>> '{key,account}' AS account,
       b.value ->> 'voice' AS provider_voice, b.value ->> 'state' AS status
FROM voiceclone.voices v, jsonb_each(v.record -> 'bindings') b;

-- The consent of each recording, read out of the recording's document.
CREATE VIEW voiceclone.consents AS
SELECT consent_id, user_id, sample_id, record #>> '{consent,subject}' AS subject,
       record #>> '{consent,attester}' AS attester, record #>> '{consent,relationship}' AS relationship,
       record #>> '{consent,statement_version}' AS statement_version, record #>> '{consent,given_at}' AS given_at,
       record #>> '{consent,expires_at}' AS expires_at, record #>> '{consent,revoked_at}' AS revoked_at, evidence_url
FROM voiceclone.voice_samples;

CREATE TABLE voiceclone.clone_jobs (
    job_id           text COLLATE "C" PRIMARY KEY,
    user_id          text COLLATE "C" NOT NULL,
    kind             text NOT NULL,
    -- What is asked, apart from the text, which has a column of its own.
    spec             jsonb NOT NULL,
    text             text,
    fingerprint      text NOT NULL,
    idempotency_key  text COLLATE "C",
    sample_id        text COLLATE "C" GENERATED ALWAYS AS (
                         coalesce(spec ->> 'sample', spec #>> '{request,target,sample}')) STORED,
    voice_id         text COLLATE "C" GENERATED ALWAYS AS (
                         coalesce(spec ->> 'voice', spec #>> '{request,target,voice}')) STORED,
    status           text NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    priority         smallint NOT NULL,
    attempt          bigint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts     bigint NOT NULL CHECK (max_attempts >= 1),
    crashes          bigint NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    max_crashes      bigint NOT NULL CHECK (max_crashes >= 1),
    progress         jsonb,
    output           jsonb,
    result_url       text COLLATE "C" GENERATED ALWAYS AS (output ->> 'key') STORED,
    error            jsonb,
    cancel_requested boolean NOT NULL DEFAULT false,
    last_seq         bigint NOT NULL DEFAULT 1,
    lease_id         uuid,
    lease_until      timestamptz,
    worker           text,
    run_at           timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    ended_at         timestamptz,
    -- A job is leased exactly while it runs, and has an end exactly when it has ended.
    CHECK ((status = 'running') = (lease_id IS NOT NULL) AND (lease_id IS NULL) = (lease_until IS NULL)),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX clone_jobs_idempotency ON voiceclone.clone_jobs (user_id, kind, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX clone_jobs_page ON voiceclone.clone_jobs (user_id, job_id);
-- The claim walks this owner by owner, so a long queue of one owner is not read for the sake of the others.
CREATE INDEX clone_jobs_queued ON voiceclone.clone_jobs (user_id, priority DESC, run_at, job_id) WHERE status = 'queued';
-- Finds a lease, and is the list of running jobs. No index names what a heartbeat writes (lease_until, progress,
-- last_seq, updated_at): that keeps heartbeats within their page (HOT).
CREATE UNIQUE INDEX clone_jobs_lease ON voiceclone.clone_jobs (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX clone_jobs_ended ON voiceclone.clone_jobs (ended_at) WHERE ended_at IS NOT NULL;

-- No foreign key: it would look up and lock the job once more for each event. The triggers below keep the two together.
CREATE TABLE voiceclone.job_events (
    job_id   text COLLATE "C" NOT NULL,
    seq      bigint NOT NULL,
    at       timestamptz NOT NULL,
    status   text NOT NULL,
    progress jsonb,
    error    jsonb,
    PRIMARY KEY (job_id, seq)
);

-- An event is written by the very statement that changes its job, so no crash and no cancelled future comes between; once
-- for a statement, since one may change hundreds of jobs.
CREATE FUNCTION voiceclone.write_first_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO voiceclone.job_events (job_id, seq, at, status, progress, error)
    SELECT job_id, last_seq, updated_at, status, progress, error FROM after;
    RETURN NULL;
END $$;
CREATE TRIGGER clone_jobs_first_events AFTER INSERT ON voiceclone.clone_jobs
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION voiceclone.write_first_events();

CREATE FUNCTION voiceclone.write_next_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO voiceclone.job_events (job_id, seq, at, status, progress, error)
    SELECT a.job_id, a.last_seq, a.updated_at, a.status, a.progress, a.error
    FROM after a JOIN before b ON b.job_id = a.job_id WHERE a.last_seq <> b.last_seq;
    IF EXISTS (SELECT 1 FROM voiceclone.outbox_subscribers) THEN
        INSERT INTO voiceclone.outbox (subscriber, job_id, user_id, kind, status, at)
        SELECT s.subscriber, a.job_id, a.user_id, a.kind, a.status, a.updated_at
        FROM after a JOIN before b ON b.job_id = a.job_id CROSS JOIN voiceclone.outbox_subscribers s
        WHERE a.ended_at IS NOT NULL AND b.ended_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER clone_jobs_next_events AFTER UPDATE ON voiceclone.clone_jobs
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION voiceclone.write_next_events();

CREATE FUNCTION voiceclone.remove_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM voiceclone.job_events e USING before b WHERE e.job_id = b.job_id;
    RETURN NULL;
END $$;
CREATE TRIGGER clone_jobs_no_events AFTER DELETE ON voiceclone.clone_jobs
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION voiceclone.remove_events();

-- Bytes: a row is written before the object, and lives exactly while a record names it.
CREATE TABLE voiceclone.blobs (
    key        text COLLATE "C" PRIMARY KEY,
    status     text NOT NULL CHECK (status IN ('pending', 'live', 'deleting')),
    -- The job that works with it, if its key names one: what a job keeps between two attempts is not swept.
    job_id     text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX blobs_unsettled ON voiceclone.blobs (updated_at) WHERE status <> 'live';

-- A row: the books are kept, so a record may only name what is in them, as far as they reach.
CREATE TABLE voiceclone.blob_ledger (
    id        smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    opened_at timestamptz NOT NULL DEFAULT now()
);

-- Every key that a record names. One may be named by many: a consent's evidence by all its recordings.
CREATE VIEW voiceclone.named_blobs AS
SELECT original_url AS key FROM voiceclone.voice_samples WHERE status <> 'deleted'
UNION ALL SELECT processed_url FROM voiceclone.voice_samples WHERE status <> 'deleted'
UNION ALL SELECT evidence_url FROM voiceclone.voice_samples WHERE status <> 'deleted'
UNION ALL SELECT result_url FROM voiceclone.clone_jobs;
CREATE INDEX voice_samples_original ON voiceclone.voice_samples (original_url);
CREATE INDEX voice_samples_processed ON voiceclone.voice_samples (processed_url) WHERE processed_url IS NOT NULL;
CREATE INDEX voice_samples_evidence ON voiceclone.voice_samples (evidence_url) WHERE evidence_url IS NOT NULL;
CREATE INDEX clone_jobs_result_url ON voiceclone.clone_jobs (result_url) WHERE result_url IS NOT NULL;

-- Who names or drops a blob locks its row first, and looks in a second statement, which sees what others did before.
CREATE FUNCTION voiceclone.name_blob(named text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    SELECT status INTO kept FROM voiceclone.blobs WHERE key = named FOR UPDATE;
    IF kept = 'deleting'
        OR kept IS NULL AND starts_with(named, 'owners/') AND EXISTS (SELECT 1 FROM voiceclone.blob_ledger) THEN
        RAISE EXCEPTION 'a record names a blob that is being removed or is gone' USING ERRCODE = 'VC001';
    END IF;
    IF kept = 'pending' THEN
        UPDATE voiceclone.blobs SET status = 'live', updated_at = now() WHERE key = named;
    END IF;
END $$;
CREATE FUNCTION voiceclone.drop_blob(dropped text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM voiceclone.blobs WHERE key = dropped AND status <> 'deleting' FOR UPDATE;
    UPDATE voiceclone.blobs SET status = 'deleting', updated_at = now()
    WHERE key = dropped AND status <> 'deleting'
        AND NOT EXISTS (SELECT 1 FROM voiceclone.named_blobs n WHERE n.key = dropped);
END $$;

CREATE FUNCTION voiceclone.follow_sample_blobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text[] := '{}';
    after  text[] := '{}';
    url    text;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.status <> 'deleted' THEN
        before := array_remove(ARRAY[OLD.original_url, OLD.processed_url, OLD.evidence_url], NULL);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.status <> 'deleted' THEN
        after := array_remove(ARRAY[NEW.original_url, NEW.processed_url, NEW.evidence_url], NULL);
    END IF;
    -- In the order of their names, so that no two changes wait for each other.
    FOR url IN SELECT DISTINCT u FROM unnest(before || after) AS u ORDER BY u LOOP
        IF url <> ALL (before) THEN PERFORM voiceclone.name_blob(url); END IF;
        IF url <> ALL (after) THEN PERFORM voiceclone.drop_blob(url); END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER voice_samples_blobs AFTER INSERT OR UPDATE OR DELETE ON voiceclone.voice_samples
    FOR EACH ROW EXECUTE FUNCTION voiceclone.follow_sample_blobs();

CREATE FUNCTION voiceclone.follow_job_blobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM voiceclone.name_blob(NEW.result_url);
    ELSE
        PERFORM voiceclone.drop_blob(OLD.result_url);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER clone_jobs_result AFTER UPDATE OF output ON voiceclone.clone_jobs
    FOR EACH ROW WHEN (NEW.result_url IS NOT NULL AND NEW.result_url IS DISTINCT FROM OLD.result_url)
    EXECUTE FUNCTION voiceclone.follow_job_blobs();
CREATE TRIGGER clone_jobs_gone AFTER DELETE ON voiceclone.clone_jobs
    FOR EACH ROW WHEN (OLD.result_url IS NOT NULL) EXECUTE FUNCTION voiceclone.follow_job_blobs();

-- Ends of jobs for whoever subscribed: written with the end itself by the trigger of the events, delivered at least once.
CREATE TABLE voiceclone.outbox_subscribers (
    subscriber text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE voiceclone.outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber  text COLLATE "C" NOT NULL REFERENCES voiceclone.outbox_subscribers ON DELETE CASCADE,
    job_id      text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    status      text NOT NULL,
    at          timestamptz NOT NULL,
    -- Not to be handed out again before this, unless it is acknowledged first.
    hidden_until timestamptz NOT NULL DEFAULT '-infinity',
    deliveries  bigint NOT NULL DEFAULT 0
);
CREATE INDEX outbox_order ON voiceclone.outbox (subscriber, id);
