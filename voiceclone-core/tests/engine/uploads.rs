//! What is not taken leaves nothing; what is taken is prepared or says why not.
use std::time::Duration;

use voiceclone_core::{
    ErrorKind,
    audio::RawAudio,
    consent::Consent,
    domain::{JobState, SampleState, Verdict},
    engine::Upload,
    store::{JobQuery, PageQuery},
    testkit::fakes::{PassThroughPreprocessor, StoreFault, ToneSynthesizer, When, voice_like},
};

use crate::support::{Stores, THREE, alice, ended, hear, provider, saying, unavailable, upload, worker};

#[tokio::test(start_paused = true)]
async fn a_bad_upload_leaves_nothing_in_any_store() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let wav = voice_like(Duration::from_secs(3), 24_000).unwrap().body.bytes(u64::MAX).await.unwrap();
    let short = voice_like(Duration::from_millis(500), 24_000).unwrap().body;
    let ada = || Consent::by_subject("Ada");
    for (what, audio) in [
        ("nothing", RawAudio::new(Vec::new())),
        ("garbage", RawAudio::new(vec![7; 100_000]).declared("voice.wav")),
        ("a text", RawAudio::new(b"I am a recording, trust me".to_vec())),
        ("a header", RawAudio::new(wav.slice(..44))),
        ("half a second", RawAudio::new(short)),
    ] {
        let error = engine.ingest(&alice(), Upload::new(audio, ada())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error}");
    }
    let unnamed = engine.ingest(&alice(), upload().named("a\u{0}b")).await.unwrap_err();
    assert_eq!(unnamed.kind(), ErrorKind::InvalidInput);
    assert_eq!((stores.blobs.calls("put"), stores.catalog.calls("insert_sample")), (0, 0));
    assert_eq!(engine.jobs(&JobQuery::of(alice())).await.unwrap().items, []);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_a_store_refuses_leaves_nothing() {
    for (verb, fault) in [
        ("insert_sample", StoreFault::Fails(unavailable())),
        ("insert_sample", StoreFault::LosesAnswer(unavailable())),
        ("insert_voice", StoreFault::Fails(unavailable())),
        ("insert_voice", StoreFault::LosesAnswer(unavailable())),
    ] {
        let stores = Stores::new();
        let engine = stores.engine(&ToneSynthesizer::by_reference());
        stores.catalog.plan(verb, When::call(1), fault.clone());
        let error = engine.ingest(&alice(), upload()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let page = PageQuery::of(alice());
        assert_eq!(engine.samples(&page).await.unwrap().items, [], "{verb} {fault:?}");
        assert_eq!(engine.voices(&page).await.unwrap().items, [], "{verb} {fault:?}");
        assert_eq!(stores.keys().await, [""; 0], "{verb} {fault:?}");
        engine.ingest(&alice(), upload()).await.unwrap();
    }
    let stores = Stores::new();
    stores.blobs.plan("put", When::call(1), StoreFault::Fails(unavailable()));
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    engine.ingest(&alice(), upload()).await.unwrap_err();
    assert_eq!((stores.catalog.calls("insert_sample"), stores.keys().await), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_recording_becomes_a_ready_sample_and_a_voice_of_its_name() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let ingested = engine.ingest(&alice(), upload().named("  Ada at home ")).await.unwrap();
    assert_eq!(ingested.sample.state(), SampleState::Received);
    ended(&engine, ingested.job).await;
    let sample = engine.sample(&alice(), ingested.sample.id).await.unwrap();
    assert_eq!(sample.state(), SampleState::Ready);
    assert!(sample.quality.is_some() && sample.processed_fingerprint.is_some());
    assert_eq!(engine.voice(&alice(), sample.voice).await.unwrap().name, "Ada at home");
    assert_eq!(stores.keys().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_recording_says_why_to_whoever_would_use_it() {
    let stores = Stores::new();
    let engine = stores.builder().preprocessor(PassThroughPreprocessor::judging(Verdict::Reject));
    let engine = engine.provider(provider("tone", &ToneSynthesizer::by_reference())).build().unwrap();
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let queued = engine.submit(&alice(), saying(ingested.sample.voice, THREE), None).await.unwrap();
    assert_eq!(ended(&engine, ingested.job).await.state, JobState::Succeeded);
    let error = hear(&engine, saying(ingested.sample.voice, THREE)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("3.0 s long"), "{error}");
    let queued = ended(&engine, queued).await;
    assert_eq!((queued.state, queued.error.unwrap().kind), (JobState::Failed, ErrorKind::InvalidInput));
}

#[tokio::test(start_paused = true)]
async fn a_preparation_that_fails_for_good_rejects_the_recording() {
    let stores = Stores::new();
    let broken = PassThroughPreprocessor::default().with_fault(When::always(), unavailable());
    let engine = stores.builder().preprocessor(broken.clone());
    let engine = engine.provider(provider("tone", &ToneSynthesizer::by_reference())).build().unwrap();
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let job = ended(&engine, ingested.job).await;
    assert_eq!((job.state, broken.calls()), (JobState::Failed, 5));
    let sample = engine.sample(&alice(), ingested.sample.id).await.unwrap();
    assert_eq!(sample.state(), SampleState::Rejected);
}

#[tokio::test(start_paused = true)]
async fn stopping_a_preparation_rejects_the_recording_and_frees_who_waits_for_it() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let waiting = engine.submit(&alice(), saying(ingested.sample.voice, THREE), None).await.unwrap();
    ingested.job.cancel().await.unwrap();
    let sample = engine.sample(&alice(), ingested.sample.id).await.unwrap();
    assert_eq!(sample.state(), SampleState::Rejected);
    let worker = worker(&engine);
    assert_eq!(waiting.await.unwrap().state, JobState::Failed);
    worker.shutdown().await;
}
