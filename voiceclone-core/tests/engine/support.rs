//! An engine over stores that a test can look into and break.
use std::{num::NonZeroUsize, time::Duration};

use futures_util::TryStreamExt as _;
use voiceclone_core::{
    Error, ErrorKind,
    audio::RawAudio,
    consent::Consent,
    domain::{Job, JobOutput, JobState, SpokenAudio},
    engine::{Engine, EngineBuilder, EngineLimits, JobHandle, Provider, Upload},
    id::{OwnerId, SampleId, VoiceId},
    memory::{MemoryBlobs, MemoryCatalog, MemoryJobs},
    speak::SpeakRequest,
    store::{BlobKey, BlobStore as _},
    testkit::fakes::{
        FakeAccount, FakeCloner, FlakyBlobs, FlakyCatalog, FlakyJobs, PassThroughPreprocessor, ToneSynthesizer,
        voice_like,
    },
    worker::{RunningWorker, WorkerConfig},
};

/// Three sentences, each a segment of its own under [`sentence_by_sentence`].
pub(crate) const THREE: &str = "One is here now. Two is over there. Three is at home.";

pub(crate) struct Stores {
    pub(crate) blobs: FlakyBlobs,
    pub(crate) catalog: FlakyCatalog,
    pub(crate) jobs: FlakyJobs,
}

impl Stores {
    pub(crate) fn new() -> Self {
        Self {
            blobs: FlakyBlobs::new(MemoryBlobs::new()),
            catalog: FlakyCatalog::new(MemoryCatalog::new()),
            jobs: FlakyJobs::new(MemoryJobs::new()),
        }
    }

    /// An engine of this tone over these stores.
    pub(crate) fn engine(&self, tone: &ToneSynthesizer) -> Engine {
        self.builder().provider(provider("tone", tone)).build().unwrap()
    }

    /// An engine that clones in this account.
    pub(crate) fn cloning(&self, cloner: &FakeCloner, account: &FakeAccount) -> Engine {
        let tone = ToneSynthesizer::of_account(account);
        self.builder().provider(provider("tone", &tone).with_cloner(cloner.clone())).build().unwrap()
    }

    pub(crate) fn builder(&self) -> EngineBuilder {
        Engine::builder()
            .blobs(self.blobs.clone())
            .catalog(self.catalog.clone())
            .jobs(self.jobs.clone())
            .preprocessor(PassThroughPreprocessor::default())
            .limits(sentence_by_sentence())
    }

    /// The keys of all blobs, in order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for root in ["owners", "speech-cache"] {
            let found: Vec<_> = self.blobs.list(&BlobKey::new(root).unwrap()).try_collect().await.unwrap();
            keys.extend(found.into_iter().map(|blob| blob.key.to_string()));
        }
        keys.sort();
        keys
    }

    /// The keys of all blobs of jobs: segments and results.
    pub(crate) async fn job_keys(&self) -> Vec<String> {
        self.keys().await.into_iter().filter(|key| key.contains("/jobs/")).collect()
    }
}

pub(crate) fn provider(name: &str, tone: &ToneSynthesizer) -> Provider {
    Provider::new(name, tone.clone()).unwrap()
}

pub(crate) fn sentence_by_sentence() -> EngineLimits {
    EngineLimits::default().with(|limits| limits.segment_chars = 1)
}

pub(crate) fn alice() -> OwnerId {
    OwnerId::new("alice").unwrap()
}

pub(crate) fn recording() -> RawAudio {
    RawAudio::new(voice_like(Duration::from_secs(3), 24_000).unwrap().body)
}

pub(crate) fn upload() -> Upload {
    Upload::new(recording(), Consent::by_subject("Ada Lovelace"))
}

pub(crate) fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "gone for now")
}

pub(crate) fn worker(engine: &Engine) -> RunningWorker {
    engine.start_worker(WorkerConfig::default())
}

/// A worker that takes one job at a time.
pub(crate) fn single_worker(engine: &Engine) -> RunningWorker {
    engine.start_worker(WorkerConfig::default().with(|config| config.concurrency = NonZeroUsize::MIN))
}

/// A recording that was uploaded and prepared, and the voice of it.
pub(crate) async fn prepared(engine: &Engine) -> (SampleId, VoiceId) {
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let worker = worker(engine);
    ingested.job.output().await.unwrap();
    worker.shutdown().await;
    (ingested.sample.id, ingested.sample.voice)
}

pub(crate) fn saying(voice: VoiceId, text: &str) -> SpeakRequest {
    SpeakRequest::new(voice, text).unwrap()
}

/// Runs a worker until the job has ended.
pub(crate) async fn ended(engine: &Engine, job: JobHandle) -> Job {
    let worker = worker(engine);
    let job = job.await.unwrap();
    worker.shutdown().await;
    job
}

/// Waits until somebody works on the job.
pub(crate) async fn running(job: &JobHandle) {
    let mut events = job.events(0).await.unwrap();
    while let Some(event) = events.try_next().await.unwrap() {
        if event.state == JobState::Running {
            return;
        }
    }
    panic!("the job ended without running");
}

pub(crate) fn spoken(job: &Job) -> &SpokenAudio {
    match &job.output {
        Some(JobOutput::Speech(spoken)) => spoken,
        other => panic!("the job is {:?} with {other:?} and {:?}", job.state, job.error),
    }
}

/// Everything that is heard of a live speech.
pub(crate) async fn hear(engine: &Engine, request: SpeakRequest) -> voiceclone_core::Result<Vec<u8>> {
    let mut speech = engine.speak(&alice(), request).await?;
    let mut heard = Vec::new();
    while let Some(audio) = speech.next_audio().await? {
        heard.extend_from_slice(&audio);
    }
    Ok(heard)
}
