//! The statements of the books of blobs and of the outbox. Knows names of tables and columns, and no Rust type.
//!
//! The books serve every owner; a message belongs to the subscriber that is `$1`. Times are microseconds.

/// From now on, records name only what is in the books.
pub(super) const OPEN: &str = "INSERT INTO voiceclone.blob_ledger DEFAULT VALUES ON CONFLICT DO NOTHING RETURNING id";

/// `$1` key, `$2` job or NULL. No row: it is being removed.
pub(super) const ENTER: &str = "
    INSERT INTO voiceclone.blobs AS b (key, status, job_id) VALUES ($1, 'pending', $2)
    ON CONFLICT (key) DO UPDATE SET updated_at = now() WHERE b.status <> 'deleting' RETURNING key";

/// `$1` key, which may be in the books or not.
pub(super) const CONDEMN: &str = "
    INSERT INTO voiceclone.blobs (key, status) VALUES ($1, 'deleting')
    ON CONFLICT (key) DO UPDATE SET status = 'deleting', updated_at = now() RETURNING key";

/// `$1` how long nobody claimed it, `$2` how long it has been marked, `$3` how many.
///
/// A record that was written before the books were opened may name a pending blob, hence the last condition.
pub(super) const TAKE: &str = "
    WITH due AS MATERIALIZED (
        SELECT b.key FROM voiceclone.blobs b
        WHERE b.status <> 'live' AND (
            b.status = 'deleting' AND b.updated_at <= now() - $2::bigint * interval '1 microsecond'
            OR b.status = 'pending' AND b.updated_at <= now() - $1::bigint * interval '1 microsecond'
                AND NOT EXISTS (
                    SELECT 1 FROM voiceclone.clone_jobs j
                    WHERE j.job_id = b.job_id AND j.status IN ('queued', 'running'))
                AND NOT EXISTS (SELECT 1 FROM voiceclone.named_blobs n WHERE n.key = b.key))
        ORDER BY b.updated_at LIMIT $3 FOR UPDATE OF b SKIP LOCKED)
    UPDATE voiceclone.blobs b SET status = 'deleting', updated_at = now() FROM due WHERE b.key = due.key
    RETURNING b.key";

/// `$1` keys.
pub(super) const STRIKE: &str = "
    DELETE FROM voiceclone.blobs WHERE key = ANY ($1::text[]) AND status = 'deleting' RETURNING key";

/// Arrays: `$1` keys, `$2` their jobs or NULL. Rows: those that were not in the books.
pub(super) const ADOPT: &str = "
    INSERT INTO voiceclone.blobs (key, status, job_id)
    SELECT key, 'pending', job_id FROM unnest($1::text[], $2::text[]) AS found (key, job_id)
    ON CONFLICT DO NOTHING RETURNING key";

/// `$1` keys. Rows: those that a record names and that waited to be named.
pub(super) const CLAIM: &str = "
    UPDATE voiceclone.blobs b SET status = 'live', updated_at = now()
    WHERE b.key = ANY ($1::text[]) AND b.status = 'pending'
        AND EXISTS (SELECT 1 FROM voiceclone.named_blobs n WHERE n.key = b.key)
    RETURNING b.key";

/// `$1` after, `$2` how many.
pub(super) const LIVE_AFTER: &str = "
    SELECT key FROM voiceclone.blobs WHERE status = 'live' AND key > $1 ORDER BY key LIMIT $2";

/// `$1` keys.
pub(super) const LIVE_AMONG: &str = "
    SELECT key FROM voiceclone.blobs WHERE status = 'live' AND key = ANY ($1::text[])";

pub(super) const SUBSCRIBE: &str = "
    INSERT INTO voiceclone.outbox_subscribers (subscriber) VALUES ($1) ON CONFLICT DO NOTHING RETURNING subscriber";

pub(super) const UNSUBSCRIBE: &str = "
    DELETE FROM voiceclone.outbox_subscribers WHERE subscriber = $1 RETURNING subscriber";

/// `$2` how many, `$3` for how long they are hidden.
pub(super) const RECEIVE: &str = "
    WITH due AS MATERIALIZED (
        SELECT id FROM voiceclone.outbox WHERE subscriber = $1 AND hidden_until <= now()
        ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
    UPDATE voiceclone.outbox o
    SET hidden_until = now() + $3::bigint * interval '1 microsecond', deliveries = o.deliveries + 1
    FROM due WHERE o.id = due.id RETURNING o.id, o.job_id, o.user_id, o.kind, o.status, o.at, o.deliveries";

/// `$2` ids.
pub(super) const ACKNOWLEDGE: &str = "
    DELETE FROM voiceclone.outbox WHERE id = ANY ($2::bigint[]) AND subscriber = $1 RETURNING id";

/// No row: nobody subscribed.
pub(super) const WAITING: &str = "
    SELECT count(o.id) AS waiting, (extract(epoch FROM now() - min(o.at)) * 1000000)::bigint AS age
    FROM voiceclone.outbox_subscribers s LEFT JOIN voiceclone.outbox o ON o.subscriber = s.subscriber
    WHERE s.subscriber = $1 GROUP BY s.subscriber";

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(name == "subscribe" || sql.contains("subscriber = $1"), "{name}: {sql}");
        }
    }
}
