//! The shared rules of the storage seams, asked of every store here. A temporary directory lives as long as the
//! expression that makes its fixture, which is as long as its test.
#![cfg_attr(feature = "postgres", expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do"))]
use std::sync::Arc;

use object_store::memory::InMemory;
use voiceclone_core::testkit::blobs::BlobFixture;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use voiceclone_core::testkit::{catalog::CatalogFixture, jobs::JobFixture};
use voiceclone_store::ObjectBlobStore;
#[cfg(feature = "sqlite")]
use voiceclone_store::SqliteStore;

#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod server;

#[cfg(feature = "postgres")]
async fn postgres() -> voiceclone_store::PostgresStore {
    let url = server::fresh_database();
    voiceclone_store::PostgresStore::migrate(&url).await.unwrap();
    voiceclone_store::PostgresStore::connect(&url).await.unwrap()
}

#[cfg(feature = "fs")]
voiceclone_core::blob_store_conformance!(
    files,
    BlobFixture::new(ObjectBlobStore::filesystem(tempfile::tempdir().unwrap().path()).await.unwrap())
);
voiceclone_core::blob_store_conformance!(objects, BlobFixture::new(ObjectBlobStore::new(Arc::new(InMemory::new()))));
voiceclone_core::blob_store_conformance!(
    objects_with_all_that_they_offer,
    BlobFixture::new(ObjectBlobStore::new(Arc::new(InMemory::new())).with_create_only().with_media_types())
);
#[cfg(feature = "sqlite")]
voiceclone_core::catalog_conformance!(
    sqlite_catalog,
    CatalogFixture::new(SqliteStore::open(tempfile::tempdir().unwrap().path().join("catalog.db")).await.unwrap())
);
#[cfg(feature = "sqlite")]
voiceclone_core::catalog_conformance!(
    sqlite_catalog_in_memory,
    CatalogFixture::new(SqliteStore::in_memory().await.unwrap())
);
#[cfg(feature = "sqlite")]
voiceclone_core::job_store_conformance!(
    sqlite_jobs,
    JobFixture::new(SqliteStore::open(tempfile::tempdir().unwrap().path().join("jobs.db")).await.unwrap())
);
#[cfg(feature = "sqlite")]
voiceclone_core::job_store_conformance!(
    sqlite_jobs_in_memory,
    JobFixture::new(SqliteStore::in_memory().await.unwrap())
);
#[cfg(feature = "postgres")]
voiceclone_core::catalog_conformance!(postgres_catalog, CatalogFixture::new(postgres().await));
#[cfg(feature = "postgres")]
voiceclone_core::job_store_conformance!(postgres_jobs, JobFixture::new(postgres().await));
