//! An engine over stores in memory, and everything that lies in them.
use std::sync::{Arc, LazyLock};

use futures_util::TryStreamExt as _;
use voiceclone_core::{
    Result,
    audio::{AudioBody, RawAudio},
    consent::Consent,
    domain::{Job, Voice, VoiceSample},
    engine::{Engine, Ingested, Provider, Upload},
    id::OwnerId,
    memory::{MemoryBlobs, MemoryCatalog, MemoryJobs},
    store::{BlobKey, BlobStore as _, JobQuery, PageQuery},
    worker::{RunningWorker, WorkerConfig},
};
use voiceclone_local::{Builtin, LocalPreprocessor};

pub(crate) const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/librivox_sense_01.wav");

static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| Builtin::load().unwrap());

pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) owner: OwnerId,
    blobs: Arc<MemoryBlobs>,
    worker: RunningWorker,
}

/// Everything that is kept. Prints the difference where two are compared.
#[derive(Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) blobs: Vec<BlobKey>,
    pub(crate) samples: Vec<VoiceSample>,
    pub(crate) voices: Vec<Voice>,
    pub(crate) jobs: Vec<Job>,
}

impl House {
    pub(crate) fn new() -> Self {
        let blobs = Arc::new(MemoryBlobs::default());
        let engine = Engine::builder()
            .provider(Provider::new("builtin", BUILTIN.clone()).unwrap())
            .preprocessor(LocalPreprocessor::new())
            .blobs(Arc::clone(&blobs))
            .catalog(MemoryCatalog::default())
            .jobs(MemoryJobs::default())
            .build()
            .unwrap();
        let worker = engine.start_worker(WorkerConfig::default());
        Self { engine, owner: OwnerId::new("ada").unwrap(), blobs, worker }
    }

    pub(crate) async fn ingest(&self, body: impl Into<AudioBody>, name: &str) -> Result<Ingested> {
        let audio = RawAudio::new(body).declared(name);
        self.engine.ingest(&self.owner, Upload::new(audio, Consent::by_subject("Ada"))).await
    }

    /// What became of a recording that was taken.
    pub(crate) async fn prepared(&self, body: impl Into<AudioBody>, name: &str) -> VoiceSample {
        let ingested = self.ingest(body, name).await.unwrap();
        ingested.job.output().await.unwrap();
        self.engine.sample(&self.owner, ingested.sample.id).await.unwrap()
    }

    /// The reader's recording, prepared.
    pub(crate) async fn reader(&self) -> VoiceSample {
        self.prepared(AudioBody::from_file(RECORDING).unwrap(), "reader.wav").await
    }

    /// What is kept once all jobs have ended and what they left is tidied.
    pub(crate) async fn closed(self) -> Kept {
        let Self { engine, owner, blobs, worker } = self;
        worker.shutdown().await;
        kept(&engine, &owner, &blobs).await
    }

    pub(crate) async fn kept(&self) -> Kept {
        kept(&self.engine, &self.owner, &self.blobs).await
    }
}

async fn kept(engine: &Engine, owner: &OwnerId, blobs: &MemoryBlobs) -> Kept {
    let everything = BlobKey::new("owners").unwrap();
    let mut blobs: Vec<_> = blobs.list(&everything).map_ok(|blob| blob.key).try_collect().await.unwrap();
    blobs.sort();
    let page = PageQuery::of(owner.clone());
    Kept {
        blobs,
        samples: engine.samples(&page).await.unwrap().items,
        voices: engine.voices(&page).await.unwrap().items,
        jobs: engine.jobs(&JobQuery::of(owner.clone())).await.unwrap().items,
    }
}
