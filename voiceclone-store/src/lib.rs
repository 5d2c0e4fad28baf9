//! Storage for voiceclone: blobs in any object store, records and jobs in an SQL database.
//!
//! - [`ObjectBlobStore`] is a [`BlobStore`](voiceclone_core::store::BlobStore): bytes in a directory (feature `fs`), in S3 and
//!   what speaks its protocol (`s3`), Google Cloud Storage (`gcs`), Azure Blob Storage (`azure`), or wherever else
//!   `object_store` reaches.
//! - `SqliteStore` (feature `sqlite`) is a [`Catalog`](voiceclone_core::store::Catalog) and a
//!   [`JobStore`](voiceclone_core::store::JobStore): samples, voices, jobs and their events in one file.
//! - `PostgresStore` (feature `postgres`) is the same for many machines, in one database.
//! - `LedgerBlobs` keeps books of the blobs in the database, so that no bytes outlive their record and no record its
//!   bytes.
//! - `Outbox` hands the ends of jobs to whoever must tell somebody, at least once.
//!
//! This crate knows no provider and no HTTP. `object_store` and `sqlx` retry by themselves where that is safe: do not
//! wrap these stores in another retry.
//!
//! ```
//! # #[cfg(all(feature = "fs", feature = "sqlite"))]
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use voiceclone_core::{
//!     domain::{JobSpec, NewJob},
//!     id::{OwnerId, SampleId},
//!     store::{BlobBody, BlobKey, BlobStore, JobStore, PutOptions},
//! };
//! use voiceclone_store::{ObjectBlobStore, SqliteStore};
//!
//! let home = tempfile::tempdir().unwrap();
//! let blobs = ObjectBlobStore::filesystem(home.path().join("blobs")).await?;
//! let store = SqliteStore::open(home.path().join("voiceclone.db")).await?;
//!
//! let key = BlobKey::new("samples/smp_1/original")?;
//! let meta = blobs.put(&key, BlobBody::Bytes("RIFF…".into()), &PutOptions::default().create_only()).await?;
//! assert_eq!(meta.size, 7);
//!
//! let owner = OwnerId::new("ada")?;
//! let queued = store.enqueue(&NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: SampleId::new() })).await?;
//! let job = queued.into_job();
//! assert_eq!(store.job(&owner, job.id).await?, job);
//! # Ok::<(), voiceclone_core::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
mod blobs;
pub mod docs;
mod error;
#[cfg(feature = "_sql")]
mod ledger;
#[cfg(feature = "_sql")]
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "_sql")]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use blobs::{Credentials, ObjectBlobStore, ObjectBlobStoreBuilder};
#[cfg(feature = "_sql")]
pub use ledger::{LedgerAudit, LedgerBlobs, LedgerSwept};
#[cfg(feature = "_sql")]
pub use outbox::{Outbox, OutboxMessage, OutboxWaiting};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
