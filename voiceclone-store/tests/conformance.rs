//! The shared rules of the storage seams, asked of every store here. A temporary directory lives as long as the expression
//! that makes its fixture, which is as long as its test.
use std::sync::Arc;

use object_store::memory::InMemory;
use voiceclone_core::testkit::blobs::BlobFixture;
#[cfg(feature = "sqlite")]
use voiceclone_core::testkit::catalog::CatalogFixture;
use voiceclone_store::ObjectBlobStore;
#[cfg(feature = "sqlite")]
use voiceclone_store::SqliteStore;

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
