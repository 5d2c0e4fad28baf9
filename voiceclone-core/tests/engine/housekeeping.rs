//! What ended long ago goes with what it left, and every owner is swept. Nothing that is needed goes.
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use voiceclone_core::{
    ErrorKind,
    domain::{DEFAULT_MAX_CRASHES, Job, JobState, SampleState},
    engine::{Engine, HousekeepingConfig},
    id::{JobId, OwnerId, SampleId},
    store::{BlobBody, BlobKey, BlobStore as _, JobStore as _, PutOptions},
    testkit::fakes::{StoreFault, ToneSynthesizer, When},
};

use crate::support::{Stores, THREE, alice, ended, hear, prepared, saying, spoken, unavailable, upload, worker};

const HOUR: Duration = Duration::from_hours(1);
const BATCH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Jobs that spoke, one after another.
async fn speeches(engine: &Engine, voice: voiceclone_core::id::VoiceId, n: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    for _ in 0..n {
        jobs.push(ended(engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await);
    }
    jobs
}

fn results(jobs: &[Job]) -> Vec<String> {
    jobs.iter().map(|job| spoken(job).key.to_string()).collect()
}

async fn put(stores: &Stores, key: &str) -> String {
    let body = BlobBody::Bytes(vec![0; 10].into());
    stores.blobs.put(&BlobKey::new(key).unwrap(), body, &PutOptions::default()).await.unwrap();
    key.to_owned()
}

/// What is left of a preparation that lost every worker: a job that failed, and a recording that was not told.
async fn lost(stores: &Stores, engine: &Engine) -> SampleId {
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    for _ in 0..=DEFAULT_MAX_CRASHES {
        stores.jobs.claim("doomed", NonZeroUsize::MIN, Duration::from_secs(1)).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert_eq!(ingested.job.await.unwrap().state, JobState::Failed);
    ingested.sample.id
}

#[tokio::test(start_paused = true)]
async fn pruned_jobs_take_their_results_along() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    let old = speeches(&engine, voice, 3).await;
    tokio::time::advance(HOUR * 2).await;
    let young = speeches(&engine, voice, 1).await;
    let waiting = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();

    let pruned = engine.prune_jobs(HOUR, BATCH).await.unwrap();
    assert_eq!((pruned.jobs, pruned.blobs), (4, 3), "the preparation and three speeches");
    for job in old {
        assert_eq!(engine.job(&alice(), job.id).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(engine.audio(&alice(), job.id, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(stores.job_keys().await, results(&young));
    engine.audio(&alice(), young[0].id, None).await.unwrap();
    assert_eq!(ended(&engine, waiting).await.state, JobState::Succeeded);
    assert_eq!(engine.sample(&alice(), sample).await.unwrap().state(), SampleState::Ready);
    hear(&engine, saying(voice, THREE)).await.unwrap();
    let again = engine.prune_jobs(HOUR, BATCH).await.unwrap();
    assert_eq!((again.jobs, again.blobs), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_left_of_pruned_jobs_is_swept() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    speeches(&engine, voice, 2).await;
    stores.jobs.plan("prune", When::call(1), StoreFault::LosesAnswer(unavailable()));
    assert_eq!(engine.prune_jobs(Duration::ZERO, BATCH).await.unwrap_err().kind(), ErrorKind::Unavailable);
    engine.prune_jobs(Duration::ZERO, BATCH).await.unwrap();
    assert_eq!(stores.job_keys().await.len(), 1, "one result has lost its job");
    assert_eq!(engine.sweep(&alice(), Duration::ZERO).await.unwrap().removed, 1);
    assert_eq!(stores.job_keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_removed_does_not_keep_the_others() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    let jobs = speeches(&engine, voice, 2).await;
    let stuck = spoken(&jobs[0]).key.to_string();
    stores.blobs.plan("delete", When::text(&stuck).times(1), StoreFault::Fails(unavailable()));
    let all = NonZeroUsize::MAX;
    assert_eq!(engine.prune_jobs(Duration::ZERO, all).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(stores.job_keys().await, [stuck]);
    assert_eq!(engine.sweep(&alice(), Duration::ZERO).await.unwrap().removed, 1);
}

#[tokio::test(start_paused = true)]
async fn those_that_prune_at_once_prune_each_job_once() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    speeches(&engine, voice, 9).await;
    let prune = || engine.prune_jobs(Duration::ZERO, BATCH);
    let (a, b, c) = tokio::join!(prune(), prune(), prune());
    let all = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(all.iter().map(|pruned| pruned.jobs).sum::<u64>(), 10);
    assert_eq!((all.iter().map(|pruned| pruned.blobs).sum::<u64>(), stores.job_keys().await.len()), (9, 0));
}

#[tokio::test(start_paused = true)]
async fn a_recording_whose_failed_preparation_is_pruned_is_rejected() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let sample = lost(&stores, &engine).await;
    assert_eq!(engine.sample(&alice(), sample).await.unwrap().state(), SampleState::Received);
    assert_eq!(engine.prune_jobs(Duration::ZERO, BATCH).await.unwrap().jobs, 1);
    let sample = engine.sample(&alice(), sample).await.unwrap();
    assert_eq!(sample.state(), SampleState::Rejected);
    assert!(sample.rejections[0].contains("workers were lost"), "{:?}", sample.rejections);
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_waits_for_a_job_that_was_pruned_gets_another() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let sample = lost(&stores, &engine).await;
    stores.jobs.plan("prune", When::call(1), StoreFault::LosesAnswer(unavailable()));
    engine.prune_jobs(Duration::ZERO, BATCH).await.unwrap_err();
    assert_eq!(engine.sample(&alice(), sample).await.unwrap().state(), SampleState::Received);
    for requeued in [1, 0] {
        assert_eq!(engine.sweep(&alice(), Duration::ZERO).await.unwrap().requeued, requeued);
    }
    let worker = worker(&engine);
    while engine.sample(&alice(), sample).await.unwrap().state() != SampleState::Ready {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    worker.shutdown().await;
}

/// One recording of alice's and one of bob's, each with an orphan beside it; and a blob of somebody unknown.
async fn three_owners(stores: &Stores, engine: &Engine) -> (Vec<String>, String) {
    let bob = OwnerId::new("bob").unwrap();
    engine.ingest(&alice(), upload()).await.unwrap();
    engine.ingest(&bob, upload()).await.unwrap();
    let mut orphans = Vec::new();
    for key in stores.keys().await {
        let prefix: Vec<_> = key.split('/').take(2).collect();
        orphans.push(put(stores, &format!("{}/jobs/{}/segment-00", prefix.join("/"), JobId::new())).await);
    }
    let foreign = put(stores, &format!("owners/{}/samples/{}/original-00", "0f".repeat(16), SampleId::new())).await;
    (orphans, foreign)
}

#[tokio::test(start_paused = true)]
async fn every_owner_is_swept_and_strangers_are_left_alone() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (orphans, foreign) = three_owners(&stores, &engine).await;
    let young = engine.sweep_owners(HOUR).await.unwrap();
    assert_eq!((young.owners, young.swept.kept, young.swept.removed, young.foreign), (2, 4, 0, 0), "too young");
    let swept = engine.sweep_owners(Duration::ZERO).await.unwrap();
    assert_eq!((swept.owners, swept.failed, swept.foreign), (2, 0, 1));
    assert_eq!((swept.swept.kept, swept.swept.removed), (2, 2));
    let keys = stores.keys().await;
    assert!(keys.contains(&foreign) && !keys.iter().any(|key| orphans.contains(key)), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn the_owners_of_many_pages_are_swept() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    for i in 0..205 {
        let owner = OwnerId::new(format!("owner {i}")).unwrap();
        engine.ingest(&owner, upload()).await.unwrap();
    }
    let swept = engine.sweep_owners(Duration::ZERO).await.unwrap();
    assert_eq!((swept.owners, swept.swept.kept, swept.foreign), (205, 205, 0));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_cannot_be_swept_does_not_keep_the_others() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (orphans, _) = three_owners(&stores, &engine).await;
    let alices: Vec<_> = orphans[0].split('/').take(2).collect();
    let broken = StoreFault::Fails(voiceclone_core::Error::unexpected("a key that is no key"));
    stores.blobs.plan("list", When::text(alices.join("/")).times(1), broken);
    let swept = engine.sweep_owners(Duration::ZERO).await.unwrap();
    assert_eq!((swept.owners, swept.failed, swept.swept.removed), (1, 1, 1));
    stores.blobs.plan("list", When::always(), StoreFault::Fails(unavailable()));
    let error = engine.sweep_owners(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "a store that is gone is gone for everybody");
}

/// A chore that counts how often it is done, and then fails as `how` says.
fn counted(count: &Arc<AtomicUsize>, how: fn(usize) -> voiceclone_core::Result<()>) -> impl Fn() -> Counted + use<> {
    let count = Arc::clone(count);
    move || {
        let turn = count.fetch_add(1, Ordering::Relaxed) + 1;
        std::future::ready(how(turn))
    }
}

type Counted = std::future::Ready<voiceclone_core::Result<()>>;

#[tokio::test(start_paused = true)]
async fn housekeeping_does_every_chore_in_every_turn_whatever_the_others_do() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    let (failing, panicking, last) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let config = HousekeepingConfig::default()
        .with(|config| (config.interval, config.keep_jobs) = (HOUR, Some(HOUR * 3)))
        .chore("fails", counted(&failing, |_| Err(unavailable())))
        .chore("panics", counted(&panicking, |turn| panic!("in turn {turn}")))
        .chore("is well", counted(&last, |_| Ok(())));
    let job = speeches(&engine, voice, 1).await.remove(0);
    let next = stores.blobs.calls("list") + 1;
    stores.blobs.plan("list", When::call(next), StoreFault::Fails(unavailable()));
    let house = engine.start_housekeeping(config.clone());
    // Between half an hour and an hour after each other: in four hours at least five turns and at most nine.
    tokio::time::sleep(HOUR * 4 + Duration::from_secs(1)).await;
    house.shutdown().await;
    let turns = [&failing, &panicking, &last].map(|count| count.load(Ordering::Relaxed));
    assert!((5..=9).contains(&turns[0]) && turns.iter().all(|n| *n == turns[0]), "{turns:?}");
    assert_eq!(engine.job(&alice(), job.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(stores.job_keys().await, [""; 0]);

    tokio::time::sleep(HOUR * 4).await;
    assert_eq!(last.load(Ordering::Relaxed), turns[2], "it has stopped");
    let house = engine.start_housekeeping(config);
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(house);
    tokio::time::sleep(HOUR * 4).await;
    assert_eq!(last.load(Ordering::Relaxed), turns[2] + 1, "one turn at the start, and none after the drop");
}

#[tokio::test(start_paused = true)]
async fn housekeeping_keeps_jobs_unless_it_is_told_for_how_long() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    let job = speeches(&engine, voice, 1).await.remove(0);
    let house = engine.start_housekeeping(HousekeepingConfig::default());
    tokio::time::sleep(HOUR * 1000).await;
    house.shutdown().await;
    assert_eq!(stores.jobs.calls("prune"), 0);
    engine.audio(&alice(), job.id, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_chore_that_hangs_does_not_hold_up_a_shutdown() {
    let engine = Stores::new().engine(&ToneSynthesizer::by_reference());
    let config = HousekeepingConfig::default().chore("hangs", std::future::pending);
    let house = engine.start_housekeeping(config);
    tokio::time::sleep(HOUR).await;
    house.shutdown().await;
}
