//! What an interrupted process leaves behind is found, and nothing else.
use std::{num::NonZeroUsize, time::Duration};

use voiceclone_core::{
    domain::{DEFAULT_MAX_CRASHES, SampleState},
    id::{JobId, LeaseId, OwnerId, SampleId},
    store::{BlobBody, BlobKey, BlobStore as _, Catalog as _, JobStore as _, PageQuery, PutOptions},
    testkit::fakes::{StoreFault, ToneSynthesizer, When},
};

use crate::support::{Stores, THREE, alice, ended, hear, prepared, saying, unavailable, upload, worker};

#[tokio::test(start_paused = true)]
async fn a_sweep_removes_orphans_and_keeps_what_is_named() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    let job = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    let named = stores.keys().await;
    assert_eq!(named.len(), 3, "the upload, its clip and the speech");
    let prefix: Vec<_> = named[0].split('/').take(2).collect();
    for orphan in [
        format!("samples/{}/original-00", SampleId::new()),
        format!("samples/{sample}/processed-00.wav"),
        format!("jobs/{}/segment-00", JobId::new()),
        format!("jobs/{}/{}.wav", job.id, LeaseId::new()),
    ] {
        let key = BlobKey::new(format!("{}/{orphan}", prefix.join("/"))).unwrap();
        let body = BlobBody::Bytes(vec![0; 10].into());
        stores.blobs.put(&key, body, &PutOptions::default()).await.unwrap();
    }
    let young = engine.sweep(&alice(), Duration::from_hours(1)).await.unwrap();
    assert_eq!((young.kept, young.removed), (7, 0), "they may belong to what is going on");
    let other = engine.sweep(&OwnerId::new("bob").unwrap(), Duration::ZERO).await.unwrap();
    assert_eq!((other.kept, other.removed), (0, 0));
    let swept = engine.sweep(&alice(), Duration::ZERO).await.unwrap();
    assert_eq!((swept.kept, swept.removed, swept.requeued), (3, 4, 0));
    assert_eq!(stores.keys().await, named);
    hear(&engine, saying(voice, THREE)).await.unwrap();
    engine.audio(&alice(), job.id, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_recording_whose_job_was_never_written_gets_one() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    stores.jobs.plan("enqueue", When::call(1), StoreFault::Fails(unavailable()));
    engine.ingest(&alice(), upload()).await.unwrap_err();
    let [sample] = &engine.samples(&PageQuery::of(alice())).await.unwrap().items[..] else { panic!("one sample") };
    assert_eq!(sample.state(), SampleState::Received);
    for requeued in [1, 0] {
        assert_eq!(engine.sweep(&alice(), Duration::ZERO).await.unwrap().requeued, requeued);
    }
    let worker = worker(&engine);
    while engine.sample(&alice(), sample.id).await.unwrap().state() != SampleState::Ready {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    worker.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_recording_whose_workers_were_all_lost_is_rejected_and_not_waited_for() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let ingested = engine.ingest(&alice(), upload()).await.unwrap();
    for _ in 0..=DEFAULT_MAX_CRASHES {
        stores.jobs.claim("doomed", NonZeroUsize::MIN, Duration::from_secs(1)).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    ingested.job.await.unwrap();
    engine.sweep(&alice(), Duration::ZERO).await.unwrap();
    let sample = engine.sample(&alice(), ingested.sample.id).await.unwrap();
    assert_eq!(sample.state(), SampleState::Rejected);
    assert!(sample.rejections[0].contains("workers were lost"), "{:?}", sample.rejections);
}

#[tokio::test(start_paused = true)]
async fn a_recording_whose_voice_was_never_written_gets_it() {
    let stores = Stores::new();
    let engine = stores.engine(&ToneSynthesizer::by_reference());
    let (sample, voice) = prepared(&engine).await;
    // What a process that ends between the two writes leaves: the recording without its voice.
    let kept = engine.sample(&alice(), sample).await.unwrap();
    let others = Stores::new();
    others.catalog.insert_sample(&kept).await.unwrap();
    let restarted = others.engine(&ToneSynthesizer::by_reference());
    assert!(restarted.voice(&alice(), voice).await.is_err());
    for _ in 0..2 {
        restarted.sweep(&alice(), Duration::ZERO).await.unwrap();
        assert_eq!(restarted.voice(&alice(), voice).await.unwrap().samples, [sample]);
    }
}
