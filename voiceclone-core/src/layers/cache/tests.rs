//! The cache over a store in memory, with a provider that counts its calls.
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Mutex, atomic::AtomicBool, atomic::Ordering::SeqCst},
};

use async_trait::async_trait;
use chrono::Utc;
use futures_util::{FutureExt as _, future::join};

use super::super::script::{
    Beat::{Audio, Done, Fail, Wait, Warn, Words},
    Script, Take, format, millis, request, secs, shared, speaks, streams, unavailable,
};
use super::*;
use crate::{
    audio::BoxStream,
    store::{BlobCapability, BlobMeta, BlobReader, PresignedRequest},
    stream::CollectedAudio,
    synth::Synthesizer as _,
    text::SpeechText,
};

/// The verbs that the cache uses. Broken or stuck when told so.
#[derive(Debug, Default)]
struct Blobs {
    kept: Mutex<BTreeMap<String, Bytes>>,
    broken: AtomicBool,
    stuck: AtomicBool,
}

impl Blobs {
    async fn trouble(&self) -> Result<()> {
        if self.stuck.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.broken.load(SeqCst) { Err(unavailable()) } else { Ok(()) }
    }

    fn len(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}

#[async_trait]
impl BlobStore for Blobs {
    fn capability(&self) -> BlobCapability {
        BlobCapability::default()
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, _: &PutOptions) -> Result<BlobMeta> {
        self.trouble().await?;
        let BlobBody::Bytes(bytes) = body else { panic!("the cache writes an entry in one piece") };
        let meta = BlobMeta::new(key.clone(), bytes.len() as u64, Utc::now());
        self.kept.lock().unwrap().insert(key.to_string(), bytes);
        Ok(meta)
    }

    async fn get(&self, key: &BlobKey, _: Option<Range<u64>>) -> Result<BlobReader> {
        self.trouble().await?;
        let found = self.kept.lock().unwrap().get(key.as_str()).cloned();
        let bytes = found.ok_or_else(|| Error::not_found("blob", key))?;
        let size = bytes.len() as u64;
        let halves = [bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..)];
        let chunks = Box::pin(stream::iter(halves.map(Ok)));
        Ok(BlobReader { meta: BlobMeta::new(key.clone(), size, Utc::now()), range: 0..size, chunks })
    }

    async fn head(&self, _: &BlobKey) -> Result<BlobMeta> {
        Err(Error::unsupported("head"))
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        self.kept.lock().unwrap().remove(key.as_str());
        Ok(())
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        let below = format!("{prefix}/");
        let kept = self.kept.lock().unwrap();
        let found: Vec<_> = kept.iter().filter(|(key, _)| key.starts_with(&below)).collect();
        let metas = found.into_iter().map(|(key, b)| Ok(BlobMeta::new(key.parse()?, b.len() as u64, Utc::now())));
        Box::pin(stream::iter(metas.collect::<Vec<_>>()))
    }

    async fn presign_get(&self, _: &BlobKey, _: Duration) -> Result<PresignedRequest> {
        Err(Error::unsupported("presign"))
    }

    async fn presign_put(&self, _: &BlobKey, _: Duration, _: &PutOptions) -> Result<PresignedRequest> {
        Err(Error::unsupported("presign"))
    }
}

struct House {
    blobs: Arc<Blobs>,
    cache: SpeechCache,
    provider: Arc<Script>,
}

impl House {
    /// A cache of entries up to 100 bytes, of 10 s patience, over a provider with this script.
    fn new(takes: impl Into<std::collections::VecDeque<Take>>) -> Self {
        let blobs = Arc::new(Blobs::default());
        let cache = SpeechCache::with_limits(Arc::clone(&blobs) as Arc<dyn BlobStore>, 100, secs(10));
        Self { blobs, cache, provider: shared(takes) }
    }

    async fn open(&self) -> Result<SynthesisStream> {
        let request = request();
        self.cache.through(&key("hello"), || self.provider.synthesize(&request)).await
    }

    async fn listen(&self) -> Result<CollectedAudio> {
        self.open().await?.collect_audio(usize::MAX).await
    }

    fn calls(&self) -> usize {
        self.provider.times().len()
    }
}

fn name(id: &str) -> ProviderId {
    ProviderId::new(id).unwrap()
}

fn voice(id: &str) -> Fingerprint {
    Fingerprint::new(id).unwrap()
}

fn utterance(text: &str) -> Utterance {
    Utterance::new(SpeechText::new(text, 100).unwrap())
}

fn key(text: &str) -> CacheKey {
    CacheKey::new(&utterance(text), &voice("ada"), &name("script"), Some("m1"), format()).unwrap()
}

#[tokio::test]
async fn what_was_said_once_is_played_again_with_its_words_and_without_a_call() {
    let house = House::new([streams([Words, Audio(4), Audio(6), Done])]);
    let first = house.listen().await.unwrap();
    let again = house.listen().await.unwrap();
    assert_eq!((house.calls(), again.audio.len()), (1, 10));
    assert_eq!((again.format, &again.audio, &again.words), (first.format, &first.audio, &first.words));
    assert_eq!(again.words.len(), 1);
    assert_eq!(again.summary, Summary::default());
}

#[tokio::test]
async fn only_whole_speech_without_a_warning_and_within_the_size_is_kept() {
    let too_big = streams([Audio(60), Audio(42), Done]);
    let house = House::new([
        streams([Audio(4), Fail(unavailable())]),
        streams([Audio(4)]),
        streams([Audio(4), Warn]),
        too_big,
        streams([Audio(58), Audio(42), Done]),
    ]);
    for kept in [0, 0, 0, 0, 1] {
        let _ = house.listen().await;
        assert_eq!(house.blobs.len(), kept);
    }
    assert_eq!((house.listen().await.unwrap().audio.len(), house.calls()), (100, 5));
}

#[tokio::test]
async fn nothing_is_kept_before_the_end() {
    let house = House::new([]);
    let mut speech = house.open().await.unwrap();
    speech.next_audio().await.unwrap();
    assert_eq!(house.blobs.len(), 0);
    drop(speech);
    assert_eq!(house.blobs.len(), 0);
    house.listen().await.unwrap();
    assert_eq!((house.blobs.len(), house.calls()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn who_comes_second_waits_for_the_first_and_pays_nothing() {
    let house = House::new([streams([Audio(4), Wait(secs(5)), Audio(4), Done]).after(secs(1))]);
    let (one, two) = join(house.listen(), house.listen()).await;
    assert_eq!((one.unwrap().audio, house.calls()), (two.unwrap().audio, 1));
}

#[tokio::test(start_paused = true)]
async fn when_the_first_fails_or_goes_the_next_takes_over() {
    let house = House::new([streams([Audio(4), Wait(secs(5)), Fail(unavailable())])]);
    let (one, two) = join(house.listen(), house.listen()).await;
    assert!(one.is_err());
    assert_eq!((two.unwrap().audio.len(), house.provider.times()), (4, vec![secs(0), secs(5)]));

    let house = House::new([speaks().after(secs(5))]);
    let gone = tokio::time::timeout(secs(1), house.listen());
    let (one, two) = join(gone, house.listen()).await;
    assert!(one.is_err() && two.is_ok());
    assert_eq!(house.provider.times(), [0, 1].map(secs));
}

#[tokio::test(start_paused = true)]
async fn speech_beyond_the_size_makes_nobody_wait_for_its_end() {
    let house = House::new([streams([Audio(102), Wait(secs(9)), Done])]);
    join(house.listen(), house.listen()).await.1.unwrap();
    assert_eq!(house.provider.times(), [secs(0), secs(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_who_stops_reading_holds_another_up_only_as_long_as_patience_lasts() {
    let house = House::new([]);
    let mut unread = house.open().await.unwrap();
    house.listen().await.unwrap();
    assert_eq!((house.provider.times(), house.blobs.len()), (vec![secs(0), secs(10)], 0));
    while unread.next_audio().await.unwrap().is_some() {}
    assert_eq!(house.blobs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broken_or_stuck_store_costs_the_cache_and_not_the_speech() {
    for stuck in [false, true] {
        let house = House::new([]);
        house.blobs.broken.store(!stuck, SeqCst);
        house.blobs.stuck.store(stuck, SeqCst);
        for calls in 1..=2 {
            assert_eq!(house.listen().await.unwrap().audio.len(), 4);
            assert_eq!(house.calls(), calls);
        }
    }
}

#[tokio::test]
async fn a_damaged_entry_is_made_anew() {
    let whole = b"{\"audio_bytes\":4,\"words\":[]}\n\x01\x01\x01\x01";
    let endless = vec![b'x'; 5 << 20];
    let damaged = [&whole[..whole.len() - 1], &b"no header"[..], b"", b"{}\n\x01", &endless];
    for (i, bytes) in damaged.into_iter().enumerate() {
        let house = House::new([]);
        house.listen().await.unwrap();
        let intact = house
            .blobs
            .kept
            .lock()
            .unwrap()
            .values_mut()
            .next()
            .map(|kept| std::mem::replace(kept, Bytes::copy_from_slice(bytes)));
        assert_eq!(intact.as_deref(), Some(&whole[..]));
        assert_eq!(house.listen().await.unwrap().audio.len(), 4, "damage {i}");
        house.listen().await.unwrap();
        assert_eq!(house.calls(), 2, "damage {i}");
    }
}

#[tokio::test]
async fn speech_in_another_format_than_asked_is_passed_on_and_not_kept() {
    let house = House::new([]);
    let high = AudioFormat::raw_s16(48_000).unwrap();
    let key = CacheKey::new(&utterance("hello"), &voice("ada"), &name("script"), None, high).unwrap();
    let request = request();
    let speech = house.cache.through(&key, || house.provider.synthesize(&request)).await.unwrap();
    assert_eq!(speech.format(), format());
    speech.collect_audio(100).await.unwrap();
    assert_eq!(house.blobs.len(), 0);
}

#[tokio::test]
async fn forgetting_a_voice_leaves_the_others() {
    let house = House::new([]);
    let request = request();
    for who in ["ada", "bob"] {
        let key = CacheKey::new(&utterance("hello"), &voice(who), &name("script"), None, format()).unwrap();
        let speech = house.cache.through(&key, || house.provider.synthesize(&request)).await.unwrap();
        speech.collect_audio(100).await.unwrap();
    }
    house.cache.forget(&voice("ada")).await.unwrap();
    assert_eq!(house.blobs.len(), 1);
    house.cache.forget(&voice("bob")).await.unwrap();
    assert_eq!(house.blobs.len(), 0);
}

#[test]
fn everything_that_makes_a_difference_makes_another_key_and_nothing_else_does() {
    let plain = key("hello");
    let with = |set: &dyn Fn(&mut Utterance)| {
        let mut utterance = utterance("hello");
        set(&mut utterance);
        CacheKey::new(&utterance, &voice("ada"), &name("script"), Some("m1"), format()).unwrap()
    };
    let option = |provider: &str, json: &str| {
        let (provider, json) = (name(provider), serde_json::from_str::<Value>(json).unwrap());
        with(&move |u| drop(u.options.insert(provider.clone(), json.clone())))
    };
    assert_eq!(plain, key("hello"));
    assert_eq!(plain, option("another", "{\"a\":1}"));
    assert_eq!(option("script", r#"{"a":1,"b":{"c":2,"d":3}}"#), option("script", r#"{"b":{"d":3,"c":2},"a":1}"#));
    let high = AudioFormat::raw_s16(48_000).unwrap();
    let of =
        |who, by, model, format| CacheKey::new(&utterance("hello"), &voice(who), &name(by), model, format).unwrap();
    let others = [
        key("hello."),
        with(&|u| u.language = Some("en".into())),
        with(&|u| u.speed = Some(1.1)),
        with(&|u| u.seed = Some(1)),
        option("script", "{\"a\":1}"),
        option("script", "{\"a\":2}"),
        of("bob", "script", Some("m1"), format()),
        of("ada", "other", Some("m1"), format()),
        of("ada", "script", Some("m2"), format()),
        of("ada", "script", None, format()),
        of("ada", "script", Some("m1"), high),
    ];
    let distinct: std::collections::HashSet<_> = others.iter().chain([&plain]).map(|key| key.blob.clone()).collect();
    assert_eq!(distinct.len(), others.len() + 1);
}

#[tokio::test]
async fn a_caller_who_leaves_the_line_leaves_nothing_behind() {
    let house = House::new([]);
    let first = house.open().await.unwrap();
    assert!(house.open().now_or_never().is_none());
    drop(first);
    assert!(tokio::time::timeout(millis(100), house.open()).await.is_ok());
}
