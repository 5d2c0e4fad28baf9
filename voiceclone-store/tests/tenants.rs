//! Nobody sees or changes what is another owner's, by any verb of any store, however well they know its id.
#![cfg(any(feature = "sqlite", feature = "postgres"))]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use std::{fmt::Debug, num::NonZeroUsize, time::Duration};

use voiceclone_core::{
    ErrorKind, Result,
    audio::{AudioFormat, Codec, Container},
    consent::Consent,
    domain::{Job, JobSpec, JobState, NewJob, Voice, VoiceSample},
    id::{IdempotencyKey, OwnerId, SampleId, VoiceId},
    memory::{MemoryCatalog, MemoryJobs},
    store::{BlobKey, Catalog, Enqueued, JobQuery, JobStore, Outcome, PageQuery},
};

fn owner(name: &str) -> OwnerId {
    OwnerId::new(name).unwrap()
}

fn assert_not_found<T: Debug>(verb: &str, answer: Result<T>) {
    let kind = answer.map_err(|error| error.kind());
    assert!(matches!(kind, Err(ErrorKind::NotFound)), "{verb} answers {kind:?}");
}

fn sample_of(owner: &OwnerId) -> VoiceSample {
    let format = AudioFormat::new(Container::Flac, Codec::Flac, 48_000, 2).unwrap();
    let (key, consent) = (BlobKey::new("samples/original").unwrap(), Consent::by_subject("Ada Lovelace"));
    VoiceSample::received(SampleId::new(), owner.clone(), VoiceId::new(), key, "3f".repeat(32), 7, format, consent)
}

async fn records_are_their_owners_only(store: impl Catalog) {
    let (ada, eve) = (owner("ada"), owner("eve"));
    let sample = sample_of(&ada);
    let voice = Voice::new(VoiceId::new(), ada.clone(), "Ada", vec![sample.id]);
    store.insert_sample(&sample).await.unwrap();
    store.insert_voice(&voice).await.unwrap();

    assert_not_found("sample", store.sample(&eve, sample.id).await);
    assert_not_found("voice", store.voice(&eve, voice.id).await);
    let mut stolen = (sample.clone(), voice.clone());
    (stolen.0.owner, stolen.1.owner) = (eve.clone(), eve.clone());
    assert_not_found("update_sample", store.update_sample(&stolen.0).await);
    assert_not_found("update_voice", store.update_voice(&stolen.1).await);
    let taken = [store.insert_sample(&stolen.0).await, store.insert_voice(&stolen.1).await];
    assert!(taken.iter().all(|taken| taken.as_ref().is_err_and(|e| e.kind() == ErrorKind::AlreadyExists)), "{taken:?}");
    let before = PageQuery::of(eve.clone()).after(Some(SampleId::from_uuid(uuid::Uuid::nil()).to_string()));
    for page in [PageQuery::of(eve.clone()), before] {
        assert!(store.samples(&page).await.unwrap().items.is_empty());
    }
    assert!(store.voices(&PageQuery::of(eve.clone())).await.unwrap().items.is_empty());

    assert_eq!(store.sample(&ada, sample.id).await.unwrap().version, sample.version);
    assert_eq!(store.voice(&ada, voice.id).await.unwrap().version, voice.version);
    assert_eq!(store.samples(&PageQuery::of(ada.clone())).await.unwrap().items.len(), 1);
}

async fn jobs_are_their_owners_only(store: impl JobStore) {
    let (ada, eve) = (owner("ada"), owner("eve"));
    let key = IdempotencyKey::new("key").unwrap();
    let of = |owner: &OwnerId| NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: SampleId::new() });
    let waiting = store.enqueue(&of(&ada).with_key(key.clone())).await.unwrap().into_job();
    cannot_be_touched(&store, &eve, &waiting).await;
    assert_eq!(store.job(&ada, waiting.id).await.unwrap(), waiting);

    // The same key is another key for somebody else, and the same id is taken without a word about whose it is.
    assert!(matches!(store.enqueue(&of(&eve).with_key(key)).await.unwrap(), Enqueued::New(job) if job.owner == eve));
    let mut same_id = of(&eve);
    same_id.id = waiting.id;
    assert_eq!(store.enqueue(&same_id).await.unwrap_err().kind(), ErrorKind::AlreadyExists);

    let two = NonZeroUsize::new(2).unwrap();
    for lease in store.claim("worker", two, Duration::from_hours(1)).await.unwrap() {
        if lease.job.owner == ada {
            cannot_be_touched(&store, &eve, &lease.job).await;
        }
        let ended = store.finish(lease.id, &Outcome::Cancelled).await.unwrap();
        if ended.owner == ada {
            cannot_be_touched(&store, &eve, &ended).await;
            assert_eq!(store.job(&ada, ended.id).await.unwrap(), ended);
        }
    }
}

async fn cannot_be_touched(store: &impl JobStore, eve: &OwnerId, job: &Job) {
    assert_not_found("job", store.job(eve, job.id).await);
    assert_not_found("cancel", store.cancel(eve, job.id).await);
    assert_not_found("remove", store.remove(eve, job.id).await);
    assert_not_found("events", store.events(eve, job.id, 0).await.map(drop));
    for query in [JobQuery::of(eve.clone()), JobQuery::of(eve.clone()).state(job.state)] {
        let page = store.jobs(&query).await.unwrap();
        assert!(page.items.iter().all(|found| found.owner == *eve), "{:?} sees {:?}", JobState::ALL, page.items);
    }
}

#[tokio::test]
async fn memory_keeps_owners_apart() {
    records_are_their_owners_only(MemoryCatalog::new()).await;
    jobs_are_their_owners_only(MemoryJobs::new()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_keeps_owners_apart() {
    let store = voiceclone_store::SqliteStore::in_memory().await.unwrap();
    records_are_their_owners_only(store.clone()).await;
    jobs_are_their_owners_only(store).await;
}

#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod server;

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_keeps_owners_apart() {
    let url = server::fresh_database();
    voiceclone_store::PostgresStore::migrate(&url).await.unwrap();
    let store = voiceclone_store::PostgresStore::connect(&url).await.unwrap();
    records_are_their_owners_only(store.clone()).await;
    jobs_are_their_owners_only(store).await;
}
