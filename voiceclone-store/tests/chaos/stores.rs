//! The stores under test, as a process opens them, and the engine over them.
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use voiceclone_core::{
    Result,
    engine::{Engine, EngineLimits, Provider},
    store::{BlobStore, Catalog, JobStore},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
    testkit::fakes::{Fault, PassThroughPreprocessor, ToneSynthesizer, When},
};
use voiceclone_store::{Credentials, LedgerBlobs, ObjectBlobStore, PostgresStore, SqliteStore};

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
    /// The books of the blobs.
    pub(crate) ledger: LedgerBlobs,
    catalog: Arc<dyn Catalog>,
    jobs: Arc<dyn JobStore>,
}

impl Stores {
    pub(crate) async fn open(places: &Places) -> Result<Self> {
        let blobs = if places.blobs.starts_with("http://") {
            ObjectBlobStore::builder(&format!("s3://{}", s3::BUCKET))?
                .endpoint(&places.blobs)
                .region(s3::REGION)
                .credentials(Credentials::s3(s3::ACCESS_KEY, s3::SECRET_KEY))
                .build()
                .await?
        } else {
            ObjectBlobStore::filesystem(&places.blobs).await?
        };
        let (catalog, jobs, ledger): (Arc<dyn Catalog>, Arc<dyn JobStore>, LedgerBlobs) =
            if places.records.starts_with("postgres://") {
                let store = PostgresStore::connect(&places.records).await?;
                (Arc::new(store.clone()), Arc::new(store.clone()), store.ledger(blobs).await?)
            } else {
                let store = SqliteStore::open(&places.records).await?;
                (Arc::new(store.clone()), Arc::new(store.clone()), store.ledger(blobs).await?)
            };
        Ok(Self { blobs: Arc::new(ledger.clone()), ledger, catalog, jobs })
    }

    /// An engine that says how far it is and stops where the gates say.
    pub(crate) fn gated(self, gates: &Arc<Gates>) -> Engine {
        let blobs = Arc::new(GatedBlobs { inner: self.blobs, gates: Arc::clone(gates) });
        let jobs = Arc::new(GatedJobs { inner: self.jobs, gates: Arc::clone(gates) });
        Self { blobs, jobs, ..self }.engine()
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
