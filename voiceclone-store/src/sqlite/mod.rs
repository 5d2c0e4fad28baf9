//! Records and jobs in one SQLite file, reached through sqlx.
//!
//! # How nothing is lost
//! - Every change of a record or a job is one statement, and the event of a job is written by a trigger of that
//!   statement. There is no `BEGIN` on any path that a caller can drop: sqlx 0.9 may leave a connection inside a
//!   transaction when its `begin` is dropped, and the next borrower's acknowledged writes are then rolled back (sqlx
//!   issue 4385).
//! - A statement with `RETURNING` hands out its rows before it commits, so writes are always read to their end: only
//!   then has SQLite committed, and `synchronous = FULL` has flushed the log to the disk.
//! - One connection writes and a few read. SQLite has one writer at a time anyway, and its own way to wait for it is to
//!   sleep; a queue in front of one connection is fair and faster.
//! - The only clock is the database's.
mod catalog;
mod followers;
mod jobs;
mod ledger;
mod ledger_sql;
mod migrate;
mod outbox;
mod rows;
mod sql;

use std::{fmt, path::Path, time::Duration};

use rand::RngExt as _;
use sqlx::{
    Sqlite, SqlitePool,
    query::Query,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};
use voiceclone_core::Result;

use crate::{
    error,
    sql::follow::{self, Change},
};

/// How long a write waits for the writer of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How soon a file that was locked while it was opened is opened again, more or less.
const AGAIN: Duration = Duration::from_millis(20);
const READERS: u32 = 4;

type Statement = Query<'static, Sqlite, SqliteArguments>;

/// A [`Catalog`](voiceclone_core::store::Catalog) and a [`JobStore`](voiceclone_core::store::JobStore) in one SQLite
/// file. Cheap to clone. Several processes of one machine may share the file.
///
/// Personal data is in the file as plain text: consents, texts, names. Protect it as such.
///
/// # Cancel safety
/// A write that is dropped is made whole or not at all.
#[derive(Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    reader: SqlitePool,
    /// Names each job that this handle changed, to wake its followers.
    changed: broadcast::Sender<Change>,
    /// Wakes the workers of this process.
    arrived: watch::Sender<()>,
}

impl SqliteStore {
    /// The database at `path`, made if it is missing and brought to this version's tables.
    ///
    /// What was acknowledged survives a killed process and a power cut (`synchronous = FULL`).
    ///
    /// # Errors
    /// `Config` if the file cannot be opened or its tables are of a later version; `Unavailable` if another process
    /// keeps it locked.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = one_connection(options.clone().create_if_missing(true)).await?;
        migrate::run(&writer).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        let reader = connected(readers, options.pragma("query_only", "ON")).await?;
        Ok(Self::over(writer, reader))
    }

    /// A database that lives as long as its last clone, in memory. For tests.
    ///
    /// # Errors
    /// `Unavailable` if memory is short.
    pub async fn in_memory() -> Result<Self> {
        let only = one_connection(SqliteConnectOptions::new().in_memory(true)).await?;
        migrate::run(&only).await?;
        Ok(Self::over(only.clone(), only))
    }

    /// Brings the database at `path` to this version's tables and closes it: for a deployment that does this
    /// beforehand. [`open`](Self::open) does the same.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn migrate(path: impl AsRef<Path>) -> Result<()> {
        Self::open(path).await?.close().await;
        Ok(())
    }

    /// Waits for the writes under way and closes the file. Later calls on any clone are `Unavailable`.
    ///
    /// # Cancel safety
    /// Dropping it stops waiting only.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    fn over(writer: SqlitePool, reader: SqlitePool) -> Self {
        Self { writer, reader, changed: follow::changes(), arrived: watch::Sender::default() }
    }

    async fn read(&self, statement: Statement) -> Result<Vec<SqliteRow>> {
        statement.fetch_all(&self.reader).await.map_err(error::sql)
    }

    /// The rows that a change returned, once it is committed: see the module's notes on why no fewer are fetched.
    async fn write(&self, statement: Statement) -> Result<Vec<SqliteRow>> {
        statement.fetch_all(&self.writer).await.map_err(error::sql)
    }
}

/// A pool of one connection that never closes by itself.
async fn one_connection(options: SqliteConnectOptions) -> Result<SqlitePool> {
    let pool = SqlitePoolOptions::new().min_connections(1).max_connections(1).idle_timeout(None).max_lifetime(None);
    connected(pool.test_before_acquire(false), options).await
}

/// Switching a new file to a write-ahead log is refused at once while another process does the same: the file is locked
/// then, and SQLite does not wait for that lock.
async fn connected(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Result<SqlitePool> {
    let patience = Instant::now() + BUSY_TIMEOUT;
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(e) if error::is_locked(&e) && Instant::now() < patience => {
                let wait = AGAIN.mul_f64(rand::rng().random_range(0.5..1.5));
                tokio::time::sleep(wait).await;
            }
            opened => return opened.map_err(error::sql),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.writer.connect_options().get_filename().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use voiceclone_core::{
        ErrorKind,
        domain::{JobSpec, NewJob},
        id::{OwnerId, SampleId},
        store::{JobQuery, JobStore as _},
    };

    #[tokio::test]
    async fn a_full_disk_refuses_a_write_whole_and_says_so() {
        let store = SqliteStore::in_memory().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 40").execute(&store.writer).await.unwrap();
        let owner = OwnerId::new("ada").unwrap();
        let mut kept = 0;
        let error = loop {
            let new = NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: SampleId::new() });
            match store.enqueue(&new).await {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
        };
        assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "the disk of the database is full"));
        let page = store.jobs(&JobQuery::of(owner).limit(10_000)).await.unwrap();
        assert_eq!(page.items.len(), kept);
    }
    #[tokio::test]
    async fn a_write_that_cannot_be_committed_is_not_acknowledged() {
        let store = SqliteStore::in_memory().await.unwrap();
        // A deferred constraint fails when the statement commits, which is after it returned its row.
        let table = "CREATE TABLE orphan (parent TEXT REFERENCES voices (voice_id) DEFERRABLE INITIALLY DEFERRED)";
        sqlx::query(table).execute(&store.writer).await.unwrap();
        let written = store.write(sqlx::query("INSERT INTO orphan VALUES ('nobody') RETURNING parent")).await;
        assert!(written.is_err(), "a row was handed out before its commit failed");
    }
}
