//! The application's side: queues texts, sends them again with the same key when no answer comes, follows, and sweeps.
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use voiceclone_core::{
    audio::RawAudio,
    consent::Consent,
    domain::Job,
    engine::{Engine, Upload},
    id::{IdempotencyKey, JobId, OwnerId, VoiceId},
    speak::SpeakRequest,
    testkit::fakes::voice_like,
    worker::WorkerConfig,
};
use voiceclone_store::LedgerBlobs;

use crate::{process::PATIENCE, stores::Stores};

/// Cheap to clone; clones are the same client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    engine: Engine,
    ledger: LedgerBlobs,
    owner: OwnerId,
    voice: VoiceId,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    resubmitted: Arc<AtomicU64>,
}

impl Client {
    /// Uploads a recording and prepares it.
    pub(crate) async fn prepare(stores: Stores) -> Self {
        let ledger = stores.ledger.clone();
        let engine = stores.engine();
        let owner = OwnerId::new("ada").unwrap();
        let recording = RawAudio::new(voice_like(Duration::from_secs(3), 24_000).unwrap().body);
        let upload = Upload::new(recording, Consent::by_subject("Ada Lovelace"));
        let ingested = engine.ingest(&owner, upload).await.unwrap();
        let worker = engine.start_worker(WorkerConfig::default());
        ingested.job.output().await.unwrap();
        worker.shutdown().await;
        let voice = ingested.sample.voice;
        Self { engine, ledger, owner, voice, acknowledged: Arc::default(), resubmitted: Arc::default() }
    }

    /// Three sentences nobody else says.
    pub(crate) fn text() -> String {
        let number = JobId::new().as_uuid().as_u128() % 1_000_000;
        format!("This is text number {number}. It is spoken once. Then it is over.")
    }

    /// Queues a text and returns its job.
    pub(crate) async fn submit(&self, text: &str) -> String {
        self.submit_with_key(text, &format!("key-{}", JobId::new())).await
    }

    /// Sends the request until it is acknowledged, each time with the same key.
    pub(crate) async fn submit_with_key(&self, text: &str, key: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = SpeakRequest::new(self.voice, text).unwrap();
            let key = Some(IdempotencyKey::new(key).unwrap());
            match self.engine.submit(&self.owner, request, key).await {
                Ok(job) => {
                    let id = job.id().to_string();
                    self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
                    return id;
                }
                Err(error) => {
                    assert!(error.is_retryable(), "a request was refused for good: {}", error.chain());
                    assert!(Instant::now() < deadline, "no request is taken: {}", error.chain());
                    self.resubmitted.fetch_add(1, Ordering::Relaxed);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Queues so many texts, one after the other.
    pub(crate) async fn submit_many(&self, n: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..n {
            ids.push(self.submit(&Self::text()).await);
        }
        ids
    }

    /// Follows a job to its end, again when the store that told of it was away.
    pub(crate) async fn follow(&self, id: &str) -> Job {
        let (id, deadline) = (id.parse().unwrap(), Instant::now() + PATIENCE);
        loop {
            let ended = match self.engine.follow(&self.owner, id).await {
                Ok(job) => job.ended().await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(job) => return job,
                Err(error) => assert!(Instant::now() < deadline, "a follower is told nothing: {}", error.chain()),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sweeps, and returns how many blobs went. The books know of everything that is to go, and of all that stays.
    pub(crate) async fn sweep(&self) -> u64 {
        let removed = self.ledger.sweep(Duration::ZERO).await.unwrap().removed;
        let swept = self.engine.sweep(&self.owner, Duration::ZERO).await.unwrap();
        assert_eq!((swept.removed, swept.requeued), (0, 0), "blobs were in no book, or a recording had lost its job");
        let audit = self.ledger.audit(Duration::ZERO).await.unwrap();
        assert_eq!((audit.adopted, audit.claimed, audit.missing), (0, 0, 0), "the audit finds what a sweep left");
        removed
    }

    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn resubmitted(&self) -> u64 {
        self.resubmitted.load(Ordering::Relaxed)
    }
}
