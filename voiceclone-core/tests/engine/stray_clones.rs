//! Clones that no voice has any more are removed from the account, and no others.
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use voiceclone_core::{
    Result, async_trait,
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    engine::{Engine, EngineLimits},
    id::{IdempotencyKey, ProviderVoiceId, VoiceId},
    store::Catalog as _,
    testkit::fakes::{CloneFault, FakeAccount, FakeCloner, ToneSynthesizer, When, permit, reference_voice},
};

use crate::support::{
    Stores, THREE, alice, ended, hear, prepared, provider, saying, sentence_by_sentence, unavailable,
};

/// An engine for which nothing is too young to judge.
fn impatient(stores: &Stores, cloner: &FakeCloner, account: &FakeAccount) -> Engine {
    let limits = sentence_by_sentence().with(|limits| limits.enrolment_patience = Duration::ZERO);
    let tone = provider("tone", &ToneSynthesizer::of_account(account)).with_cloner(cloner.clone());
    stores.builder().limits(limits).provider(tone).build().unwrap()
}

/// A clone that nobody wrote down.
async fn stray(cloner: &FakeCloner, name: String) -> ProviderVoiceId {
    let clips = reference_voice(24_000).unwrap().clips;
    let request = EnrollRequest::new(permit().unwrap(), &name, clips, IdempotencyKey::new(&name).unwrap());
    cloner.enroll(&request).await.unwrap().id
}

#[tokio::test(start_paused = true)]
async fn clones_of_erased_voices_and_of_other_clips_go_and_those_in_use_stay() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account);
    let engine = impatient(&stores, &cloner, &account);
    let ((_, used), (_, erased), (_, unused)) =
        (prepared(&engine).await, prepared(&engine).await, prepared(&engine).await);
    hear(&engine, saying(used, THREE)).await.unwrap();
    let in_use = account.voices();
    hear(&engine, saying(erased, THREE)).await.unwrap();
    let kept = stores.catalog.voice(&alice(), erased).await.unwrap();
    stores.catalog.update_voice(&kept.deleted()).await.unwrap();
    for voice in [used, unused] {
        stray(&cloner, format!("{voice}-0123456789ab")).await;
    }
    assert_eq!(account.voices().len(), 4);
    let swept = engine.sweep_clones().await.unwrap();
    assert_eq!((swept.kept, swept.removed, swept.foreign, swept.failed), (1, 3, 0, 0));
    assert_eq!(account.voices(), in_use);
    hear(&engine, saying(used, THREE)).await.unwrap();
    assert_eq!(account.voices(), in_use);
}

#[tokio::test(start_paused = true)]
async fn clones_of_others_are_left_alone() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account);
    let engine = impatient(&stores, &cloner, &account);
    let (_, voice) = prepared(&engine).await;
    let elsewhere = VoiceId::new();
    let names = [
        format!("{elsewhere}-0123456789ab"),
        "Ada".to_owned(),
        format!("{voice}"),
        format!("{voice}-my own copy"),
        format!("{voice}-0123456789abc"),
        format!("my-{voice}-0123456789ab"),
    ];
    for name in names {
        stray(&cloner, name).await;
    }
    let before = account.voices();
    let swept = engine.sweep_clones().await.unwrap();
    assert_eq!((swept.kept, swept.removed, swept.foreign), (0, 0, 1), "only the first is named as ours are");
    assert_eq!(account.voices(), before);
}

#[tokio::test(start_paused = true)]
async fn a_clone_that_is_being_made_is_left_alone() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account).with_fault(When::call(1), CloneFault::Hang);
    let engine = impatient(&stores, &cloner, &account);
    let (_, voice) = prepared(&engine).await;
    let left = tokio::time::timeout(Duration::from_millis(10), hear(&engine, saying(voice, THREE))).await;
    assert!(left.is_err() && account.voices().len() == 1);
    let swept = engine.sweep_clones().await.unwrap();
    assert_eq!((swept.kept, swept.removed), (1, 0));
    hear(&engine, saying(voice, THREE)).await.unwrap();
    assert_eq!((cloner.enrolments(), account.voices().len()), (1, 1), "it is found by its name");
}

#[tokio::test(start_paused = true)]
async fn what_has_just_changed_is_left_alone() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let cloner = FakeCloner::new(&account);
    assert!(EngineLimits::default().enrolment_patience > Duration::from_mins(1));
    let engine = stores.cloning(&cloner, &account);
    let (_, voice) = prepared(&engine).await;
    hear(&engine, saying(voice, THREE)).await.unwrap();
    let kept = stores.catalog.voice(&alice(), voice).await.unwrap();
    stores.catalog.update_voice(&kept.deleted()).await.unwrap();
    assert_eq!(engine.sweep_clones().await.unwrap().kept, 1);
    let engine = impatient(&stores, &cloner, &account);
    assert_eq!(engine.sweep_clones().await.unwrap().removed, 1);
}

#[tokio::test(start_paused = true)]
async fn two_providers_of_one_account_do_not_remove_each_others_clones() {
    let (stores, account) = (Stores::new(), FakeAccount::new());
    let tone = ToneSynthesizer::of_account(&account);
    let limits = sentence_by_sentence().with(|limits| limits.enrolment_patience = Duration::ZERO);
    let named = |name| provider(name, &tone).with_cloner(FakeCloner::new(&account));
    let engine = stores.builder().limits(limits).provider(named("draft")).provider(named("final")).build().unwrap();
    let (_, voice) = prepared(&engine).await;
    for name in ["draft", "final"] {
        let name = voiceclone_core::id::ProviderId::new(name).unwrap();
        ended(&engine, engine.enroll(&alice(), voice, &name).await.unwrap()).await;
    }
    let before = account.voices();
    assert_eq!((before.len(), engine.sweep_clones().await.unwrap().removed), (2, 0));
    assert_eq!(account.voices(), before);
}

/// A cloner whose list or removal fails.
#[derive(Debug)]
struct Broken(FakeCloner, &'static str);

#[async_trait]
impl VoiceCloner for Broken {
    fn info(&self) -> &ClonerInfo {
        self.0.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        self.0.enroll(request).await
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.0.describe(id).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        if self.1 == "remove" { Err(unavailable()) } else { self.0.remove(id).await }
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        if self.1 == "list" { stream::iter([Err(unavailable())]).boxed() } else { self.0.list() }
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_does_not_keep_the_others() {
    for fails in ["list", "remove"] {
        let (stores, bad, good) = (Stores::new(), FakeAccount::new(), FakeAccount::new());
        let (broken, cloner) = (FakeCloner::new(&bad), FakeCloner::new(&good));
        let limits = sentence_by_sentence().with(|limits| limits.enrolment_patience = Duration::ZERO);
        let first = provider("bad", &ToneSynthesizer::of_account(&bad)).with_cloner(Broken(broken.clone(), fails));
        let second = provider("good", &ToneSynthesizer::of_account(&good)).with_cloner(cloner.clone());
        let engine = stores.builder().limits(limits).provider(first).provider(second).build().unwrap();
        let (_, voice) = prepared(&engine).await;
        stray(&broken, format!("{voice}-0123456789ab")).await;
        stray(&cloner, format!("{voice}-0123456789ab")).await;
        let swept = engine.sweep_clones().await.unwrap();
        assert_eq!((swept.removed, swept.failed, bad.voices().len(), good.voices().len()), (1, 1, 1, 0), "{fails}");
    }
}
