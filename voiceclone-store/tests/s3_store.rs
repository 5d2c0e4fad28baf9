//! Blobs over a real S3 protocol, with its signatures checked.
#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
mod support {
    pub(crate) mod s3;
}

use object_store::aws::AmazonS3Builder;
use std::sync::Arc;
use support::s3::{ACCESS_KEY, BUCKET, REGION, S3Server, SECRET_KEY};
use voiceclone_core::testkit::blobs::BlobFixture;
use voiceclone_store::ObjectBlobStore;

fn store(server: &S3Server) -> ObjectBlobStore {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let s3 = AmazonS3Builder::new()
        .with_endpoint(&server.endpoint)
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .build()
        .unwrap();
    ObjectBlobStore::new(Arc::new(s3))
}

voiceclone_core::blob_store_conformance!(s3, BlobFixture::new(store(&S3Server::start().await)));
