//! What is erased is gone everywhere and does not come back.
use std::time::Duration;

use futures_util::TryStreamExt as _;
use voiceclone_core::{
    ErrorKind,
    domain::{Job, JobOutput, JobSpec, JobState, NewJob, SampleState},
    engine::{Engine, JobHandle},
    id::VoiceId,
    speak::SpeakRequest,
    store::{Catalog as _, JobQuery, JobStore as _},
    testkit::fakes::{CloneFault, FakeAccount, FakeCloner, Fault, StoreFault, ToneSynthesizer, When},
    worker::RunningWorker,
};

use crate::support::{
    Stores, THREE, alice, ended, hear, prepared, provider, running, saying, unavailable, upload, worker,
};

#[tokio::test(start_paused = true)]
async fn erasing_removes_clones_recordings_speech_and_names() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let engine = stores.cloning(&FakeCloner::new(&account), &account);
    let (sample, voice) = prepared(&engine).await;
    let spoken = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    let queued = engine.submit(&alice(), saying(voice, "Good night."), None).await.unwrap();
    assert_eq!((account.voices().len(), stores.keys().await.len()), (1, 3));

    let erasure = engine.erase(&alice(), voice).await.unwrap();
    for request in [saying(voice, THREE), SpeakRequest::new(sample, THREE).unwrap()] {
        assert_eq!(hear(&engine, request.clone()).await.unwrap_err().kind(), ErrorKind::NotFound, "at once");
        assert_eq!(engine.submit(&alice(), request, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    let erasure = ended(&engine, erasure).await;
    let Some(JobOutput::Erased { blobs, providers }) = erasure.output else { panic!("{:?}", erasure.error) };
    assert_eq!((blobs, providers.len()), (3, 1));
    assert_eq!((account.voices(), stores.keys().await), (vec![], vec![]));
    for job in [spoken.id, queued.id()] {
        assert_eq!(engine.job(&alice(), job).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(texts(&stores).await, [""; 0]);
    assert_eq!(engine.audio(&alice(), spoken.id, None).await.unwrap_err().kind(), ErrorKind::NotFound);

    let tombstone = stores.catalog.sample(&alice(), sample).await.unwrap();
    assert_eq!((tombstone.state(), tombstone.consent.subject.as_str()), (SampleState::Deleted, ""));
    assert!(tombstone.consent.revoked_at.is_some());
    let tombstone = stores.catalog.voice(&alice(), voice).await.unwrap();
    assert_eq!((tombstone.name.as_str(), tombstone.bindings.len()), ("", 0));
    assert_eq!(engine.voice(&alice(), voice).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(engine.sample(&alice(), sample).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn queued_speech_of_an_erased_voice_is_stopped_and_forgotten() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    let request = JobSpec::Speak { request: saying(voice, THREE) };
    let later = NewJob::new(alice(), request).after(Duration::from_hours(1));
    let later = engine.enqueue(later).await.unwrap();
    let follower = later.events(0).await.unwrap();
    ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    follower.try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(later.await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(texts(&stores).await, [""; 0]);
}

/// The texts that jobs of alice's still hold.
async fn texts(stores: &Stores) -> Vec<String> {
    let jobs = stores.jobs.jobs(&JobQuery::of(alice()).limit(1000)).await.unwrap().items;
    let text = |job: Job| match job.spec {
        JobSpec::Speak { request } => Some(request.utterance.text.as_str().to_owned()),
        _ => None,
    };
    jobs.into_iter().filter_map(text).collect()
}

/// An engine of this tone and a job of it that takes minutes, being worked on.
async fn at_work(stores: &Stores) -> (Engine, VoiceId, JobHandle, RunningWorker) {
    let slow = Fault::Slow(Duration::from_secs(10));
    let engine = stores.engine(&ToneSynthesizer::by_reference().with_fault(When::always(), slow));
    let (_, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let worker = worker(&engine);
    running(&job).await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    (engine, voice, job, worker)
}

#[tokio::test(start_paused = true)]
async fn an_erasure_waits_for_speech_to_stop_and_leaves_no_text() {
    let stores = Stores::new();
    let (engine, voice, job, busy) = at_work(&stores).await;
    let erased = engine.erase(&alice(), voice).await.unwrap().await.unwrap();
    assert_eq!((erased.state, erased.attempt), (JobState::Succeeded, 1), "waiting is no attempt");
    assert_eq!(job.await.unwrap_err().kind(), ErrorKind::NotFound);
    busy.shutdown().await;
    assert_eq!((texts(&stores).await, stores.keys().await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn an_erasure_outlasts_a_killed_worker_that_was_speaking() {
    let stores = Stores::new();
    let (engine, voice, job, killed) = at_work(&stores).await;
    drop(killed);
    assert_eq!(engine.job(&alice(), job.id()).await.unwrap().state, JobState::Running);
    let erased = ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!((erased.state, erased.attempt), (JobState::Succeeded, 1));
    assert_eq!((texts(&stores).await, stores.keys().await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn speech_that_is_queued_behind_the_back_of_an_erasure_leaves_no_text() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    for request in [saying(voice, THREE), SpeakRequest::new(sample, THREE).unwrap()] {
        let late = NewJob::new(alice(), JobSpec::Speak { request });
        let late = engine.enqueue(late).await.unwrap();
        let worker = worker(&engine);
        let mut events = late.events(0).await.unwrap();
        while events.try_next().await.unwrap().is_some() {}
        worker.shutdown().await;
        assert_eq!(texts(&stores).await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_erasure_that_could_not_remove_a_row_is_done_again() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (_, voice) = prepared(&engine).await;
    for text in [THREE, "Good night."] {
        ended(&engine, engine.submit(&alice(), saying(voice, text), None).await.unwrap()).await;
    }
    stores.jobs.plan("remove", When::call(1), StoreFault::LosesAnswer(unavailable()));
    stores.jobs.plan("remove", When::call(2), StoreFault::Fails(unavailable()));
    let erased = ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!((erased.state, erased.attempt), (JobState::Succeeded, 3));
    assert_eq!((texts(&stores).await, stores.keys().await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn speech_in_another_voice_of_the_same_recording_stays() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    let by_sample = SpeakRequest::new(sample, THREE).unwrap();
    let first = ended(&engine, engine.submit(&alice(), by_sample, None).await.unwrap()).await;
    let other = engine.create_voice(&alice(), "other", &[sample]).await.unwrap().id;
    let second = ended(&engine, engine.submit(&alice(), saying(other, THREE), None).await.unwrap()).await;
    ended(&engine, engine.erase(&alice(), other).await.unwrap()).await;
    assert_eq!(engine.job(&alice(), second.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    engine.audio(&alice(), first.id, None).await.unwrap();
    ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!((texts(&stores).await, stores.keys().await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_which_no_id_is_known_is_removed_too() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account).with_fault(When::call(1), CloneFault::Hang);
    let engine = stores.cloning(&cloner, &account);
    let (_, voice) = prepared(&engine).await;
    let left = tokio::time::timeout(Duration::from_millis(10), hear(&engine, saying(voice, THREE))).await;
    assert!(left.is_err() && account.voices().len() == 1);
    ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!(account.voices(), []);
}

#[tokio::test(start_paused = true)]
async fn other_voices_of_the_account_stay() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let engine = stores.cloning(&FakeCloner::new(&account), &account);
    let ((_, first), (_, second)) = (prepared(&engine).await, prepared(&engine).await);
    for voice in [first, second] {
        hear(&engine, saying(voice, THREE)).await.unwrap();
    }
    ended(&engine, engine.erase(&alice(), first).await.unwrap()).await;
    assert_eq!(account.voices().len(), 1);
    hear(&engine, saying(second, THREE)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn cached_speech_goes_with_the_voice() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    for by_id in [true, false] {
        let tone = if by_id { ToneSynthesizer::of_account(&account) } else { ToneSynthesizer::by_reference() };
        let engine = stores.builder().cache_speech();
        let provider = provider("tone", &tone).with_cloner(FakeCloner::new(&account));
        let engine = engine.provider(provider).build().unwrap();
        let (_, voice) = prepared(&engine).await;
        let first = hear(&engine, saying(voice, THREE)).await.unwrap();
        assert_eq!(hear(&engine, saying(voice, THREE)).await.unwrap(), first);
        assert_eq!(tone.calls(), 3, "the second time comes from the cache");
        account.forget_all();
        hear(&engine, saying(voice, "Good night.")).await.unwrap();
        // What was said with fewer recordings goes, too.
        let more = engine.ingest(&alice(), upload().into_voice(voice)).await.unwrap();
        ended(&engine, more.job).await;
        hear(&engine, saying(voice, "Good night.")).await.unwrap();
        assert!(stores.keys().await.iter().any(|key| key.starts_with("speech-cache/")));
        ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
        assert_eq!(stores.keys().await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_another_voice_is_made_of_stays() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    let other = engine.create_voice(&alice(), "other", &[sample]).await.unwrap().id;
    ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    hear(&engine, saying(other, THREE)).await.unwrap();
    ended(&engine, engine.erase(&alice(), other).await.unwrap()).await;
    assert_eq!(stores.keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_erasure_that_gave_up_may_be_asked_for_again() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let engine = stores.cloning(&FakeCloner::new(&account), &account);
    let (_, voice) = prepared(&engine).await;
    hear(&engine, saying(voice, THREE)).await.unwrap();
    let unplugged = stores.engine(&ToneSynthesizer::by_reference());
    let gave_up = ended(&unplugged, unplugged.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!((gave_up.state, account.voices().len()), (JobState::Failed, 1));
    let again = ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!((again.state, account.voices().len()), (JobState::Succeeded, 0));
    let once_more = engine.erase(&alice(), voice).await.unwrap();
    assert_eq!(ended(&engine, once_more).await.state, JobState::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn nothing_joins_a_voice_that_is_erased() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    engine.erase(&alice(), voice).await.unwrap();
    let error = engine.ingest(&alice(), upload().into_voice(voice)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(engine.rename_voice(&alice(), voice, "new").await.unwrap_err().kind(), ErrorKind::NotFound);
    let erased = ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    assert_eq!(erased.state, JobState::Succeeded);
    assert!(engine.create_voice(&alice(), "new", &[sample]).await.is_err());
    assert_eq!(stores.keys().await, [""; 0]);
}
