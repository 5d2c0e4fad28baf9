//! Speech that was paid for once: an opt-in cache over a blob store, for the engine to use above the providers.
use std::{future::Future, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

use super::flight::{Flight, Flights};
use crate::{
    audio::AudioFormat,
    error::{Error, ErrorKind, Result},
    id::{Fingerprint, ProviderId},
    speak::Utterance,
    store::{BlobBody, BlobKey, BlobStore, PutOptions},
    stream::{Summary, SynthesisEvent, SynthesisStream, WordTime},
};

const ROOT: &str = "speech-cache";
/// Where words and lengths of an entry are; far more than the longest text needs.
const MAX_HEADER: u64 = 4 << 20;

/// Names one piece of speech: the same key, the same request to the same provider in a voice of the same recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheKey {
    content: Fingerprint,
    blob: BlobKey,
    format: AudioFormat,
}

impl CacheKey {
    /// The SHA-256 of everything that makes a difference. Settings for other providers make none.
    ///
    /// # Errors
    /// `Unexpected` if the utterance cannot be written as JSON.
    pub fn new(
        utterance: &Utterance,
        voice: &Fingerprint,
        provider: &ProviderId,
        model: Option<&str>,
        format: AudioFormat,
    ) -> Result<Self> {
        let mut utterance = utterance.clone();
        utterance.options.retain(|id, _| id == provider);
        let failed = |e| Error::unexpected("a cache key could not be made").with_source(e);
        let request = serde_json::to_value((utterance, provider, model, format)).map_err(failed)?;
        let request = canonical(request).to_string();
        let content = Fingerprint::of([voice.as_str().as_bytes(), request.as_bytes()]);
        let blob = BlobKey::new(format!("{}/{content}", folder(voice)))?;
        Ok(Self { content, blob, format })
    }

    /// The same key in the folder of `group`, so that everything of one group can be erased by [`SpeechCache::forget`].
    ///
    /// # Errors
    /// Never: both names are plain.
    pub fn in_folder_of(mut self, group: &Fingerprint) -> Result<Self> {
        self.blob = BlobKey::new(format!("{}/{}", folder(group), self.content))?;
        Ok(self)
    }

    /// The hash itself.
    pub const fn content(&self) -> &Fingerprint {
        &self.content
    }
}

/// Object keys in order, whatever order the map of `serde_json` was built to keep.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        plain => plain,
    }
}

/// One folder for each voice, so that what was said in it can be erased with it.
fn folder(voice: &Fingerprint) -> String {
    format!("{ROOT}/{}", Fingerprint::of([voice.as_str().as_bytes()]))
}

/// Keeps finished speech in a [`BlobStore`] and plays it again.
///
/// - An entry is written once the stream says `Done`, whole or not at all. Speech that failed, was dropped, came with
///   warnings, in another format than asked or beyond the size limit leaves none; so a hit has nothing to warn of.
/// - Of several callers with the same key in this process one calls the provider, and the next waits until that one has
///   committed, failed or gone. It waits no longer than the patience and then calls as well, uncached: a listener who reads
///   slowly, or who wants the same sentence twice at once, must not hold up another.
/// - The cache never breaks speech: a store that fails, or takes longer than the patience, is logged and worked without.
/// - Memory is bounded by the size limit for each stream that is being recorded.
///
/// Put it around one provider's call, as a [`Candidate`](super::Candidate) of a fallback, and never around the fallback: it
/// would keep a substitute's speech under the first provider's name and play it again without a word of it.
///
/// Expiry is the store's business, by its own rules for objects below `speech-cache/`.
#[derive(Debug, Clone)]
pub struct SpeechCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    blobs: Arc<dyn BlobStore>,
    flights: Flights,
    max_bytes: usize,
    patience: Duration,
}

impl SpeechCache {
    /// Entries of up to 16 MiB, nearly six minutes at 24 kHz; patience of 10 s.
    pub fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self::with_limits(blobs, 16 << 20, Duration::from_secs(10))
    }

    /// Entries of up to `max_bytes` of audio, and how long to wait for another caller or the store.
    pub fn with_limits(blobs: Arc<dyn BlobStore>, max_bytes: usize, patience: Duration) -> Self {
        Self(Arc::new(Inner { blobs, flights: Flights::default(), max_bytes, patience }))
    }

    /// The speech of `key`: from the store, or from `make`, recorded while it is listened to.
    ///
    /// # Errors
    /// What `make` fails with.
    ///
    /// # Cancel safety
    /// Dropping the future or the stream leaves no entry, and the next caller takes over.
    pub async fn through<F>(&self, key: &CacheKey, make: impl FnOnce() -> F + Send) -> Result<SynthesisStream>
    where
        F: Future<Output = Result<SynthesisStream>> + Send,
    {
        let inner = &self.0;
        if let Some(hit) = inner.read(key).await {
            return Ok(hit);
        }
        let Ok(flight) = timeout(inner.patience, inner.flights.enter(key.content())).await else {
            return make().await;
        };
        // Whoever was here before may have left it behind.
        if let Some(hit) = inner.read(key).await {
            return Ok(hit);
        }
        let speech = make().await?;
        if speech.format() != key.format {
            return Ok(speech);
        }
        Ok(speech.wrapped(|speech| record(speech, Recording::new(Arc::clone(inner), key, flight))))
    }

    /// Forgets everything said in the voice of these recordings. Speech that is being recorded meanwhile is not included:
    /// stop it first.
    ///
    /// # Errors
    /// Whatever the store answers.
    pub async fn forget(&self, voice: &Fingerprint) -> Result<()> {
        let blobs = &self.0.blobs;
        let entries: Vec<_> = blobs.list(&BlobKey::new(folder(voice))?).try_collect().await?;
        for entry in entries {
            blobs.delete(&entry.key).await?;
        }
        Ok(())
    }
}

impl Inner {
    async fn read(&self, key: &CacheKey) -> Option<SynthesisStream> {
        let entry = match self.in_time(self.load(&key.blob)).await {
            Ok(entry) => entry,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(error = %error.chain(), "the speech cache could not be read");
                return None;
            }
        };
        let words = (!entry.words.is_empty()).then_some(SynthesisEvent::Words(entry.words));
        let rest = [SynthesisEvent::Audio(entry.audio), SynthesisEvent::Done(Summary::default())];
        Some(SynthesisStream::new(key.format, stream::iter(words.into_iter().chain(rest).map(Ok))))
    }

    async fn load(&self, key: &BlobKey) -> Result<Entry> {
        let mut reader = self.blobs.get(key, None).await?;
        let limit = self.max_bytes as u64 + MAX_HEADER;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = reader.chunks.try_next().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Err(damaged());
            }
        }
        Entry::from_bytes(bytes.freeze()).ok_or_else(damaged)
    }

    async fn write(&self, key: &BlobKey, entry: Vec<u8>) {
        let options = PutOptions::default().media_type("application/octet-stream");
        if let Err(error) = self.in_time(self.blobs.put(key, BlobBody::Bytes(entry.into()), &options)).await {
            tracing::warn!(error = %error.chain(), "the speech cache could not be written");
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let late = || Error::new(ErrorKind::Timeout, "the store did not answer in time");
        timeout(self.patience, work).await.unwrap_or_else(|_| Err(late()))
    }
}

fn damaged() -> Error {
    Error::new(ErrorKind::Protocol, "an entry of the speech cache is damaged")
}

/// What a blob holds: a line of JSON, then the audio.
struct Entry {
    words: Vec<WordTime>,
    audio: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Header {
    audio_bytes: usize,
    /// Word, start and end in nanoseconds.
    words: Vec<(String, u64, u64)>,
}

impl Entry {
    fn from_bytes(mut bytes: Bytes) -> Option<Self> {
        let line = bytes.iter().position(|b| *b == b'\n')?;
        let header: Header = serde_json::from_slice(&bytes.split_to(line)).ok()?;
        let audio = bytes.split_off(1);
        let word = |(word, start, end)| WordTime::new(word, Duration::from_nanos(start), Duration::from_nanos(end));
        (audio.len() == header.audio_bytes).then(|| Self { words: header.words.into_iter().map(word).collect(), audio })
    }
}

/// Speech on its way to a listener and into an entry.
struct Recording {
    cache: Arc<Inner>,
    key: BlobKey,
    words: Vec<WordTime>,
    audio: Vec<Bytes>,
    audio_bytes: usize,
    /// Gone once there is nothing to commit any more: the next caller need not wait.
    flight: Option<Flight>,
}

impl Recording {
    fn new(cache: Arc<Inner>, key: &CacheKey, flight: Flight) -> Self {
        Self {
            cache,
            key: key.blob.clone(),
            words: Vec::new(),
            audio: Vec::new(),
            audio_bytes: 0,
            flight: Some(flight),
        }
    }

    async fn note(&mut self, event: &Result<SynthesisEvent>) {
        match event {
            _ if self.flight.is_none() => {}
            Ok(SynthesisEvent::Audio(chunk)) if self.audio_bytes + chunk.len() <= self.cache.max_bytes => {
                self.audio_bytes += chunk.len();
                self.audio.push(chunk.clone());
            }
            Ok(SynthesisEvent::Words(words)) => self.words.extend_from_slice(words),
            Ok(SynthesisEvent::Done(summary)) if summary.warnings.is_empty() => self.commit().await,
            _ => self.give_up(),
        }
    }

    fn give_up(&mut self) {
        self.audio = Vec::new();
        self.flight = None;
    }

    async fn commit(&mut self) {
        let nanos = |at: Duration| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let words = self.words.iter().map(|w| (w.word.clone(), nanos(w.start), nanos(w.end))).collect();
        let header = Header { audio_bytes: self.audio_bytes, words };
        if let Ok(mut entry) = serde_json::to_vec(&header) {
            entry.push(b'\n');
            self.audio.drain(..).for_each(|chunk| entry.extend_from_slice(&chunk));
            self.cache.write(&self.key, entry).await;
        }
        self.flight = None;
    }
}

fn record(
    speech: SynthesisStream,
    recording: Recording,
) -> impl futures_core::Stream<Item = Result<SynthesisEvent>> + Send {
    stream::unfold((speech, recording), |(mut speech, mut recording)| async {
        let event = speech.next().await?;
        recording.note(&event).await;
        Some((event, (speech, recording)))
    })
}

#[cfg(test)]
mod tests;
