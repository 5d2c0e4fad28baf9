//! The testkit tested: the suites pass on the stores in memory, and every broken store is caught by the case that is
//! about its fault.
use voiceclone_core::{
    memory::{MemoryBlobs, MemoryCatalog, MemoryJobs},
    testkit::{blobs::BlobFixture, catalog::CatalogFixture, jobs::JobFixture},
};

voiceclone_core::blob_store_conformance!(blobs, BlobFixture::new(MemoryBlobs::new()));
voiceclone_core::catalog_conformance!(catalog, CatalogFixture::new(MemoryCatalog::new()));
voiceclone_core::job_store_conformance!(jobs, JobFixture::new(MemoryJobs::new()));
