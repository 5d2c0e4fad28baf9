//! What is put past the engine counts for nothing until it was looked at, and then once.
use std::time::Duration;

use futures_util::TryStreamExt as _;
use voiceclone_core::{
    ErrorKind,
    audio::DecodeLimits,
    consent::Consent,
    domain::{JobState, SampleState},
    engine::{DirectUpload, Engine, EngineLimits, UploadSlot},
    id::{OwnerId, SampleId},
    memory::MemoryBlobs,
    store::{BlobBody, BlobKey, BlobStore as _, JobQuery, PageQuery, PutOptions},
    testkit::fakes::{FlakyBlobs, SigningBlobs, StoreFault, ToneSynthesizer, When, voice_like},
};

use crate::support::{Stores, THREE, alice, ended, prepared, provider, saying, unavailable, upload};

const TTL: Duration = Duration::from_mins(5);

/// Stores whose blobs have URLs, and what a browser sends to them.
fn signing() -> (Stores, SigningBlobs) {
    let browser = SigningBlobs::new(MemoryBlobs::new());
    (Stores { blobs: FlakyBlobs::new(browser.clone()), ..Stores::new() }, browser)
}

async fn wav() -> Vec<u8> {
    voice_like(Duration::from_secs(3), 24_000).unwrap().body.bytes(u64::MAX).await.unwrap().to_vec()
}

/// A recording that was put and not confirmed.
async fn put(engine: &Engine, browser: &SigningBlobs, bytes: Vec<u8>) -> UploadSlot {
    let slot = engine.upload_url(&alice(), TTL).await.unwrap();
    browser.upload(&slot.request, bytes).await.unwrap();
    slot
}

fn of_ada(sample: SampleId) -> DirectUpload {
    DirectUpload::new(sample, Consent::by_subject("Ada Lovelace"))
}

async fn counts(engine: &Engine, stores: &Stores) -> (usize, usize, usize, usize) {
    let page = PageQuery::of(alice());
    (
        engine.samples(&page).await.unwrap().items.len(),
        engine.voices(&page).await.unwrap().items.len(),
        engine.jobs(&JobQuery::of(alice())).await.unwrap().items.len(),
        stores.keys().await.len(),
    )
}

#[tokio::test(start_paused = true)]
async fn what_was_put_becomes_a_ready_sample_and_its_voice() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let slot = put(&engine, &browser, wav().await).await;
    assert_eq!((slot.request.method, slot.max_bytes), ("PUT", 50 << 20));
    assert!(!format!("{slot:?}").contains("fake://"), "the URL is a secret");
    assert_eq!(counts(&engine, &stores).await, (0, 0, 0, 1), "nothing counts before it is confirmed");
    assert!(stores.keys().await[0].ends_with(&format!("/uploads/{}", slot.sample)));

    let ingested = engine.ingest_uploaded(&alice(), of_ada(slot.sample).named("Ada at home")).await.unwrap();
    assert_eq!((ingested.sample.id, ingested.sample.state()), (slot.sample, SampleState::Received));
    assert_eq!(ended(&engine, ingested.job).await.state, JobState::Succeeded);
    let sample = engine.sample(&alice(), slot.sample).await.unwrap();
    assert_eq!((sample.state(), sample.original_bytes), (SampleState::Ready, wav().await.len() as u64));
    assert_eq!(engine.voice(&alice(), sample.voice).await.unwrap().name, "Ada at home");
    assert_eq!(counts(&engine, &stores).await, (1, 1, 1, 2), "the original and the clip are left");
}

#[tokio::test(start_paused = true)]
async fn what_was_put_may_join_a_voice() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (first, voice) = prepared(&engine).await;
    let slot = put(&engine, &browser, wav().await).await;
    for _ in 0..2 {
        let joined = engine.ingest_uploaded(&alice(), of_ada(slot.sample).into_voice(voice)).await.unwrap();
        assert_eq!(joined.sample.voice, voice);
        assert_eq!(engine.voice(&alice(), voice).await.unwrap().samples, [first, slot.sample]);
    }
}

#[tokio::test(start_paused = true)]
async fn confirming_again_finds_the_same_sample_and_job() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let slot = put(&engine, &browser, wav().await).await;
    let first = engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap();
    for _ in 0..2 {
        let again = engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap();
        assert_eq!((again.sample.id, again.job.id()), (slot.sample, first.job.id()));
        assert_eq!(counts(&engine, &stores).await, (1, 1, 1, 1));
    }
    ended(&engine, first.job).await;
    // Somebody who still has the request puts something else: it changes nothing and goes with the next confirmation.
    browser.upload(&slot.request, b"something else".to_vec()).await.unwrap();
    engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap();
    assert_eq!(counts(&engine, &stores).await, (1, 1, 1, 2));
    assert_eq!(engine.sample(&alice(), slot.sample).await.unwrap().state(), SampleState::Ready);

    let other = DirectUpload::new(slot.sample, Consent::by_subject("Somebody else"));
    let error = engine.ingest_uploaded(&alice(), other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn confirming_twice_at_once_is_confirming_once() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    for _ in 0..10 {
        let slot = put(&engine, &browser, wav().await).await;
        let owner = alice();
        let both = futures_util::future::join_all((0..3).map(|_| engine.ingest_uploaded(&owner, of_ada(slot.sample))));
        let jobs: Vec<_> = both.await.into_iter().map(|taken| taken.unwrap().job.id()).collect();
        assert!(jobs.iter().all(|job| *job == jobs[0]), "{jobs:?}");
    }
    assert_eq!(counts(&engine, &stores).await, (10, 10, 10, 10));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_at_any_step_costs_a_second_confirmation_and_nothing_else() {
    let reads = ["head", "get", "sample"].map(|verb| (verb, false));
    let writes = ["put", "insert_sample", "insert_voice", "enqueue"].map(|verb| [(verb, false), (verb, true)]);
    for (verb, lost) in reads.into_iter().chain(writes.into_iter().flatten()) {
        let (stores, browser) = signing();
        let engine = stores.engine(&ToneSynthesizer::by_reference());
        let slot = put(&engine, &browser, wav().await).await;
        let fault = if lost { StoreFault::LosesAnswer(unavailable()) } else { StoreFault::Fails(unavailable()) };
        match verb {
            "head" | "get" | "put" => stores.blobs.plan(verb, When::call(1), fault),
            "enqueue" => stores.jobs.plan(verb, When::call(1), fault),
            _ => stores.catalog.plan(verb, When::call(1), fault),
        }
        let error = engine.ingest_uploaded(&alice(), of_ada(slot.sample).named("Ada")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{verb} {lost}");
        let again = engine.ingest_uploaded(&alice(), of_ada(slot.sample).named("Ada")).await.unwrap();
        assert_eq!(counts(&engine, &stores).await, (1, 1, 1, 1), "{verb} {lost}");
        assert_eq!(engine.voice(&alice(), again.sample.voice).await.unwrap().name, "Ada", "{verb} {lost}");
        ended(&engine, again.job).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_recording_leaves_nothing_behind() {
    let (stores, browser) = signing();
    let limits = EngineLimits::default().with(|limits| limits.decode = DecodeLimits::default().max_bytes(200_000));
    let engine = stores.builder().limits(limits).provider(provider("tone", &ToneSynthesizer::by_reference()));
    let engine = engine.build().unwrap();
    let mut no_consent = Consent::by_subject("Ada");
    no_consent.purposes.clear();
    for (what, bytes, consent, kind) in [
        ("nothing", Vec::new(), Consent::by_subject("Ada"), ErrorKind::InvalidInput),
        ("garbage", vec![7; 100_000], Consent::by_subject("Ada"), ErrorKind::InvalidInput),
        ("too much", vec![7; 200_001], Consent::by_subject("Ada"), ErrorKind::InvalidInput),
        ("no consent", wav().await, no_consent, ErrorKind::ConsentRequired),
    ] {
        let slot = put(&engine, &browser, bytes).await;
        let error = engine.ingest_uploaded(&alice(), DirectUpload::new(slot.sample, consent)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert_eq!(counts(&engine, &stores).await, (0, 0, 0, 0), "{what}");
        if what == "too much" {
            assert!(error.message().contains("200001") && error.message().contains("200000"), "{error}");
        }
        let gone = engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{what}");
    }
    assert_eq!(stores.blobs.calls("get"), 3, "what is too large is not read");
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_its_owners_and_was_made_by_somebody() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let slot = put(&engine, &browser, wav().await).await;
    let bob = OwnerId::new("bob").unwrap();
    let stolen = engine.ingest_uploaded(&bob, of_ada(slot.sample)).await.unwrap_err();
    let imagined = engine.ingest_uploaded(&alice(), of_ada(SampleId::new())).await.unwrap_err();
    let unused = engine.upload_url(&alice(), TTL).await.unwrap();
    let unused = engine.ingest_uploaded(&alice(), of_ada(unused.sample)).await.unwrap_err();
    for error in [stolen, imagined, unused] {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::NotFound, false), "{error}");
    }
    let taken = engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap();
    let known = engine.ingest_uploaded(&bob, of_ada(taken.sample.id)).await.unwrap_err();
    assert_eq!(known.kind(), ErrorKind::NotFound);
    assert_eq!(counts(&engine, &stores).await, (1, 1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_erased_recording_does_not_come_back_with_its_slot() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let slot = put(&engine, &browser, wav().await).await;
    let taken = engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap();
    ended(&engine, taken.job).await;
    ended(&engine, engine.erase(&alice(), taken.sample.voice).await.unwrap()).await;
    browser.upload(&slot.request, wav().await).await.unwrap();
    let error = engine.ingest_uploaded(&alice(), of_ada(slot.sample)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(stores.keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_sweep_removes_what_nobody_confirmed_once_it_is_old() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    put(&engine, &browser, wav().await).await;
    let young = engine.sweep(&alice(), Duration::from_hours(1)).await.unwrap();
    assert_eq!((young.kept, young.removed), (1, 0));
    let swept = engine.sweep(&alice(), Duration::ZERO).await.unwrap();
    assert_eq!((swept.kept, swept.removed), (0, 1));
    assert_eq!(stores.keys().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn finished_audio_has_a_url_and_nothing_else_has() {
    let (stores, browser) = signing();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    let waiting = engine.submit(&alice(), saying(ingested.sample.voice, THREE), None).await.unwrap();
    let early = engine.audio_url(&alice(), waiting.id(), TTL).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Conflict);
    let prepared = ended(&engine, ingested.job).await;
    let spoken = ended(&engine, waiting).await;
    let silent = engine.audio_url(&alice(), prepared.id, TTL).await.unwrap_err();
    let bobs = engine.audio_url(&OwnerId::new("bob").unwrap(), spoken.id, TTL).await.unwrap_err();
    assert_eq!((silent.kind(), bobs.kind()), (ErrorKind::Conflict, ErrorKind::NotFound));

    let request = engine.audio_url(&alice(), spoken.id, TTL).await.unwrap();
    let there: Vec<_> = browser.download(&request).await.unwrap().chunks.try_collect().await.unwrap();
    let here: Vec<_> = engine.audio(&alice(), spoken.id, None).await.unwrap().chunks.try_collect().await.unwrap();
    assert!(!here.is_empty() && there.concat() == here.concat());
}

#[tokio::test(start_paused = true)]
async fn without_urls_there_is_no_slot() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let error = engine.upload_url(&alice(), TTL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let key = BlobKey::new("elsewhere/uploads/x").unwrap();
    stores.blobs.put(&key, BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap();
    assert_eq!(engine.sweep(&alice(), Duration::ZERO).await.unwrap().removed, 0);
}
