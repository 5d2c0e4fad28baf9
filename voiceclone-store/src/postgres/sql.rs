//! Every statement of this store. Knows names of tables and columns, and no Rust type.
//!
//! Each is one change or one question, committed by itself. `now()` is the database's clock and shows one time throughout
//! a statement. Those that take arrays make the changes of many callers at once; a row of theirs must not come twice.

/// The statements of one table of records. `$1` is the id and `$2` the owner unless said otherwise.
#[derive(Debug)]
pub(super) struct RecordSql {
    /// `$3` version, `$4` record, `$5` created, `$6` updated. No row: the id is taken.
    pub(super) insert: &'static str,
    pub(super) get: &'static str,
    /// `$1` owner, `$2` after, `$3` limit.
    pub(super) page: &'static str,
    /// `$3` version, `$4` record, `$5` updated, `$6` the states it may come from. No row: not so.
    pub(super) update: &'static str,
}

pub(super) const SAMPLES: RecordSql = RecordSql {
    insert: "
        INSERT INTO voiceclone.voice_samples (sample_id, user_id, version, record, created_at, updated_at)
        VALUES ($1, $2, $3, $4::jsonb, $5, $6) ON CONFLICT DO NOTHING RETURNING sample_id",
    get: "SELECT record::text AS record FROM voiceclone.voice_samples WHERE sample_id = $1 AND user_id = $2",
    page: "
        SELECT record::text AS record FROM voiceclone.voice_samples
        WHERE user_id = $1 AND sample_id > $2 AND status <> 'deleted' ORDER BY sample_id LIMIT $3",
    update: "
        UPDATE voiceclone.voice_samples SET version = version + 1, record = $4::jsonb, updated_at = $5
        WHERE sample_id = $1 AND user_id = $2 AND version = $3 AND status = ANY ($6::text[])
        RETURNING sample_id",
};

pub(super) const VOICES: RecordSql = RecordSql {
    insert: "
        INSERT INTO voiceclone.voices (voice_id, user_id, version, record, created_at, updated_at)
        VALUES ($1, $2, $3, $4::jsonb, $5, $6) ON CONFLICT DO NOTHING RETURNING voice_id",
    get: "SELECT record::text AS record FROM voiceclone.voices WHERE voice_id = $1 AND user_id = $2",
    page: "
        SELECT record::text AS record FROM voiceclone.voices
        WHERE user_id = $1 AND voice_id > $2 AND status <> 'deleted' ORDER BY voice_id LIMIT $3",
    update: "
        UPDATE voiceclone.voices SET version = version + 1, record = $4::jsonb, updated_at = $5
        WHERE voice_id = $1 AND user_id = $2 AND version = $3 AND status = ANY ($6::text[])
        RETURNING voice_id",
};

/// What [`super::rows::job`] reads, of the table that goes by the name `j`.
macro_rules! job {
    () => {
        "j.job_id, j.user_id, j.spec::text AS spec, j.text, j.status, j.priority, j.attempt, j.max_attempts, j.crashes,
        j.max_crashes, j.progress::text AS progress, j.output::text AS output, j.error::text AS error,
        j.cancel_requested, j.idempotency_key, j.run_at, j.created_at, j.updated_at"
    };
}

/// Arrays: `$1` ids, `$2` owners, `$3` kinds, `$4` specs, `$5` texts, `$6` fingerprints, `$7` keys, `$8` priorities,
/// `$9` attempts allowed, `$10` crashes allowed, `$11` delays. An id that is missing among the rows: it or its
/// idempotency key is taken. In the order of the keys, so that two processes with the same keys do not wait for each
/// other.
pub(super) const ENQUEUE: &str = concat!(
    "
    INSERT INTO voiceclone.clone_jobs AS j (job_id, user_id, kind, spec, text, fingerprint, idempotency_key, status,
        priority, max_attempts, max_crashes, run_at)
    SELECT job_id, user_id, kind, spec::jsonb, text, fingerprint, idempotency_key, 'queued',
        priority, max_attempts, max_crashes, now() + delay * interval '1 microsecond'
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::smallint[],
        $9::bigint[], $10::bigint[], $11::bigint[])
        AS new (job_id, user_id, kind, spec, text, fingerprint, idempotency_key, priority, max_attempts, max_crashes,
            delay)
    ORDER BY user_id, kind, idempotency_key, job_id
    ON CONFLICT DO NOTHING RETURNING ",
    job!()
);

pub(super) const JOB_BY_KEY: &str = concat!(
    "SELECT j.fingerprint, ",
    job!(),
    " FROM voiceclone.clone_jobs j WHERE j.user_id = $1 AND j.kind = $2 AND j.idempotency_key = $3"
);

pub(super) const JOB: &str =
    concat!("SELECT ", job!(), " FROM voiceclone.clone_jobs j WHERE j.job_id = $1 AND j.user_id = $2");

/// `$1` owner, `$2` after, `$3` state or NULL, `$4` limit.
pub(super) const JOBS: &str = concat!(
    "SELECT ",
    job!(),
    " FROM voiceclone.clone_jobs j
    WHERE j.user_id = $1 AND j.job_id > $2 AND ($3::text IS NULL OR j.status = $3) ORDER BY j.job_id LIMIT $4"
);

/// `$1` how many, `$2` as many fresh leases, `$3` worker, `$4` length of the lease, `$5` the owner after whom to begin,
/// `$6` how many owners to look at, `$7` how many more candidates than `$1` to look at.
///
/// Owners are found one by one in the index of queued jobs: those after `$5`, then those from the first on. `due` holds
/// the first jobs of each and all lapsed ones. A job's `share` is how many leases its owner would hold when its turn
/// comes, which orders a batch as if its jobs were taken one by one. There are more candidates than asked for because
/// some may be in the hands of another claim by now: those are passed over, also if they were changed and let go since.
///
/// The first row tells of the claim itself: how many owners and candidates there were, the last owner that was looked
/// at, and the lapsed jobs that were ended. The claimed jobs are with it; there are none if its `job_id` is NULL.
pub(super) const CLAIM: &str = concat!(
    "
    WITH RECURSIVE later (user_id, n) AS (
        SELECT (SELECT q.user_id FROM voiceclone.clone_jobs q WHERE q.status = 'queued' AND q.user_id > $5
            ORDER BY q.user_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT q.user_id FROM voiceclone.clone_jobs q WHERE q.status = 'queued' AND q.user_id > later.user_id
            ORDER BY q.user_id LIMIT 1), n + 1
        FROM later WHERE later.user_id IS NOT NULL AND n < $6
    ), earlier (user_id, n) AS (
        SELECT (SELECT q.user_id FROM voiceclone.clone_jobs q WHERE q.status = 'queued' AND q.user_id <= $5
            ORDER BY q.user_id LIMIT 1), (SELECT count(later.user_id) FROM later) + 1
        UNION ALL
        SELECT (SELECT q.user_id FROM voiceclone.clone_jobs q
            WHERE q.status = 'queued' AND q.user_id > earlier.user_id AND q.user_id <= $5
            ORDER BY q.user_id LIMIT 1), n + 1
        FROM earlier WHERE earlier.user_id IS NOT NULL AND n < $6
    ), owners AS MATERIALIZED (
        SELECT user_id, n FROM later WHERE user_id IS NOT NULL
        UNION ALL SELECT user_id, n FROM earlier WHERE user_id IS NOT NULL AND n <= $6
    ), running AS MATERIALIZED (
        SELECT job_id, user_id, priority, run_at, lease_until <= now() AS lapsed,
            cancel_requested OR crashes + 1 >= max_crashes AS over
        FROM voiceclone.clone_jobs WHERE lease_id IS NOT NULL
    ), due AS (
        SELECT q.job_id, q.user_id, q.priority, q.run_at FROM owners CROSS JOIN LATERAL (
            SELECT job_id, user_id, priority, run_at FROM voiceclone.clone_jobs
            WHERE status = 'queued' AND user_id = owners.user_id AND run_at <= now()
            ORDER BY priority DESC, run_at, job_id LIMIT $1 + $7 / greatest(1, (SELECT count(*) FROM owners))) q
        UNION ALL
        SELECT job_id, user_id, priority, run_at FROM running WHERE lapsed AND NOT over
    ), busy AS (
        SELECT user_id, count(*) AS leases FROM running WHERE NOT lapsed GROUP BY user_id
    ), shared AS (
        SELECT due.*, coalesce(busy.leases, 0) + row_number() OVER (
            PARTITION BY due.user_id ORDER BY due.priority DESC, due.run_at, due.job_id) AS share
        FROM due LEFT JOIN busy ON busy.user_id = due.user_id
    ), candidates AS MATERIALIZED (
        SELECT job_id, row_number() OVER (ORDER BY priority DESC, share, run_at, job_id) AS place
        FROM shared ORDER BY place LIMIT $1 + $7
    ), locked AS MATERIALIZED (
        SELECT j.job_id, c.place FROM candidates c JOIN voiceclone.clone_jobs j ON j.job_id = c.job_id
        WHERE j.status = 'queued' AND j.run_at <= now()
            OR j.status = 'running' AND j.lease_until <= now()
                AND NOT j.cancel_requested AND j.crashes + 1 < j.max_crashes
        ORDER BY c.place LIMIT $1 FOR NO KEY UPDATE OF j SKIP LOCKED
    ), taken AS MATERIALIZED (
        SELECT job_id, ($2::uuid[])[(row_number() OVER (ORDER BY place))::int] AS lease_id FROM locked
    ), claimed AS (
        UPDATE voiceclone.clone_jobs j SET status = 'running', attempt = attempt + (status = 'queued')::int,
            crashes = crashes + (status = 'running')::int, lease_id = taken.lease_id, worker = $3,
            lease_until = now() + $4 * interval '1 microsecond', last_seq = last_seq + 1, updated_at = now()
        FROM taken WHERE j.job_id = taken.job_id
        RETURNING j.lease_id, ",
    job!(),
    "
    ), lost AS MATERIALIZED (
        SELECT j.job_id FROM running r JOIN voiceclone.clone_jobs j ON j.job_id = r.job_id
        WHERE r.lapsed AND r.over AND j.lease_id IS NOT NULL AND j.lease_until <= now()
        FOR NO KEY UPDATE OF j SKIP LOCKED
    ), ended AS (
        UPDATE voiceclone.clone_jobs j SET
            status = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END,
            error = CASE WHEN cancel_requested THEN error ELSE jsonb_build_object('kind', 'lease_lost', 'message',
                format('%s workers were lost over this job, as many as are allowed', crashes + 1),
                'attempt', attempt) END,
            crashes = crashes + 1, lease_id = NULL, lease_until = NULL, worker = NULL, ended_at = now(),
            last_seq = last_seq + 1, updated_at = now()
        FROM lost WHERE j.job_id = lost.job_id RETURNING j.job_id
    )
    SELECT told.owners, told.last_owner, told.candidates, told.ended, claimed.*
    FROM (SELECT (SELECT count(*) FROM owners) AS owners,
            (SELECT user_id FROM owners ORDER BY n DESC LIMIT 1) AS last_owner,
            (SELECT count(*) FROM candidates) AS candidates,
            (SELECT coalesce(array_agg(job_id), '{}') FROM ended) AS ended) told
        LEFT JOIN claimed ON true"
);

/// Arrays: `$1` leases, `$2` lengths, `$3` progress or NULL. A lease that is missing among the rows is lost.
pub(super) const HEARTBEAT: &str = "
    UPDATE voiceclone.clone_jobs j SET lease_until = now() + beat.length * interval '1 microsecond',
        progress = coalesce(beat.progress, j.progress),
        last_seq = last_seq + (coalesce(beat.progress, j.progress) IS DISTINCT FROM j.progress)::int,
        updated_at = CASE WHEN coalesce(beat.progress, j.progress) IS DISTINCT FROM j.progress THEN now()
            ELSE updated_at END
    FROM (SELECT lease_id, length, progress::jsonb AS progress
        FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS beats (lease_id, length, progress)) beat
    WHERE j.lease_id = beat.lease_id AND j.status = 'running' RETURNING j.lease_id, j.job_id, j.cancel_requested";

/// What becomes of the status, in the words of [`voiceclone_core::store::Outcome::apply`]: without a state to end in, a job
/// that was asked to stop is cancelled, one that is out of attempts fails, and any other waits for another attempt.
macro_rules! next_status {
    () => {
        "CASE WHEN done.status IS NOT NULL THEN done.status WHEN j.cancel_requested THEN 'cancelled'
            WHEN done.counts AND j.attempt >= j.max_attempts THEN 'failed' ELSE 'queued' END"
    };
}

/// Arrays: `$1` leases, `$2` states to end in or NULL, `$3` outputs, `$4` errors, `$5` delays or NULL, `$6` whether the
/// attempt counts. A lease that is missing among the rows is lost.
pub(super) const FINISH: &str = concat!(
    "
    UPDATE voiceclone.clone_jobs j SET status = ",
    next_status!(),
    ",
        ended_at = CASE ",
    next_status!(),
    " WHEN 'queued' THEN NULL ELSE now() END,
        run_at = CASE ",
    next_status!(),
    " WHEN 'queued' THEN coalesce(now() + done.delay * interval '1 microsecond', run_at)
            ELSE run_at END,
        attempt = CASE WHEN done.counts THEN attempt ELSE greatest(0, attempt - 1) END,
        output = done.output::jsonb,
        error = CASE WHEN done.status = 'succeeded' THEN NULL ELSE coalesce(done.error::jsonb, j.error) END,
        lease_id = NULL, lease_until = NULL, worker = NULL, last_seq = last_seq + 1, updated_at = now()
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[])
        AS done (lease_id, status, output, error, delay, counts)
    WHERE j.lease_id = done.lease_id AND j.status = 'running' RETURNING done.lease_id AS lease_id, ",
    job!()
);

/// No row: the job has ended, or there is none.
pub(super) const CANCEL: &str = concat!(
    "
    UPDATE voiceclone.clone_jobs j SET status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END,
        ended_at = CASE status WHEN 'queued' THEN now() END, cancel_requested = true,
        last_seq = last_seq + (status = 'queued')::int,
        updated_at = CASE WHEN cancel_requested THEN updated_at ELSE now() END
    WHERE j.job_id = $1 AND j.user_id = $2 AND j.status IN ('queued', 'running') RETURNING ",
    job!()
);

/// `$3` after, `$4` how many.
pub(super) const EVENTS: &str = "
    SELECT e.job_id, e.seq, e.at, e.status, e.progress::text AS progress, e.error::text AS error
    FROM voiceclone.job_events e JOIN voiceclone.clone_jobs j ON j.job_id = e.job_id
    WHERE e.job_id = $1 AND j.user_id = $2 AND e.seq > $3 ORDER BY e.seq LIMIT $4";

/// A row: events after `$3` may come, or are there by now.
pub(super) const MAY_GO_ON: &str = "
    SELECT j.job_id FROM voiceclone.clone_jobs j
    WHERE j.job_id = $1 AND j.user_id = $2 AND (j.last_seq > $3 OR j.status IN ('queued', 'running'))";

/// No row: the job has not ended, or there is none.
pub(super) const REMOVE: &str = concat!(
    "
    DELETE FROM voiceclone.clone_jobs j WHERE j.job_id = $1 AND j.user_id = $2 AND j.ended_at IS NOT NULL RETURNING ",
    job!()
);

/// `$1` age, `$2` how many.
pub(super) const PRUNE: &str = concat!(
    "
    WITH old AS MATERIALIZED (
        SELECT job_id FROM voiceclone.clone_jobs WHERE ended_at <= now() - $1 * interval '1 microsecond'
        ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    DELETE FROM voiceclone.clone_jobs j USING old WHERE j.job_id = old.job_id RETURNING ",
    job!()
);

/// `$1` after, `$2` how many.
pub(super) const OWNERS: &str = "
    SELECT DISTINCT user_id FROM voiceclone.voice_samples WHERE user_id > $1 ORDER BY user_id LIMIT $2";

/// `$1` the voice.
pub(super) const VOICE_OWNER: &str = "SELECT user_id FROM voiceclone.voices WHERE voice_id = $1";

/// Arrays: `$1` channels, `$2` what is said on each.
pub(super) const NOTIFY: &str =
    "SELECT pg_notify(channel, said)::text AS done FROM unnest($1::text[], $2::text[]) AS notes (channel, said)";

/// The newest migration that is applied, and the oldest that code may know and still work with the tables.
pub(super) const VERSIONS: &str = "
    SELECT coalesce(max(version), 0) AS newest, (SELECT max(oldest_version) FROM voiceclone.compatibility) AS oldest
    FROM voiceclone.migrations WHERE success";

/// Every statement by name.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    tests::SCOPED.into_iter().chain(tests::OF_WORKERS).chain(tests::OF_HOUSEKEEPING)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SCOPED: [(&str, &str); 16] = [
        ("insert sample", SAMPLES.insert),
        ("get sample", SAMPLES.get),
        ("page samples", SAMPLES.page),
        ("update sample", SAMPLES.update),
        ("insert voice", VOICES.insert),
        ("get voice", VOICES.get),
        ("page voices", VOICES.page),
        ("update voice", VOICES.update),
        ("enqueue", ENQUEUE),
        ("job by key", JOB_BY_KEY),
        ("job", JOB),
        ("jobs", JOBS),
        ("cancel", CANCEL),
        ("events", EVENTS),
        ("may go on", MAY_GO_ON),
        ("remove", REMOVE),
    ];

    /// A worker serves every owner, so these name no owner; the last two name leases, which only their worker knows.
    pub(super) const OF_WORKERS: [(&str, &str); 3] = [("claim", CLAIM), ("heartbeat", HEARTBEAT), ("finish", FINISH)];

    /// Housekeeping serves every owner too.
    pub(super) const OF_HOUSEKEEPING: [(&str, &str); 5] = [
        ("prune", PRUNE),
        ("owners", OWNERS),
        ("voice owner", VOICE_OWNER),
        ("notify", NOTIFY),
        ("versions", VERSIONS),
    ];

    #[test]
    fn no_statement_is_missing_from_these_tests() {
        let source = include_str!("sql.rs");
        let declared = source.lines().filter(|line| line.starts_with("pub(super) const ")).count();
        let of_two_tables = 2 * 4 - 2;
        assert_eq!(SCOPED.len() + OF_WORKERS.len() + OF_HOUSEKEEPING.len(), declared + of_two_tables);
    }

    #[test]
    fn every_statement_of_a_caller_is_scoped_by_owner() {
        for (name, sql) in SCOPED {
            let writes_owner = sql.trim_start().starts_with("INSERT") && sql.contains("user_id");
            assert!(writes_owner || sql.contains("user_id = $1") || sql.contains("user_id = $2"), "{name}: {sql}");
        }
    }

    #[test]
    fn every_write_of_an_attempt_names_its_lease_and_its_state() {
        for (name, sql) in OF_WORKERS.iter().skip(1) {
            let scoped = sql.contains("WHERE j.lease_id = ") && sql.contains(".lease_id AND j.status = 'running'");
            assert!(scoped, "{name}: {sql}");
        }
    }
}
