//! No consent, no recording, no clone, no speech.
use std::time::Duration;

use chrono::Utc;
use voiceclone_core::{
    ErrorKind,
    consent::{Consent, ConsentPolicy, Relationship},
    domain::JobState,
    engine::Upload,
    store::Catalog as _,
    testkit::fakes::{FakeAccount, FakeCloner, ToneSynthesizer},
};

use crate::support::{Stores, THREE, alice, ended, hear, prepared, provider, recording, saying, upload};

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
