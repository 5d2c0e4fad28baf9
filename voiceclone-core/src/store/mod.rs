//! The seams of storage: bytes, records and queued work. Nothing here knows SQL, S3 or a disk.
mod blob;
mod catalog;
mod jobs;

pub use blob::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions};
pub use catalog::{Catalog, Page, PageQuery};
pub use jobs::{Enqueued, JobQuery, JobStore, Lease, LeaseStatus, Outcome};
