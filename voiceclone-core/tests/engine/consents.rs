//! No consent, no recording, no clone, no speech.
use std::time::Duration;

use chrono::Utc;
use voiceclone_core::{
    ErrorKind,
    consent::{Consent, ConsentPolicy, Relationship},
    domain::{JobOutput, JobState, SampleState},
    engine::Upload,
    id::ProviderId,
    speak::SpeakRequest,
    store::Catalog as _,
    testkit::fakes::{FakeAccount, FakeCloner, Fault, ToneSynthesizer, When},
};

use crate::support::{
    Stores, THREE, alice, ended, hear, prepared, provider, recording, running, saying, upload, worker,
};

#[tokio::test(start_paused = true)]
async fn an_upload_without_a_valid_consent_leaves_nothing() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let lapsed = Consent::by_subject("Ada").until(Utc::now() - Duration::from_secs(1));
    let mut withdrawn = Consent::by_subject("Ada");
    withdrawn.revoked_at = Some(Utc::now());
    for consent in [lapsed, withdrawn, Consent::by_subject(" ")] {
        let error = engine.ingest(&alice(), Upload::new(recording(), consent).named("Ada")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConsentRequired);
    }
    assert_eq!((stores.blobs.calls("put"), stores.catalog.calls("insert_sample")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_consent_that_was_withdrawn_stops_speech_queued_speech_and_cloning() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account);
    let engine = stores.cloning(&cloner, &account);
    let (sample, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let mut kept = engine.sample(&alice(), sample).await.unwrap();
    kept.consent.revoked_at = Some(Utc::now());
    stores.catalog.update_sample(&kept).await.unwrap();
    assert_eq!(hear(&engine, saying(voice, THREE)).await.unwrap_err().kind(), ErrorKind::ConsentRequired);
    let refused = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConsentRequired);
    let job = ended(&engine, job).await;
    assert_eq!((job.state, job.error.unwrap().kind), (JobState::Failed, ErrorKind::ConsentRequired));
    assert_eq!(cloner.enrolments(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_voice_is_of_one_person() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (ada, voice) = prepared(&engine).await;
    let bob = Upload::new(recording(), Consent::by_subject("Bob"));
    let puts = stores.blobs.calls("put");
    let error = engine.ingest(&alice(), bob.clone().into_voice(voice)).await.unwrap_err();
    assert_eq!((error.kind(), stores.blobs.calls("put")), (ErrorKind::ConsentRequired, puts));
    let bob = engine.ingest(&alice(), bob).await.unwrap().sample.id;
    let error = engine.create_voice(&alice(), "both", &[ada, bob]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConsentRequired);
}

#[tokio::test(start_paused = true)]
async fn a_stricter_policy_is_asked_at_every_door() {
    let mut policy = ConsentPolicy::default();
    policy.require_self_attestation = true;
    let (stores, tone) = (Stores::new(), ToneSynthesizer::by_reference());
    let engine = stores.engine(&tone);
    let strict = stores.builder().consent_policy(policy).provider(provider("tone", &tone)).build().unwrap();
    let mut by_guardian = upload();
    by_guardian.consent = by_guardian.consent.attested_by("Annabella", Relationship::Guardian);
    let error = strict.ingest(&alice(), by_guardian.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConsentRequired);
    let ingested = engine.ingest(&alice(), by_guardian).await.unwrap();
    ended(&engine, ingested.job).await;
    let request = || saying(ingested.sample.voice, THREE);
    hear(&engine, request()).await.unwrap();
    assert_eq!(hear(&strict, request()).await.unwrap_err().kind(), ErrorKind::ConsentRequired);
}

#[tokio::test(start_paused = true)]
async fn withdrawing_consent_stops_speech_and_removes_clones_and_leaves_the_recording() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account);
    let engine = stores.cloning(&cloner, &account);
    let ((sample, voice), (_, other)) = (prepared(&engine).await, prepared(&engine).await);
    let second = engine.create_voice(&alice(), "of the same recording", &[sample]).await.unwrap().id;
    for voice in [voice, second, other] {
        hear(&engine, saying(voice, THREE)).await.unwrap();
    }
    let spoken = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    let by_sample = SpeakRequest::new(sample, THREE).unwrap();
    let mut queued = Vec::new();
    for request in [saying(voice, THREE), by_sample, saying(second, THREE), saying(other, THREE)] {
        queued.push(engine.submit(&alice(), request, None).await.unwrap());
    }
    assert_eq!(account.voices().len(), 3);

    let removals = engine.revoke_consent(&alice(), sample).await.unwrap();
    for voice in [voice, second] {
        let refused = [
            hear(&engine, saying(voice, THREE)).await.map(drop),
            engine.submit(&alice(), saying(voice, THREE), None).await.map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConsentRequired, "at once");
        }
    }
    let tone = ProviderId::new("tone").unwrap();
    assert_eq!(removals.len(), 2);
    for removal in removals {
        let removal = ended(&engine, removal).await;
        assert_eq!(removal.output, Some(JobOutput::Unenrolled { providers: vec![tone.clone()] }));
    }
    let last = queued.pop().unwrap();
    assert_eq!(ended(&engine, last).await.state, JobState::Succeeded, "another person's voice");
    for job in queued {
        assert_eq!(job.await.unwrap().state, JobState::Cancelled);
    }
    assert_eq!(account.voices().len(), 1);
    assert_eq!(engine.voice(&alice(), voice).await.unwrap().bindings.len(), 0);
    engine.audio(&alice(), spoken.id, None).await.unwrap();
    let kept = engine.sample(&alice(), sample).await.unwrap();
    assert!(stores.keys().await.contains(&kept.original.to_string()));
    assert_eq!((kept.state(), kept.consent.subject.as_str()), (SampleState::Ready, "Ada Lovelace"));

    let again = engine.revoke_consent(&alice(), sample).await.unwrap();
    assert_eq!(again.len(), 2);
    let same = engine.sample(&alice(), sample).await.unwrap();
    assert!(kept.consent.revoked_at.is_some() && same == kept, "the first date counts");
    ended(&engine, engine.erase(&alice(), voice).await.unwrap()).await;
    ended(&engine, engine.erase(&alice(), second).await.unwrap()).await;
    assert_eq!(engine.revoke_consent(&alice(), sample).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn withdrawing_consent_stops_a_running_job_and_leaves_nothing_of_it() {
    let (stores, slow) = (Stores::new(), Fault::Slow(Duration::from_secs(10)));
    let engine = stores.engine(&ToneSynthesizer::by_reference().with_fault(When::always(), slow));
    let (sample, voice) = prepared(&engine).await;
    let job = engine.submit(&alice(), saying(voice, THREE), None).await.unwrap();
    let worker = worker(&engine);
    running(&job).await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert!(!stores.job_keys().await.is_empty(), "it is in the middle of it");
    engine.revoke_consent(&alice(), sample).await.unwrap();
    assert_eq!(job.await.unwrap().state, JobState::Cancelled);
    worker.shutdown().await;
    assert_eq!(stores.job_keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_clones_that_gave_up_may_be_asked_for_again() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let engine = stores.cloning(&FakeCloner::new(&account), &account);
    let (sample, voice) = prepared(&engine).await;
    hear(&engine, saying(voice, THREE)).await.unwrap();
    let unplugged = stores.engine(&ToneSynthesizer::by_reference());
    let gave_up = unplugged.revoke_consent(&alice(), sample).await.unwrap().remove(0);
    assert_eq!((ended(&unplugged, gave_up).await.state, account.voices().len()), (JobState::Failed, 1));
    let again = engine.revoke_consent(&alice(), sample).await.unwrap().remove(0);
    assert_eq!((ended(&engine, again).await.state, account.voices().len()), (JobState::Succeeded, 0));
}
