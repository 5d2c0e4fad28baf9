//! Clones at providers: made once, found again, remade, replaced.
use std::{sync::Arc, time::Duration};

use voiceclone_core::{
    Error, ErrorKind,
    domain::{JobOutput, JobState},
    engine::{Engine, EngineLimits},
    id::ProviderId,
    testkit::fakes::{CloneFault, FakeAccount, FakeCloner, ToneSynthesizer, When},
};

use crate::support::{Stores, THREE, alice, ended, hear, prepared, provider, saying, unavailable, upload};

fn cloning(change: impl FnOnce(FakeCloner) -> FakeCloner) -> (FakeAccount, FakeCloner, Engine) {
    let account = FakeAccount::new();
    let cloner = change(FakeCloner::new(&account));
    let engine = Stores::new().cloning(&cloner, &account);
    (account, cloner, engine)
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_made_at_first_use_and_used_again() {
    let (account, cloner, engine) = cloning(|cloner| cloner);
    let (_, voice) = prepared(&engine).await;
    assert_eq!(cloner.enrolments(), 0);
    for _ in 0..3 {
        hear(&engine, saying(voice, THREE)).await.unwrap();
    }
    assert_eq!((cloner.enrolments(), account.voices().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn two_at_once_make_one_clone() {
    let (account, cloner, engine) = cloning(|cloner| cloner);
    let (_, voice) = prepared(&engine).await;
    let speak = || hear(&engine, saying(voice, "Good morning."));
    let (a, b, c) = tokio::join!(speak(), speak(), speak());
    assert_eq!((a.unwrap(), b.unwrap().len()), (c.unwrap(), 13 * 3_200));
    assert_eq!((cloner.enrolments(), account.voices().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_clone_may_be_made_ahead() {
    let (_, cloner, engine) = cloning(|cloner| cloner);
    let (_, voice) = prepared(&engine).await;
    let tone = ProviderId::new("tone").unwrap();
    let job = ended(&engine, engine.enroll(&alice(), voice, &tone).await.unwrap()).await;
    assert_eq!(job.output, Some(JobOutput::Enrolled { provider: tone }));
    hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!(cloner.enrolments(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_clone_is_made_once_more() {
    let (account, cloner, engine) = cloning(|cloner| cloner);
    let (_, voice) = prepared(&engine).await;
    hear(&engine, saying(voice, THREE)).await.unwrap();
    account.forget_all();
    hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!((cloner.enrolments(), account.voices().len()), (2, 1));
    account.forget_all();
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
    assert_eq!((cloner.enrolments(), account.voices().len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_clone_whose_answer_was_lost_is_found_by_its_name() {
    for idempotent in [true, false] {
        let (account, cloner, engine) = cloning(|cloner| {
            let cloner = cloner.with(|info| info.idempotent = idempotent);
            cloner.with_fault(When::call(1), CloneFault::LosesAnswer)
        });
        let (_, voice) = prepared(&engine).await;
        hear(&engine, saying(voice, THREE)).await.unwrap();
        hear(&engine, saying(voice, THREE)).await.unwrap();
        assert_eq!(account.voices().len(), 1);
        assert!(cloner.enrolments() <= 1 + usize::from(idempotent));
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_that_was_being_made_when_the_caller_left_is_found_by_its_name() {
    let (account, cloner, engine) = cloning(|cloner| cloner.with_fault(When::call(1), CloneFault::Hang));
    let (_, voice) = prepared(&engine).await;
    let left = tokio::time::timeout(Duration::from_millis(10), hear(&engine, saying(voice, THREE))).await;
    assert!(left.is_err() && account.voices().len() == 1);
    hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!((cloner.enrolments(), account.voices().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_enrolment_with_an_unknown_outcome_is_left_alone_for_a_while() {
    let timeout = || CloneFault::Fails(Error::new(ErrorKind::Timeout, "no answer"));
    let (_, cloner, engine) = cloning(|cloner| cloner.with_fault(When::call(1), timeout()));
    let (_, voice) = prepared(&engine).await;
    let speak = || hear(&engine, saying(voice, THREE));
    assert_eq!(speak().await.unwrap_err().kind(), ErrorKind::Timeout);
    let error = speak().await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), cloner.enrolments()), (ErrorKind::Conflict, true, 1));

    let account = FakeAccount::new();
    let cloner = FakeCloner::new(&account).with_fault(When::call(1), timeout());
    let tone = ToneSynthesizer::of_account(&account);
    let impatient = EngineLimits::default().with(|limits| limits.enrolment_patience = Duration::ZERO);
    let engine = Stores::new().builder().limits(impatient);
    let engine = engine.provider(provider("tone", &tone).with_cloner(cloner.clone())).build().unwrap();
    let (_, voice) = prepared(&engine).await;
    assert_eq!(hear(&engine, saying(voice, THREE)).await.unwrap_err().kind(), ErrorKind::Timeout);
    hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!((cloner.enrolments(), account.voices().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_voice_in_training_is_waited_for_without_counting_attempts() {
    let (_, cloner, engine) = cloning(|cloner| cloner.training(4));
    let (_, voice) = prepared(&engine).await;
    let error = hear(&engine, saying(voice, THREE)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    assert_eq!((job.state, job.attempt, cloner.enrolments()), (JobState::Succeeded, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_on_and_leaves_no_voice() {
    let rejects = CloneFault::Rejects("too much music".into());
    let (account, _, engine) = cloning(|cloner| cloner.with_fault(When::call(1), rejects));
    let (_, voice) = prepared(&engine).await;
    let error = hear(&engine, saying(voice, THREE)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("too much music"), "{error}");
    assert_eq!(account.voices(), []);
    hear(&engine, saying(voice, THREE)).await.unwrap();

    let (_, _, engine) = cloning(|cloner| cloner.with_quota(0));
    let (_, voice) = prepared(&engine).await;
    assert_eq!(hear(&engine, saying(voice, THREE)).await.unwrap_err().kind(), ErrorKind::QuotaExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_further_recording_makes_a_new_clone_and_removes_the_old_one() {
    let (account, cloner, engine) = cloning(|cloner| cloner.with(|info| info.max_clips = 2));
    let (_, voice) = prepared(&engine).await;
    hear(&engine, saying(voice, THREE)).await.unwrap();
    let old = account.voices();
    let more = engine.ingest(&alice(), upload().into_voice(voice)).await.unwrap();
    ended(&engine, more.job).await;
    hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!((cloner.enrolments(), account.voices().len()), (2, 1));
    assert_ne!(account.voices(), old);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_cannot_clone_now_is_stood_in_for() {
    let account = FakeAccount::new();
    let cloner = FakeCloner::new(&account).with_fault(When::always(), CloneFault::Fails(unavailable()));
    let (first, second) = (ToneSynthesizer::of_account(&account), ToneSynthesizer::by_reference());
    let engine = Stores::new().builder().provider(provider("first", &first).with_cloner(cloner));
    let engine = Arc::new(engine.provider(provider("second", &second)).build().unwrap());
    let (_, voice) = prepared(&engine).await;
    for _ in 0..2 {
        let speech = engine.speak(&alice(), saying(voice, THREE)).await.unwrap();
        assert_eq!((speech.provider.as_str(), speech.instead_of.is_some()), ("second", true));
    }
}
