//! The least that SQLite can be asked for the same jobs: bare statements over one table, on a connection set as the store's.
//! No events, no owners, no idempotency, no history of attempts.
use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use voiceclone_core::{Error, Result};

use super::load::{at_once, next};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS job (
        id INTEGER PRIMARY KEY, payload TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0, lease INTEGER, output TEXT);
    CREATE INDEX IF NOT EXISTS waiting ON job (id) WHERE state = 0;";
const ENQUEUE: &str = "INSERT INTO job (payload) VALUES (?1) RETURNING id";
const CLAIM: &str = "
    UPDATE job SET state = 1, lease = ?1 WHERE id = (SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT 1)
    RETURNING id";
const FINISH: &str = "UPDATE job SET state = 2, output = ?2 WHERE id = ?1 AND state = 1 RETURNING id";
const PAYLOAD: &str = r#"{"kind":"speak","request":{"target":{"voice":"voc_019ab3c44cb97f0aa3e5a0c6b3bb1f3a"},"utterance":{"text":"A sentence of a usual length, to be said and forgotten.","language":"en"}}}"#;

/// One table in a file.
#[derive(Debug, Clone)]
pub struct Raw(SqlitePool);

impl Raw {
    /// Opens the file as the store does: WAL, `synchronous = FULL`, one connection that writes.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn open(path: &str) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().min_connections(1).max_connections(1).test_before_acquire(false);
        let pool = pool.connect_with(options).await.map_err(failed)?;
        sqlx::raw_sql(TABLE).execute(&pool).await.map_err(failed)?;
        Ok(Self(pool))
    }

    /// Writes `count` rows one by one by so many tasks.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn enqueue(&self, count: u32, tasks: u32) -> Result<()> {
        let counter = Arc::new(AtomicU32::new(0));
        at_once(tasks, |_| {
            let (Self(pool), counter) = (self.clone(), Arc::clone(&counter));
            async move {
                while next(&counter, count).is_some() {
                    sqlx::query(ENQUEUE).bind(PAYLOAD).fetch_all(&pool).await.map_err(failed)?;
                }
                Ok(())
            }
        })
        .await
    }

    /// Takes `count` rows one by one, by so many tasks, and marks each as done.
    ///
    /// # Errors
    /// If the file cannot be written, or has no more rows.
    pub async fn work(&self, count: u32, tasks: u32) -> Result<()> {
        let counter = Arc::new(AtomicU32::new(0));
        at_once(tasks, |_| {
            let (Self(pool), counter) = (self.clone(), Arc::clone(&counter));
            async move {
                while let Some(number) = next(&counter, count) {
                    let claimed = sqlx::query_scalar::<_, i64>(CLAIM).bind(number).fetch_all(&pool).await;
                    let id = claimed.map_err(failed)?.first().copied();
                    let id = id.ok_or_else(|| Error::unexpected("there are fewer rows than are to be taken"))?;
                    sqlx::query(FINISH).bind(id).bind(PAYLOAD).fetch_all(&pool).await.map_err(failed)?;
                }
                Ok(())
            }
        })
        .await
    }
}

fn failed(error: sqlx::Error) -> Error {
    Error::unexpected("the bare statements fail").with_source(error)
}
