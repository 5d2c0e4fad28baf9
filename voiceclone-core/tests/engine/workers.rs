//! Workers that are stopped, killed, cut off or surprised.
use std::{num::NonZeroUsize, time::Duration};

use voiceclone_core::{
    ErrorKind,
    domain::{JobSpec, JobState, NewJob},
    engine::Engine,
    store::JobStore as _,
    testkit::fakes::{Fault, FlakyJobs, StoreFault, ToneSynthesizer, When},
    worker::WorkerConfig,
};

use crate::support::{
    Stores, THREE, alice, ended, hear, prepared, provider, running, saying, spoken, unavailable, worker,
};

/// Takes minutes for [`THREE`].
fn slow_tone() -> ToneSynthesizer {
    ToneSynthesizer::by_reference().with_fault(When::always(), Fault::Slow(Duration::from_secs(10)))
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_running_job_stops_it_and_leaves_nothing() {
    let (stores, tone) = (Stores::new(), slow_tone());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let worker = worker(&engine);
    running(&job).await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert!(tone.live() > 0 && !stores.job_keys().await.is_empty(), "it is in the middle of it");
    job.cancel().await.unwrap();
    let ended = job.clone().await.unwrap();
    assert_eq!((ended.state, ended.output), (JobState::Cancelled, None));
    assert_eq!(job.output().await.unwrap_err().kind(), ErrorKind::Cancelled);
    worker.shutdown().await;
    assert_eq!((tone.live(), stores.job_keys().await), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_job_that_waits_for_another_attempt_leaves_nothing() {
    let fault = Fault::BeforeAudio(unavailable());
    let tone = ToneSynthesizer::by_reference().with_fault(When::text("Three"), fault);
    let stores = Stores::new();
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let working = worker(&engine);
    running(&job).await;
    while engine.job(&alice(), job.id()).await.unwrap().state == JobState::Running {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(working);
    assert_eq!(stores.job_keys().await.len(), 2, "what was spoken is kept for the next attempt");
    assert_eq!(job.cancel().await.unwrap().state, JobState::Cancelled);
    assert_eq!(stores.job_keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_job_and_nothing_else() {
    let tone = ToneSynthesizer::by_reference().with_fault(When::text("Two"), Fault::Panic);
    let stores = Stores::new();
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let worker = worker(&engine);
    let bad = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let good = engine.submit(&alice(), saying(voice, "Good morning."), None).await.unwrap();
    let failed = bad.await.unwrap();
    assert_eq!((failed.state, failed.error.unwrap().kind), (JobState::Failed, ErrorKind::Unexpected));
    assert_eq!(good.await.unwrap().state, JobState::Succeeded);
    let after = engine.submit(&alice(), saying(voice, "Good night."), None).await.unwrap();
    assert_eq!(after.await.unwrap().state, JobState::Succeeded);
    worker.shutdown().await;
    assert_eq!(stores.job_keys().await.len(), 2, "the results of the two good jobs");
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_speaking_ahead_ends_live_speech_with_an_error() {
    let tone = ToneSynthesizer::by_reference().with_fault(When::text("Two"), Fault::Panic);
    let engine = Stores::new().engine(&tone);
    let (_, voice) = prepared(&engine).await;
    assert_eq!(hear(&engine, saying(voice, THREE)).await.unwrap_err().kind(), ErrorKind::Unexpected);
}

/// Another process over the same stores.
fn elsewhere(stores: &Stores, jobs: &FlakyJobs, tone: &ToneSynthesizer) -> Engine {
    stores.builder().jobs(jobs.clone()).provider(provider("tone", tone)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_cut_off_leaves_its_job_to_another() {
    let (stores, slow, tone) = (Stores::new(), slow_tone(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let cut_off = FlakyJobs::new(stores.jobs.clone());
    for verb in ["heartbeat", "finish"] {
        cut_off.plan(verb, When::always(), StoreFault::Fails(unavailable()));
    }
    let far = elsewhere(&stores, &cut_off, &slow);
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let first = worker(&far);
    running(&job).await;
    cut_off.plan("claim", When::always(), StoreFault::Fails(unavailable()));
    let job = ended(&engine, job).await;
    assert_eq!((job.state, job.attempt, job.crashes), (JobState::Succeeded, 1, 1));
    assert_eq!((slow.live(), tone.calls() > 0), (0, true), "the first has stopped, the second has spoken");
    first.shutdown().await;
    assert_eq!(stores.job_keys().await, [spoken(&job).key.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_could_not_say_that_it_was_done_makes_no_second_artefact() {
    let (stores, far_tone, tone) = (Stores::new(), ToneSynthesizer::by_reference(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let cut_off = FlakyJobs::new(stores.jobs.clone());
    cut_off.plan("finish", When::always(), StoreFault::Fails(unavailable()));
    let far = elsewhere(&stores, &cut_off, &far_tone);
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let first = worker(&far);
    running(&job).await;
    cut_off.plan("claim", When::always(), StoreFault::Fails(unavailable()));
    let job = ended(&engine, job).await;
    first.shutdown().await;
    assert_eq!((job.state, job.attempt, job.crashes), (JobState::Succeeded, 1, 1));
    assert_eq!(tone.calls(), 0, "the segments that were paid for are used");
    engine.sweep(&alice(), Duration::ZERO).await.unwrap();
    assert_eq!(stores.job_keys().await, [spoken(&job).key.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_end_of_a_job_changes_nothing() {
    let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let next = stores.jobs.calls("finish") + 1;
    stores.jobs.plan("finish", When::call(next), StoreFault::LosesAnswer(unavailable()));
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    assert_eq!((job.state, job.attempt, tone.calls()), (JobState::Succeeded, 1, 3));
    engine.sweep(&alice(), Duration::ZERO).await.unwrap();
    assert_eq!(stores.job_keys().await, [spoken(&job).key.to_string()], "the sweep finds what was not tidied");
}

#[tokio::test(start_paused = true)]
async fn a_killed_worker_costs_neither_an_attempt_nor_a_segment() {
    let slow = Fault::Slow(Duration::from_secs(10));
    let tone = ToneSynthesizer::by_reference().with_fault(When::text("Three").times(1), slow);
    let stores = Stores::new();
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let killed = worker(&engine);
    running(&job).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(killed);
    let job = ended(&engine, job).await;
    assert_eq!((job.state, job.attempt, job.crashes), (JobState::Succeeded, 1, 1));
    assert_eq!(["One", "Two", "Three"].map(|part| tone.calls_for(part)), [1, 1, 2]);
    assert_eq!(stores.job_keys().await, [spoken(&job).key.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_workers_are_all_killed_fails_with_a_reason() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    let spec = JobSpec::Speak { request: saying(voice, THREE) };
    let job = engine.enqueue(NewJob::new(alice(), spec).with_max_attempts(1).with_max_crashes(2)).await.unwrap();
    for _ in 0..2 {
        let claimed = stores.jobs.claim("doomed", NonZeroUsize::MIN, Duration::from_secs(1)).await.unwrap();
        assert_eq!(claimed.len(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    let job = ended(&engine, job).await;
    assert_eq!((job.state, job.attempt, job.crashes), (JobState::Failed, 1, 2));
    assert_eq!(job.error.unwrap().kind, ErrorKind::LeaseLost);
}

/// A text that kills whoever speaks it would take the jobs beside it along, each time, until they failed with it.
#[tokio::test(start_paused = true)]
async fn a_job_that_has_lost_workers_is_worked_on_alone() {
    let (stores, tone) = (Stores::new(), slow_tone());
    let engine = stores.engine(&tone);
    let (_, voice) = prepared(&engine).await;
    let mut jobs = Vec::new();
    for text in ["One is here.", "Two is here."] {
        jobs.push(engine.submit(&alice(), saying(voice, text), None).await.unwrap());
    }
    let two = NonZeroUsize::new(2).unwrap();
    for _ in 0..3 {
        let claimed = stores.jobs.claim("doomed", two, Duration::from_secs(1)).await.unwrap();
        assert_eq!(claimed.len(), 2);
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    for text in ["Three is fine.", "Four is fine.", "Five is fine."] {
        jobs.push(engine.submit(&alice(), saying(voice, text), None).await.unwrap());
    }
    let worker = worker(&engine);
    let (mut together, mut ended) = (0, Vec::new());
    while ended.len() < jobs.len() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (mut running, mut lost) = (0, false);
        ended.clear();
        for job in &jobs {
            let job = engine.job(&alice(), job.id()).await.unwrap();
            running += usize::from(job.state == JobState::Running);
            lost |= job.state == JobState::Running && job.crashes >= 2;
            ended.extend(job.state.is_terminal().then_some(job));
        }
        assert!(running < 2 || !lost, "another job is beside one that has lost workers");
        together = together.max(running);
    }
    assert_eq!(together, 2, "the others are worked on side by side");
    for job in ended {
        assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1), "being given back costs nothing");
    }
    worker.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_gives_running_jobs_back_without_losing_an_attempt() {
    let (stores, slow) = (Stores::new(), slow_tone());
    let engine = stores.engine(&slow);
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let worker = engine.start_worker(WorkerConfig::default().with(|config| config.drain = Duration::from_secs(1)));
    running(&job).await;
    worker.shutdown().await;
    let released = engine.job(&alice(), job.id()).await.unwrap();
    assert_eq!((released.state, released.attempt, released.error), (JobState::Queued, 0, None));
    assert_eq!(slow.live(), 0);
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    assert_eq!(ended(&engine, engine.follow(&alice(), job.id()).await.unwrap()).await.attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_what_is_nearly_done() {
    let (stores, slow) = (Stores::new(), slow_tone());
    let engine = stores.engine(&slow);
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, "Good."), None).await.unwrap();
    let worker = worker(&engine);
    running(&job).await;
    worker.shutdown().await;
    assert_eq!(engine.job(&alice(), job.id()).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_is_asked_again() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    let next = stores.jobs.calls("claim") + 1;
    stores.jobs.plan("claim", When::call(next), StoreFault::Fails(unavailable()));
    stores.jobs.plan("claim", When::call(next + 1), StoreFault::Fails(unavailable()));
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
}
