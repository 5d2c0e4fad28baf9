//! Another owner's objects do not exist.
use std::time::Duration;

use voiceclone_core::{
    ErrorKind, Result,
    id::{OwnerId, ProviderId},
    speak::SpeakRequest,
    store::{JobQuery, PageQuery},
    testkit::fakes::{FakeAccount, FakeCloner},
};

use crate::support::{Stores, THREE, alice, ended, hear, prepared, saying, upload};

fn gone<T>(verb: &str, outcome: Result<T>) {
    assert_eq!(outcome.err().map(|e| e.kind()), Some(ErrorKind::NotFound), "{verb}");
}

#[tokio::test(start_paused = true)]
async fn every_verb_answers_another_owner_as_if_there_were_nothing() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let engine = stores.cloning(&FakeCloner::new(&account), &account);
    let (sample, voice) = prepared(&engine).await;
    let spoken = ended(&engine, engine.submit(&alice(), saying(voice, THREE), None).await.unwrap()).await;
    let (bob, tone) = (OwnerId::new("bob").unwrap(), ProviderId::new("tone").unwrap());
    let by_sample = || SpeakRequest::new(sample, THREE).unwrap();
    let before = (stores.keys().await, account.voices());

    gone("sample", engine.sample(&bob, sample).await);
    gone("voice", engine.voice(&bob, voice).await);
    gone("create_voice", engine.create_voice(&bob, "mine", &[sample]).await);
    gone("rename_voice", engine.rename_voice(&bob, voice, "mine").await);
    gone("ingest", engine.ingest(&bob, upload().into_voice(voice)).await);
    gone("speak", engine.speak(&bob, saying(voice, THREE)).await);
    gone("speak by sample", engine.speak(&bob, by_sample()).await);
    gone("submit", engine.submit(&bob, saying(voice, THREE), None).await);
    gone("submit by sample", engine.submit(&bob, by_sample(), None).await);
    gone("enroll", engine.enroll(&bob, voice, &tone).await);
    gone("revoke_consent", engine.revoke_consent(&bob, sample).await);
    gone("erase", engine.erase(&bob, voice).await);
    gone("job", engine.job(&bob, spoken.id).await);
    gone("follow", engine.follow(&bob, spoken.id).await);
    gone("cancel", engine.cancel(&bob, spoken.id).await);
    gone("audio", engine.audio(&bob, spoken.id, None).await);
    assert_eq!(engine.samples(&PageQuery::of(bob.clone())).await.unwrap().items, []);
    assert_eq!(engine.voices(&PageQuery::of(bob.clone())).await.unwrap().items, []);
    assert_eq!(engine.jobs(&JobQuery::of(bob.clone())).await.unwrap().items, []);
    let swept = engine.sweep(&bob, Duration::ZERO).await.unwrap();
    assert_eq!((swept.kept, swept.removed, swept.requeued), (0, 0, 0));

    assert_eq!((stores.keys().await, account.voices()), before);
    hear(&engine, saying(voice, THREE)).await.unwrap();
}
