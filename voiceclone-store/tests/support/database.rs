//! Databases of every kind, seen through the library and from outside.
#![allow(dead_code, reason = "each test binary takes what it needs of it")]
#![allow(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

#[cfg(feature = "postgres")]
use sqlx::PgConnection;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use voiceclone_core::{
    Result,
    audio::{AudioFormat, Codec, Container},
    consent::Consent,
    domain::{Job, JobOutput, JobSpec, NewJob, VoiceSample},
    id::{OwnerId, SampleId, VoiceId},
    store::{BlobKey, BlobStore, Catalog, JobStore, Lease},
};
#[cfg(feature = "postgres")]
use voiceclone_store::PostgresStore;
use voiceclone_store::{LedgerBlobs, Outbox, SqliteStore};

#[cfg(feature = "postgres")]
#[path = "postgres.rs"]
mod server;

/// A database of the test's own.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite {
        store: SqliteStore,
        path: PathBuf,
        dir: Arc<TempDir>,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        store: PostgresStore,
        url: String,
    },
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("voiceclone.db");
        Self::Sqlite { store: SqliteStore::open(&path).await.unwrap(), path, dir: Arc::new(dir) }
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn postgres() -> Self {
        let url = server::fresh_database();
        PostgresStore::migrate(&url).await.unwrap();
        Self::Postgres { store: PostgresStore::connect(&url).await.unwrap(), url }
    }

    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        match self {
            Self::Sqlite { store, .. } => Arc::new(store.clone()),
            #[cfg(feature = "postgres")]
            Self::Postgres { store, .. } => Arc::new(store.clone()),
        }
    }

    pub(crate) fn jobs(&self) -> Arc<dyn JobStore> {
        match self {
            Self::Sqlite { store, .. } => Arc::new(store.clone()),
            #[cfg(feature = "postgres")]
            Self::Postgres { store, .. } => Arc::new(store.clone()),
        }
    }

    pub(crate) async fn ledger(&self, blobs: impl BlobStore) -> LedgerBlobs {
        match self {
            Self::Sqlite { store, .. } => store.ledger(blobs).await.unwrap(),
            #[cfg(feature = "postgres")]
            Self::Postgres { store, .. } => store.ledger(blobs).await.unwrap(),
        }
    }

    pub(crate) fn outbox(&self, subscriber: &str) -> Result<Outbox> {
        match self {
            Self::Sqlite { store, .. } => store.outbox(subscriber),
            #[cfg(feature = "postgres")]
            Self::Postgres { store, .. } => store.outbox(subscriber),
        }
    }

    /// The books: the state of every key.
    pub(crate) async fn rows(&self) -> BTreeMap<String, String> {
        let found: Vec<(String, String)> = match self {
            Self::Sqlite { path, .. } => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut raw = SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_as("SELECT key, status FROM blobs").fetch_all(&mut raw).await.unwrap()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { url, .. } => {
                let mut raw = PgConnection::connect(url).await.unwrap();
                sqlx::query_as("SELECT key, status FROM voiceclone.blobs").fetch_all(&mut raw).await.unwrap()
            }
        };
        found.into_iter().collect()
    }

    /// A job that waits.
    pub(crate) async fn queued(&self) -> Job {
        let new = NewJob::new(ada(), JobSpec::PrepareSample { sample: SampleId::new() });
        self.jobs().enqueue(&new).await.unwrap().into_job()
    }

    /// The next job that waits, claimed.
    pub(crate) async fn claimed(&self) -> Lease {
        self.jobs().claim("test", NonZeroUsize::MIN, Duration::from_hours(1)).await.unwrap().remove(0)
    }
}

/// Makes one test on each kind of database of every case, which is an async function over a [`Database`].
macro_rules! on_every_database {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            use super::Database;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(Database::sqlite().await).await;
                }
            )+
        }

        #[cfg(feature = "postgres")]
        mod postgres {
            use super::Database;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(Database::postgres().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_every_database;

pub(crate) fn ada() -> OwnerId {
    OwnerId::new("ada").unwrap()
}

/// A recording whose original is there, not in any database yet.
pub(crate) fn a_sample(original: &BlobKey) -> VoiceSample {
    let format = AudioFormat::new(Container::Wav, Codec::PcmS16Le, 24_000, 1).unwrap();
    let consent = Consent::by_subject("Ada Lovelace");
    let sha256 = "3f".repeat(32);
    VoiceSample::received(SampleId::new(), ada(), VoiceId::new(), original.clone(), sha256, 7, format, consent)
}

/// Speech that is there.
pub(crate) fn speech(key: &BlobKey) -> JobOutput {
    let format = AudioFormat::new(Container::Wav, Codec::PcmS16Le, 24_000, 1).unwrap();
    serde_json::from_value(serde_json::json!({
        "kind": "speech", "key": key, "format": format, "bytes": 7, "sha256": "3f", "duration": Duration::from_secs(1),
        "provider": "tone", "instead_of": null, "warnings": [],
    }))
    .unwrap()
}
