//! The project's job stores by URL: `sqlite:PATH` and `postgres://…`.
use std::sync::Arc;

use voiceclone_core::{Error, Result, store::JobStore};
use voiceclone_store::{PostgresStore, SqliteStore};

/// A store that is open.
#[derive(Debug)]
pub enum Store {
    /// In a database of a server.
    Postgres(PostgresStore),
    /// In a file.
    Sqlite(SqliteStore),
}

impl Store {
    /// Opens the store at `url`; a file is made if it is missing.
    ///
    /// # Errors
    /// If the URL is of neither kind, or the store cannot be opened.
    pub async fn open(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("postgres", _)) => Ok(Self::Postgres(PostgresStore::connect(url).await?)),
            Some(("sqlite", path)) => Ok(Self::Sqlite(SqliteStore::open(path).await?)),
            _ => Err(Error::invalid("a store is sqlite:PATH or postgres://…")),
        }
    }

    /// Makes the tables.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn migrate(url: &str) -> Result<()> {
        if url.starts_with("postgres:") {
            return PostgresStore::migrate(url).await;
        }
        Self::open(url).await?.close().await;
        Ok(())
    }

    /// Its jobs.
    pub fn jobs(&self) -> Arc<dyn JobStore> {
        match self {
            Self::Postgres(store) => Arc::new(store.clone()),
            Self::Sqlite(store) => Arc::new(store.clone()),
        }
    }

    /// Closes its connections.
    pub async fn close(&self) {
        match self {
            Self::Postgres(store) => store.close().await,
            Self::Sqlite(store) => store.close().await,
        }
    }
}
