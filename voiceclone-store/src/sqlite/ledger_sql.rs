//! The statements of the books of blobs and of the outbox. Knows names of tables and columns, and no Rust type.
//!
//! The books serve every owner; a message belongs to the subscriber that is `?1`.

/// From now on, records name only what is in the books.
pub(super) const OPEN: &str = "
    INSERT INTO blob_ledger (id, opened_at) SELECT 1, now FROM clock WHERE true ON CONFLICT DO NOTHING RETURNING id";

/// `?1` key, `?2` job or NULL. No row: it is being removed.
pub(super) const ENTER: &str = "
    INSERT INTO blobs (key, status, job_id, created_at, updated_at)
    SELECT ?1, 'pending', ?2, now, now FROM clock WHERE true
    ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at WHERE status <> 'deleting' RETURNING key";

/// `?1` key, which may be in the books or not.
pub(super) const CONDEMN: &str = "
    INSERT INTO blobs (key, status, created_at, updated_at) SELECT ?1, 'deleting', now, now FROM clock WHERE true
    ON CONFLICT (key) DO UPDATE SET status = 'deleting', updated_at = excluded.updated_at RETURNING key";

/// `?1` how long nobody claimed it, `?2` how long it has been marked, `?3` how many.
///
/// A record that was written before the books were opened may name a pending blob, hence the last condition.
pub(super) const TAKE: &str = "
    UPDATE blobs SET status = 'deleting', updated_at = (SELECT now FROM clock)
    WHERE key IN (
        SELECT b.key FROM blobs b
        WHERE b.status <> 'live' AND (
            b.status = 'deleting' AND b.updated_at <= (SELECT now FROM clock) - ?2
            OR b.status = 'pending' AND b.updated_at <= (SELECT now FROM clock) - ?1
                AND NOT EXISTS (
                    SELECT 1 FROM clone_jobs j WHERE j.job_id = b.job_id AND j.status IN ('queued', 'running'))
                AND NOT EXISTS (SELECT 1 FROM named_blobs n WHERE n.key = b.key))
        ORDER BY b.updated_at LIMIT ?3)
    RETURNING key";

/// `?1` keys as JSON.
pub(super) const STRIKE: &str = "
    DELETE FROM blobs WHERE key IN (SELECT value FROM json_each(?1)) AND status = 'deleting' RETURNING key";

/// `?1` pairs of key and job as JSON. Rows: those that were not in the books.
pub(super) const ADOPT: &str = "
    INSERT INTO blobs (key, status, job_id, created_at, updated_at)
    SELECT found.value ->> 0, 'pending', found.value ->> 1, now, now FROM json_each(?1) AS found, clock WHERE true
    ON CONFLICT DO NOTHING RETURNING key";

/// `?1` keys as JSON. Rows: those that a record names and that waited to be named.
pub(super) const CLAIM: &str = "
    UPDATE blobs SET status = 'live', updated_at = (SELECT now FROM clock)
    WHERE key IN (SELECT value FROM json_each(?1)) AND status = 'pending'
        AND EXISTS (SELECT 1 FROM named_blobs n WHERE n.key = blobs.key)
    RETURNING key";

/// `?1` after, `?2` how many.
pub(super) const LIVE_AFTER: &str = "
    SELECT key FROM blobs WHERE status = 'live' AND key > ?1 ORDER BY key LIMIT ?2";

/// `?1` keys as JSON.
pub(super) const LIVE_AMONG: &str = "
    SELECT key FROM blobs WHERE status = 'live' AND key IN (SELECT value FROM json_each(?1))";

pub(super) const SUBSCRIBE: &str = "
    INSERT INTO outbox_subscribers (subscriber, created_at) SELECT ?1, now FROM clock WHERE true
    ON CONFLICT DO NOTHING RETURNING subscriber";

pub(super) const UNSUBSCRIBE: &str = "DELETE FROM outbox_subscribers WHERE subscriber = ?1 RETURNING subscriber";

/// `?2` how many, `?3` for how long they are hidden.
pub(super) const RECEIVE: &str = "
    UPDATE outbox SET hidden_until = (SELECT now FROM clock) + ?3, deliveries = deliveries + 1
    WHERE id IN (
        SELECT id FROM outbox WHERE subscriber = ?1 AND hidden_until <= (SELECT now FROM clock) ORDER BY id LIMIT ?2)
    RETURNING id, job_id, user_id, kind, status, at, deliveries";

/// `?2` ids as JSON.
pub(super) const ACKNOWLEDGE: &str = "
    DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?2)) AND subscriber = ?1 RETURNING id";

/// No row: nobody subscribed.
pub(super) const WAITING: &str = "
    SELECT count(o.id) AS waiting, (SELECT now FROM clock) - min(o.at) AS age
    FROM outbox_subscribers s LEFT JOIN outbox o ON o.subscriber = s.subscriber
    WHERE s.subscriber = ?1 GROUP BY s.subscriber";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use sqlx::{Executor as _, Row as _, SqlSafeStr as _, Statement as _};

    const OF_HOUSEKEEPING: [(&str, &str); 9] = [
        ("open", OPEN),
        ("enter", ENTER),
        ("condemn", CONDEMN),
        ("take", TAKE),
        ("strike", STRIKE),
        ("adopt", ADOPT),
        ("claim", CLAIM),
        ("live after", LIVE_AFTER),
        ("live among", LIVE_AMONG),
    ];

    const OF_SUBSCRIBERS: [(&str, &str); 5] = [
        ("subscribe", SUBSCRIBE),
        ("unsubscribe", UNSUBSCRIBE),
        ("receive", RECEIVE),
        ("acknowledge", ACKNOWLEDGE),
        ("waiting", WAITING),
    ];

    #[test]
    fn no_statement_is_missing_from_these_tests() {
        let source = include_str!("ledger_sql.rs");
        let declared = source.lines().filter(|line| line.starts_with("pub(super) const ")).count();
        assert_eq!(OF_HOUSEKEEPING.len() + OF_SUBSCRIBERS.len(), declared);
    }

    #[test]
    fn every_statement_on_messages_names_their_subscriber() {
        for (name, sql) in OF_SUBSCRIBERS {
            assert!(name == "subscribe" || sql.contains("subscriber = ?1"), "{name}: {sql}");
        }
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let store = SqliteStore::in_memory().await.unwrap();
        for (name, sql) in OF_HOUSEKEEPING.into_iter().chain(OF_SUBSCRIBERS) {
            let prepared = (&store.writer).prepare(sql.into_sql_str()).await;
            let prepared = prepared.unwrap_or_else(|e| panic!("{name}: {e}: {sql}"));
            assert!(!prepared.columns().is_empty(), "{name} returns no row to count");
        }
    }

    #[tokio::test]
    async fn a_sweep_and_an_audit_read_no_table_of_records_from_end_to_end() {
        let store = SqliteStore::in_memory().await.unwrap();
        for (name, sql) in [("take", TAKE), ("claim", CLAIM), ("live after", LIVE_AFTER), ("receive", RECEIVE)] {
            let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let plan = sqlx::query(explained).fetch_all(&store.writer).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            let scans = |step: &&String| step.starts_with("SCAN") && !step.contains("INDEX");
            let tables = ["SCAN voice_samples", "SCAN clone_jobs", "SCAN outbox", "SCAN b"];
            let scanned = steps.iter().filter(scans).find(|step| tables.iter().any(|table| step.starts_with(table)));
            assert_eq!(scanned, None, "{name}: {steps:#?}");
        }
    }
}
