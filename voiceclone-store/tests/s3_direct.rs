//! From a browser straight into the bucket and back, with the engine only saying where.
#![cfg(all(feature = "s3", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
mod support {
    pub(crate) mod s3;
}

use std::time::Duration;

use reqwest::{Client, StatusCode};
use support::s3::{BUCKET, S3Server};
use voiceclone_core::{
    ErrorKind,
    audio::DecodeLimits,
    consent::Consent,
    engine::{DirectUpload, Engine, EngineLimits, Provider},
    id::OwnerId,
    speak::SpeakRequest,
    store::PresignedRequest,
    testkit::fakes::{PassThroughPreprocessor, ToneSynthesizer, voice_like},
    worker::WorkerConfig,
};
use voiceclone_store::SqliteStore;

const TTL: Duration = Duration::from_mins(5);

async fn engine(server: &S3Server) -> Engine {
    let store = SqliteStore::in_memory().await.unwrap();
    Engine::builder()
        .blobs(server.store("app").await)
        .catalog(store.clone())
        .jobs(store)
        .preprocessor(PassThroughPreprocessor::default())
        .limits(EngineLimits::default().with(|limits| limits.decode = DecodeLimits::default().max_bytes(1 << 20)))
        .provider(Provider::new("tone", ToneSynthesizer::by_reference()).unwrap())
        .build()
        .unwrap()
}

async fn send(request: &PresignedRequest, body: Vec<u8>) -> reqwest::Response {
    let to_send = Client::new().request(request.method.parse().unwrap(), &request.url).body(body);
    request.headers.iter().fold(to_send, |r, (name, value)| r.header(name, value)).send().await.unwrap()
}

/// How many objects of the application are in the bucket.
fn objects(server: &S3Server) -> usize {
    fn files(dir: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
    }
    files(&server.root().join(BUCKET).join("app"))
}

#[tokio::test]
async fn a_recording_goes_in_and_speech_comes_out_past_the_application() {
    let server = S3Server::start().await;
    let (engine, ada) = (engine(&server).await, OwnerId::new("ada").unwrap());
    let slot = engine.upload_url(&ada, TTL).await.unwrap();
    let wav = voice_like(Duration::from_secs(3), 24_000).unwrap().body.bytes(u64::MAX).await.unwrap();
    assert_eq!(send(&slot.request, wav.to_vec()).await.status(), StatusCode::OK);

    let upload = DirectUpload::new(slot.sample, Consent::by_subject("Ada Lovelace"));
    let ingested = engine.ingest_uploaded(&ada, upload.clone()).await.unwrap();
    let again = engine.ingest_uploaded(&ada, upload).await.unwrap();
    assert_eq!((again.sample.id, again.job.id()), (slot.sample, ingested.job.id()));
    assert_eq!(objects(&server), 1, "the original is left, the upload is not");

    let worker = engine.start_worker(WorkerConfig::default());
    ingested.job.output().await.unwrap();
    let text = SpeakRequest::new(slot.sample, "It came past the application.").unwrap();
    let job = engine.submit(&ada, text, None).await.unwrap();
    job.output().await.unwrap();
    worker.shutdown().await;

    let request = engine.audio_url(&ada, job.id(), TTL).await.unwrap();
    let heard = send(&request, Vec::new()).await;
    assert_eq!(
        (heard.status(), heard.headers().get("content-type").unwrap().to_str().unwrap()),
        (StatusCode::OK, "audio/wav")
    );
    assert!(heard.bytes().await.unwrap().starts_with(b"RIFF"));
}

#[tokio::test]
async fn what_is_refused_is_gone_from_the_bucket() {
    let server = S3Server::start().await;
    let (engine, ada) = (engine(&server).await, OwnerId::new("ada").unwrap());
    for (bytes, said) in [(vec![0; (1 << 20) + 1], "1048577"), (b"no audio at all".to_vec(), "accepted are")] {
        let slot = engine.upload_url(&ada, TTL).await.unwrap();
        assert_eq!(send(&slot.request, bytes).await.status(), StatusCode::OK);
        assert_eq!(objects(&server), 1);
        let upload = DirectUpload::new(slot.sample, Consent::by_subject("Ada Lovelace"));
        let error = engine.ingest_uploaded(&ada, upload).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(said), "{error}");
        assert_eq!(objects(&server), 0);
    }
}
