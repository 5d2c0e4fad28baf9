//! Real engines with real workers over a job store: one that waits for work, one that has plenty, and one whose work never
//! ends.
//!
//! Their catalogs and blobs are in memory, each engine's own, so a job of another engine fails as soon as it is begun:
//! it has nothing to do, which is what is asked of it here.
use std::{
    future::pending,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use voiceclone_core::{
    Result, async_trait,
    audio::RawAudio,
    consent::Consent,
    domain::{ClipProfile, JobSpec, NewJob},
    engine::{Engine, Provider, Upload},
    id::{Fingerprint, SampleId},
    preprocess::{Prepared, Preprocessor},
    store::JobStore,
    testkit::fakes::{ToneSynthesizer, voice_like},
    worker::WorkerConfig,
};

use super::{load, meter::micros, watched::Watched};

/// Begins and never ends; says `held` when it began for the last time it was told of.
#[derive(Debug)]
struct Endless {
    left: AtomicU32,
}

#[async_trait]
impl Preprocessor for Endless {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([b"endless".as_slice()])
    }

    async fn process(&self, _: RawAudio, _: &ClipProfile) -> Result<Prepared> {
        if self.left.fetch_sub(1, Relaxed) == 1 {
            println!("held");
        }
        pending().await
    }
}

fn engine(jobs: Arc<dyn JobStore>, left: u32) -> Result<Engine> {
    Engine::builder()
        .provider(Provider::new("tone", ToneSynthesizer::by_reference())?)
        .preprocessor(Endless { left: AtomicU32::new(left) })
        .jobs(jobs)
        .build()
}

/// A worker for `concurrency` jobs at once, with a lease of this length.
pub fn config(concurrency: NonZeroUsize, lease: Duration) -> WorkerConfig {
    WorkerConfig::default().with(|c| (c.concurrency, c.lease) = (concurrency, lease))
}

/// Works on whatever comes, and prints `began JOB AT`, until it is killed.
///
/// # Errors
/// If the engine cannot be built.
pub async fn wait(jobs: Arc<dyn JobStore>, config: WorkerConfig) -> Result<()> {
    let engine = engine(Arc::new(Watched::over(jobs)), 0)?;
    let _worker = engine.start_worker(config);
    // By then it has found nothing and is waiting.
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("ready");
    pending().await
}

/// Works until `count` jobs have ended.
///
/// # Errors
/// If the engine cannot be built.
pub async fn serve(jobs: Arc<dyn JobStore>, count: u32, config: WorkerConfig) -> Result<()> {
    let watched = Watched::over(jobs).silent();
    let mut finished = watched.finished();
    let engine = engine(Arc::new(watched), 0)?;
    let _worker = engine.start_worker(config);
    // The engine holds the sender.
    let _ = finished.wait_for(|finished| *finished >= count).await;
    Ok(())
}

/// Queues `count` jobs, works on all of them without an end, and says `held` when it has begun with the last.
///
/// # Errors
/// If the store fails.
pub async fn hold(jobs: Arc<dyn JobStore>, count: u32, config: WorkerConfig) -> Result<()> {
    let engine = engine(jobs, count)?;
    for _ in 0..count {
        let recording = RawAudio::new(voice_like(Duration::from_secs(1), 24_000)?.body);
        engine.ingest(&load::owner(0)?, Upload::new(recording, Consent::by_subject("Ada"))).await?;
    }
    let _worker = engine.start_worker(config);
    pending().await
}

/// Queues one job after every `pause`, and prints `sent JOB BEFORE AFTER`.
///
/// # Errors
/// If the store fails.
pub async fn send(jobs: &Arc<dyn JobStore>, count: u32, pause: Duration) -> Result<()> {
    let owner = load::owner(0)?;
    for _ in 0..count {
        tokio::time::sleep(pause).await;
        let new = NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: SampleId::new() });
        let before = micros();
        let job = jobs.enqueue(&new).await?.into_job();
        println!("sent {} {before} {}", job.id, micros());
    }
    Ok(())
}
