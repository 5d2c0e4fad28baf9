//! The pool, and the one way in which a statement is run on it. Knows no statement.
//!
//! A connection goes back to the pool only when its statement was answered to the end. If the caller goes away or time
//! runs out before, the connection is closed at once: nobody else gets it, and the server finishes the statement or not.
use std::time::Duration;

use sqlx::{
    PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    query::Query,
};
use voiceclone_core::{Error, ErrorKind, Result};

use crate::error;

/// A connection that was idle for longer is asked whether it still lives.
const FRESH: Duration = Duration::from_secs(1);

pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

#[derive(Clone)]
pub(super) struct Link {
    pool: PgPool,
    patience: Duration,
}

impl Link {
    /// Connects when it is first used. A statement is given up after `patience`.
    pub(super) fn new(connect: PgConnectOptions, most: u32, acquire: Duration, patience: Duration) -> Self {
        let pool = PgPoolOptions::new().max_connections(most.max(1)).acquire_timeout(acquire);
        let pool = pool.test_before_acquire(false).before_acquire(|connection, meta| {
            Box::pin(async move {
                use sqlx::Connection as _;
                if meta.idle_for > FRESH { connection.ping().await.map(|()| true) } else { Ok(true) }
            })
        });
        Self { pool: pool.connect_lazy_with(connect), patience }
    }

    /// All rows of one statement, which is committed then.
    ///
    /// # Errors
    /// After `Timeout` and `Unavailable` it is not known whether a change was made.
    pub(super) async fn run(&self, statement: Statement<'_>) -> Result<Vec<PgRow>> {
        let connection = self.pool.acquire().await.map_err(error::postgres)?;
        let mut borrowed = Borrowed(Some(connection));
        let Some(connection) = borrowed.0.as_deref_mut() else { return Err(Error::unexpected("no connection")) };
        // Read to the end: rows come before the commit, and a commit may fail.
        let answer = tokio::time::timeout(self.patience, statement.fetch_all(connection)).await;
        let answer = answer.map_err(|_| {
            let message = "the database did not answer in time; whether it made a change is not known";
            Error::new(ErrorKind::Timeout, message)
        })?;
        if answer.as_ref().err().is_none_or(error::leaves_a_good_connection) {
            borrowed.give_back();
        }
        answer.map_err(error::postgres)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection that is closed unless it is given back.
struct Borrowed(Option<PoolConnection<Postgres>>);

impl Borrowed {
    fn give_back(&mut self) {
        drop(self.0.take());
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
