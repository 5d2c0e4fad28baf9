//! Every statement of this store. Knows names of tables and columns, and no Rust type.
//!
//! Each is one change or one question; PostgreSQL has all of them in nearly the same words. The view `clock` is the
//! database's own, and shows one time throughout a statement.

/// The statements of one table of records. `?1` is the id and `?2` the owner unless said otherwise.
#[derive(Debug)]
pub(super) struct RecordSql {
    /// `?3` version, `?4` record, `?5` created, `?6` updated. No row: the id is taken.
    pub(super) insert: &'static str,
    pub(super) get: &'static str,
    /// `?1` owner, `?2` after, `?3` limit.
    pub(super) page: &'static str,
    /// `?3` version, `?4` record, `?5` updated, `?6` the states it may come from, as JSON. No row: not so.
    pub(super) update: &'static str,
}

pub(super) const SAMPLES: RecordSql = RecordSql {
    insert: "
        INSERT INTO voice_samples (sample_id, user_id, version, record, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING sample_id",
    get: "SELECT record FROM voice_samples WHERE sample_id = ?1 AND user_id = ?2",
    page: "
        SELECT record FROM voice_samples
        WHERE user_id = ?1 AND sample_id > ?2 AND status <> 'deleted' ORDER BY sample_id LIMIT ?3",
    update: "
        UPDATE voice_samples SET version = version + 1, record = ?4, updated_at = ?5
        WHERE sample_id = ?1 AND user_id = ?2 AND version = ?3 AND status IN (SELECT value FROM json_each(?6))
        RETURNING sample_id",
};

pub(super) const VOICES: RecordSql = RecordSql {
    insert: "
        INSERT INTO voices (voice_id, user_id, version, record, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING voice_id",
    get: "SELECT record FROM voices WHERE voice_id = ?1 AND user_id = ?2",
    page: "
        SELECT record FROM voices
        WHERE user_id = ?1 AND voice_id > ?2 AND status <> 'deleted' ORDER BY voice_id LIMIT ?3",
    update: "
        UPDATE voices SET version = version + 1, record = ?4, updated_at = ?5
        WHERE voice_id = ?1 AND user_id = ?2 AND version = ?3 AND status IN (SELECT value FROM json_each(?6))
        RETURNING voice_id",
};

/// What [`super::rows::job`] reads.
macro_rules! job {
    () => {
        "job_id, user_id, spec, status, priority, attempt, max_attempts, crashes, max_crashes, progress, output, error,
        cancel_requested, idempotency_key, run_at, created_at, updated_at"
    };
}

/// No row: the id or the idempotency key is taken.
pub(super) const ENQUEUE: &str = concat!(
    "
    INSERT INTO clone_jobs (job_id, user_id, kind, spec, fingerprint, idempotency_key, status, priority, max_attempts,
        max_crashes, run_at, created_at, updated_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?9, now + ?10, now, now FROM clock WHERE true
    ON CONFLICT DO NOTHING RETURNING ",
    job!()
);

pub(super) const JOB_BY_KEY: &str = concat!(
    "SELECT fingerprint, ",
    job!(),
    " FROM clone_jobs WHERE user_id = ?1 AND kind = ?2 AND idempotency_key = ?3"
);

pub(super) const JOB: &str = concat!("SELECT ", job!(), " FROM clone_jobs WHERE job_id = ?1 AND user_id = ?2");

/// `?1` owner, `?2` after, `?3` state or NULL, `?4` limit.
pub(super) const JOBS: &str = concat!(
    "SELECT ",
    job!(),
    " FROM clone_jobs
    WHERE user_id = ?1 AND job_id > ?2 AND (?3 IS NULL OR status = ?3) ORDER BY job_id LIMIT ?4"
);

/// The lapsed jobs that are not to be tried again.
pub(super) const LOST: &str = "
    SELECT lease_id, attempt, crashes + 1 AS crashes, cancel_requested FROM clone_jobs
    WHERE status = 'running' AND lease_until <= (SELECT now FROM clock)
        AND (cancel_requested OR crashes + 1 >= max_crashes)";

/// Ends one of them unless something changed since: `?1` lease, `?2` state, `?3` error, `?4` whether a stop was asked.
pub(super) const END_LOST: &str = "
    UPDATE clone_jobs SET status = ?2, error = coalesce(?3, error), crashes = crashes + 1,
        lease_id = NULL, lease_until = NULL, worker = NULL,
        last_seq = last_seq + 1, updated_at = (SELECT now FROM clock)
    WHERE lease_id = ?1 AND status = 'running' AND lease_until <= (SELECT now FROM clock) AND cancel_requested = ?4
    RETURNING job_id";

/// `?1` how many, `?2` as many fresh leases as JSON, `?3` worker, `?4` length of the lease.
///
/// `due` holds the first jobs of every owner, found owner by owner in the index, and all lapsed ones. A job's `share`
/// is how many leases its owner would hold when its turn comes, which orders a batch as if its jobs were taken one by
/// one.
pub(super) const CLAIM: &str = concat!(
    "
    WITH RECURSIVE owners (user_id) AS (
        SELECT min(user_id) FROM clone_jobs WHERE status = 'queued'
        UNION ALL
        SELECT (SELECT min(q.user_id) FROM clone_jobs q WHERE q.status = 'queued' AND q.user_id > owners.user_id)
        FROM owners WHERE owners.user_id IS NOT NULL
    ), due AS (
        SELECT j.job_id, j.user_id, j.priority, j.run_at FROM owners CROSS JOIN clone_jobs j
        WHERE j.job_id IN (
            SELECT q.job_id FROM clone_jobs q
            WHERE q.status = 'queued' AND q.user_id = owners.user_id AND q.run_at <= (SELECT now FROM clock)
            ORDER BY q.priority DESC, q.run_at, q.job_id LIMIT ?1)
        UNION ALL
        SELECT job_id, user_id, priority, run_at FROM clone_jobs
        WHERE status = 'running' AND lease_until <= (SELECT now FROM clock)
            AND NOT cancel_requested AND crashes + 1 < max_crashes
    ), busy AS (
        SELECT user_id, count(*) AS leases FROM clone_jobs
        WHERE status = 'running' AND lease_until > (SELECT now FROM clock) GROUP BY user_id
    ), shared AS (
        SELECT due.*, coalesce(busy.leases, 0) + row_number() OVER (
            PARTITION BY due.user_id ORDER BY due.priority DESC, due.run_at, due.job_id) AS share
        FROM due LEFT JOIN busy ON busy.user_id = due.user_id
    ), taken AS (
        SELECT job_id, row_number() OVER (ORDER BY priority DESC, share, run_at, job_id) AS place
        FROM shared ORDER BY place LIMIT ?1
    )
    UPDATE clone_jobs SET status = 'running', attempt = attempt + (status = 'queued'),
        crashes = crashes + (status = 'running'), lease_id = lease.value, worker = ?3,
        lease_until = (SELECT now FROM clock) + ?4, last_seq = last_seq + 1, updated_at = (SELECT now FROM clock)
    FROM taken JOIN json_each(?2) AS lease ON lease.key = taken.place - 1
    WHERE clone_jobs.job_id = taken.job_id
        AND (status = 'queued' OR status = 'running' AND lease_until <= (SELECT now FROM clock))
    RETURNING lease_id, ",
    job!()
);

/// `?1` lease, `?2` length, `?3` progress or NULL. No row: the lease is lost.
pub(super) const HEARTBEAT: &str = "
    UPDATE clone_jobs SET lease_until = (SELECT now FROM clock) + ?2, progress = coalesce(?3, progress),
        last_seq = last_seq + (coalesce(?3, progress) IS NOT progress),
        updated_at = iif(coalesce(?3, progress) IS NOT progress, (SELECT now FROM clock), updated_at)
    WHERE lease_id = ?1 AND status = 'running' RETURNING job_id, cancel_requested";

/// `?1` lease, `?2` state, `?3` output, `?4` error. No row: the lease is lost.
pub(super) const END: &str = concat!(
    "
    UPDATE clone_jobs SET status = ?2, output = ?3, error = iif(?2 = 'succeeded', NULL, coalesce(?4, error)),
        lease_id = NULL, lease_until = NULL, worker = NULL,
        last_seq = last_seq + 1, updated_at = (SELECT now FROM clock)
    WHERE lease_id = ?1 AND status = 'running' RETURNING ",
    job!()
);

/// `?1` lease, `?2` error, `?3` delay or NULL, `?4` whether the attempt counts. No row: the lease is lost.
///
/// The words of [`voiceclone_core::store::Outcome::apply`]: asked to stop, it is cancelled; out of attempts, it fails.
pub(super) const REQUEUE: &str = concat!(
    "
    UPDATE clone_jobs SET
        status = CASE WHEN cancel_requested THEN 'cancelled' WHEN ?4 AND attempt >= max_attempts THEN 'failed'
            ELSE 'queued' END,
        run_at = CASE WHEN cancel_requested OR ?4 AND attempt >= max_attempts THEN run_at
            ELSE coalesce((SELECT now FROM clock) + ?3, run_at) END,
        attempt = max(0, attempt - NOT ?4), error = coalesce(?2, error),
        lease_id = NULL, lease_until = NULL, worker = NULL,
        last_seq = last_seq + 1, updated_at = (SELECT now FROM clock)
    WHERE lease_id = ?1 AND status = 'running' RETURNING ",
    job!()
);

/// No row: the job has ended, or there is none.
pub(super) const CANCEL: &str = concat!(
    "
    UPDATE clone_jobs SET status = iif(status = 'queued', 'cancelled', status), cancel_requested = 1,
        last_seq = last_seq + (status = 'queued'),
        updated_at = iif(cancel_requested, updated_at, (SELECT now FROM clock))
    WHERE job_id = ?1 AND user_id = ?2 AND status IN ('queued', 'running') RETURNING ",
    job!()
);

/// `?3` after, `?4` how many.
pub(super) const EVENTS: &str = "
    SELECT e.job_id, e.seq, e.at, e.status, e.progress, e.error
    FROM job_events e JOIN clone_jobs j ON j.job_id = e.job_id
    WHERE e.job_id = ?1 AND j.user_id = ?2 AND e.seq > ?3 ORDER BY e.seq LIMIT ?4";

/// A row: events after `?3` may come, or are there by now.
pub(super) const MAY_GO_ON: &str = "
    SELECT job_id FROM clone_jobs
    WHERE job_id = ?1 AND user_id = ?2 AND (last_seq > ?3 OR status IN ('queued', 'running'))";

/// No row: the job has not ended, or there is none.
pub(super) const REMOVE: &str = concat!(
    "
    DELETE FROM clone_jobs WHERE job_id = ?1 AND user_id = ?2 AND status IN ('succeeded', 'failed', 'cancelled')
    RETURNING ",
    job!()
);

/// `?1` age, `?2` how many.
pub(super) const PRUNE: &str = concat!(
    "
    DELETE FROM clone_jobs WHERE job_id IN (
        SELECT job_id FROM clone_jobs
        WHERE status IN ('succeeded', 'failed', 'cancelled') AND updated_at <= (SELECT now FROM clock) - ?1
        ORDER BY updated_at LIMIT ?2)
    RETURNING ",
    job!()
);

/// `?1` after, `?2` how many.
pub(super) const OWNERS: &str = "
    SELECT DISTINCT user_id FROM voice_samples WHERE user_id > ?1 ORDER BY user_id LIMIT ?2";

/// `?1` the voice.
pub(super) const VOICE_OWNER: &str = "SELECT user_id FROM voices WHERE voice_id = ?1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use sqlx::{Executor as _, SqlSafeStr as _, Statement as _};

    const SCOPED: [(&str, &str); 16] = [
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

    /// A worker serves every owner, so these name no owner; the last three name a lease, which only its worker knows.
    const OF_WORKERS: [(&str, &str); 6] = [
        ("lost", LOST),
        ("claim", CLAIM),
        ("end lost", END_LOST),
        ("heartbeat", HEARTBEAT),
        ("end", END),
        ("requeue", REQUEUE),
    ];

    /// Housekeeping serves every owner too.
    const OF_HOUSEKEEPING: [(&str, &str); 3] = [("prune", PRUNE), ("owners", OWNERS), ("voice owner", VOICE_OWNER)];

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
            let condition = sql.split_once("WHERE").map_or("", |(_, condition)| condition);
            let asks_for_owner = condition.contains("user_id = ?1") || condition.contains("user_id = ?2");
            assert!(writes_owner || asks_for_owner, "{name}: {sql}");
        }
    }

    #[test]
    fn every_write_of_an_attempt_names_its_lease_and_its_state() {
        for (name, sql) in OF_WORKERS.iter().skip(2) {
            assert!(sql.contains("WHERE lease_id = ?1 AND status = 'running'"), "{name}: {sql}");
        }
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let store = SqliteStore::in_memory().await.unwrap();
        for (name, sql) in SCOPED.into_iter().chain(OF_WORKERS).chain(OF_HOUSEKEEPING) {
            let prepared = (&store.writer).prepare(sql.into_sql_str()).await;
            let prepared = prepared.unwrap_or_else(|e| panic!("{name}: {e}: {sql}"));
            assert!(!prepared.columns().is_empty(), "{name} returns no row to count");
        }
    }
}
