//! The stores under test, as a process opens them, and the engine over them.
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::aws::AmazonS3Builder;
use serde::{Deserialize, Serialize};
use voiceclone_core::{
    Result,
    engine::{Engine, EngineLimits, Provider},
    store::{BlobStore, Catalog, JobStore},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
    testkit::fakes::{Fault, PassThroughPreprocessor, ToneSynthesizer, When},
};
use voiceclone_store::{ObjectBlobStore, SqliteStore};

use crate::{
    gates::{GatedBlobs, GatedJobs, Gates, say},
    s3,
};

/// A text that kills the process which speaks it.
pub(crate) const POISON: &str = "Poison";
/// A text that takes some seconds.
pub(crate) const SLOW: &str = "Slowly";

/// Where the records and the blobs are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Places {
    /// A URL of PostgreSQL, or the path of a SQLite file.
    pub(crate) records: String,
    /// The endpoint of an S3 server, or the path of a directory.
    pub(crate) blobs: String,
}

pub(crate) struct Stores {
    blobs: Arc<dyn BlobStore>,
    catalog: Arc<dyn Catalog>,
    jobs: Arc<dyn JobStore>,
}

impl Stores {
    pub(crate) async fn open(places: &Places) -> Result<Self> {
        let (catalog, jobs): (Arc<dyn Catalog>, Arc<dyn JobStore>) = {
            let store = SqliteStore::open(&places.records).await?;
            (Arc::new(store.clone()), Arc::new(store))
        };
        let blobs = if places.blobs.starts_with("http://") {
            bucket(&places.blobs)
        } else {
            ObjectBlobStore::filesystem(&places.blobs).await?
        };
        Ok(Self { blobs: Arc::new(blobs), catalog, jobs })
    }

    /// An engine that says how far it is and stops where the gates say.
    pub(crate) fn gated(self, gates: &Arc<Gates>) -> Engine {
        let blobs = Arc::new(GatedBlobs { inner: self.blobs, gates: Arc::clone(gates) });
        let jobs = Arc::new(GatedJobs { inner: self.jobs, gates: Arc::clone(gates) });
        Self { blobs, jobs, catalog: self.catalog }.engine()
    }

    pub(crate) fn engine(self) -> Engine {
        let slow = Fault::Slow(Duration::from_millis(400));
        let tone = Mortal(ToneSynthesizer::by_reference().with_fault(When::text(SLOW), slow));
        Engine::builder()
            .blobs(self.blobs)
            .catalog(self.catalog)
            .jobs(self.jobs)
            .preprocessor(PassThroughPreprocessor::default())
            .provider(Provider::new("tone", tone).unwrap())
            .limits(EngineLimits::default().with(|limits| limits.segment_chars = 40))
            .build()
            .unwrap()
    }
}

fn bucket(endpoint: &str) -> ObjectBlobStore {
    // Another part of the process may have chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region(s3::REGION)
        .with_bucket_name(s3::BUCKET)
        .with_access_key_id(s3::ACCESS_KEY)
        .with_secret_access_key(s3::SECRET_KEY)
        .build()
        .unwrap();
    ObjectBlobStore::new(Arc::new(bucket)).with_media_types()
}

/// A provider whose library takes the process with it when it is given [`POISON`].
#[derive(Debug)]
struct Mortal(ToneSynthesizer);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Mortal {
    fn info(&self) -> &SynthesizerInfo {
        self.0.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<voiceclone_core::stream::SynthesisStream> {
        if request.text().contains(POISON) {
            say(format_args!("poisoned"));
            std::process::exit(137);
        }
        self.0.synthesize(request).await
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        self.0.open_session(request).await
    }
}
