//! Records and jobs in a PostgreSQL database, reached through sqlx, for any number of processes on any number of machines.
//!
//! # How nothing is lost
//! - Every change of a record or a job is one statement that commits by itself, and the event of a job is written by a
//!   trigger of that statement. There is no `BEGIN` on any path that a caller can drop: sqlx 0.9 may leave a connection
//!   inside a transaction when its `begin` is dropped, and the next borrower's acknowledged writes are then rolled back
//!   (sqlx issue 4385).
//! - A connection whose statement was not answered to the end is closed, never used again.
//! - The only clock is the database's.
//!
//! # How it is fast
//! - Calls that come while a statement is in flight share the next one: `batch`.
//! - Nothing waits for a notification to be written, and nothing depends on one: `wake`.
//! - A heartbeat changes no index.
mod batch;
mod catalog;
mod claim;
mod followers;
mod jobs;
mod ledger;
mod ledger_sql;
mod link;
mod migrate;
mod options;
mod outbox;
mod rows;
mod sql;
mod wake;
mod writes;

use std::{fmt, sync::Arc, time::Duration};

use sqlx::postgres::PgRow;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;
use voiceclone_core::Result;

use batch::Batcher;
use link::{Link, Statement};
pub use options::PostgresOptions;
use wake::Wake;
use writes::{Enqueues, Finishes, Hands, Heartbeats};

/// A [`Catalog`](voiceclone_core::store::Catalog) and a [`JobStore`](voiceclone_core::store::JobStore) in PostgreSQL 15 or
/// newer, in a schema `voiceclone` of its own. Cheap to clone. Any number of processes may share the database.
///
/// Tables are made and changed by [`migrate`](Self::migrate), never by connecting: run it before the new version of an
/// application is rolled out. Old processes go on beside it.
///
/// Personal data is in the database as plain text: consents, texts, names. Protect it as such.
///
/// Beyond 1000 owners that have jobs waiting, a claim looks at 1000 of them at a time, going on from where the one before
/// ended; priorities and shares then hold among those.
///
/// # Cancel safety
/// A write that is dropped is made whole or not at all, and no connection that was in use stays in use. The same goes for
/// one that ends with `Timeout` or `Unavailable`: whether it was made is not known.
///
/// # Runtime
/// A few tasks run in the background until the last clone and the last stream of the store are dropped, or it is
/// [closed](Self::close).
///
/// ```no_run
/// # async fn example() -> voiceclone_core::Result<()> {
/// use voiceclone_store::PostgresStore;
/// let url = "postgres://app:secret@db.example/app?sslmode=verify-full";
/// PostgresStore::migrate(url).await?;
/// let store = PostgresStore::connect(url).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    hands: Hands,
    enqueues: Batcher<Enqueues>,
    heartbeats: Batcher<Heartbeats>,
    finishes: Batcher<Finishes>,
    /// The owner after whom the next claim begins.
    claims: Mutex<String>,
    poll_interval: Duration,
    place: String,
    closing: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
}

impl PostgresStore {
    /// The database at `url`, as [`PostgresOptions::new`] has it.
    ///
    /// # Errors
    /// As [`connect_with`](Self::connect_with).
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(PostgresOptions::new(url)?).await
    }

    /// The database of `options`.
    ///
    /// # Errors
    /// `Config` if the server refuses us, if the tables are missing or older than this version needs (run
    /// [`migrate`](Self::migrate)), or if they are so new that this version cannot work with them; `Unavailable` if the
    /// server cannot be reached.
    pub async fn connect_with(options: PostgresOptions) -> Result<Self> {
        let most = options.max_connections;
        let link = Link::new(options.for_statements(), most, options.acquire_timeout, options.statement_timeout);
        migrate::check(&link).await?;
        Ok(Self::over(link, &options))
    }

    /// Brings the database at `url` to this version's tables, in one transaction, if they are older; several may try at once.
    /// Newer tables stay as they are. The database's role must be allowed to make the schema `voiceclone`, or own it.
    ///
    /// # Errors
    /// `Config` if the server refuses us or the tables were changed by hand; `Unavailable` if it cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping it leaves the tables as they were, or as they are to be.
    pub async fn migrate(url: &str) -> Result<()> {
        Self::migrate_with(&PostgresOptions::new(url)?).await
    }

    /// The same for the database of `options`. Timeouts do not apply.
    ///
    /// # Errors
    /// As [`migrate`](Self::migrate).
    pub async fn migrate_with(options: &PostgresOptions) -> Result<()> {
        migrate::run(&options.for_migration()).await
    }

    /// Waits for the writes under way and closes all connections. Later calls on any clone are `Unavailable`.
    ///
    /// # Cancel safety
    /// Dropping it stops waiting only.
    pub async fn close(&self) {
        self.0.closing.cancel();
        let mut tasks = self.0.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
        self.0.hands.link.close().await;
    }

    fn over(link: Link, options: &PostgresOptions) -> Self {
        let (closing, mut tasks, wake) = (CancellationToken::new(), JoinSet::new(), Arc::new(Wake::new()));
        if let Some(connect) = options.for_listening() {
            tasks.spawn(wake::listen(connect, Arc::clone(&wake), closing.clone()));
        }
        tasks.spawn(wake::tell(link.clone(), Arc::clone(&wake), closing.clone()));
        let hands = Hands { link, wake };
        Self(Arc::new(Inner {
            enqueues: Batcher::start(Enqueues(hands.clone()), &mut tasks, closing.clone()),
            heartbeats: Batcher::start(Heartbeats(hands.clone()), &mut tasks, closing.clone()),
            finishes: Batcher::start(Finishes(hands.clone()), &mut tasks, closing.clone()),
            hands,
            claims: Mutex::default(),
            poll_interval: options.poll_interval,
            place: options.place(),
            closing,
            tasks: Mutex::new(tasks),
        }))
    }

    async fn run(&self, statement: Statement<'_>) -> Result<Vec<PgRow>> {
        self.0.hands.link.run(statement).await
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", self.0.place)
    }
}

#[cfg(test)]
#[path = "../../tests/support/postgres.rs"]
mod server;
#[cfg(test)]
mod tests;
