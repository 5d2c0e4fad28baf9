//! The stream of one synthesis, and the contract of its end.
//!
//! Audio and alignment events, then exactly one `Done` or one error, then nothing. The type keeps the contract, so no
//! provider can break it: an end without `Done`, a `Done` without audio and a partial sample are errors, and nothing is
//! read past the end. Dropping the stream drops the provider's work and every guard that travels with it.
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use crate::{
    audio::{AudioFormat, BoxStream, EncodedAudio},
    error::{Error, ErrorKind, Result, Retry},
};

/// When one word is spoken.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WordTime {
    /// The word, as the provider says it.
    pub word: String,
    /// Its start from the start of the stream.
    pub start: Duration,
    /// Its end from the start of the stream.
    pub end: Duration,
}

impl WordTime {
    /// A word from `start` to `end`.
    pub fn new(word: impl Into<String>, start: Duration, end: Duration) -> Self {
        Self { word: word.into(), start, end }
    }
}

/// What a finished synthesis says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// What could not be done exactly as asked; reported with the result.
    pub warnings: Vec<String>,
}

/// One event of a synthesis.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SynthesisEvent {
    /// The next audio bytes, any number of them.
    Audio(Bytes),
    /// When the next words are spoken.
    Words(Vec<WordTime>),
    /// All of it was spoken. Nothing follows.
    Done(Summary),
}

/// A synthesis in progress: one format, fixed at the head, then events. See the module's doc for its end.
///
/// # Cancel safety
/// Dropping it cancels the work.
pub struct SynthesisStream {
    format: AudioFormat,
    events: Option<BoxStream<Result<SynthesisEvent>>>,
    guards: Vec<Box<dyn Send>>,
    audio_bytes: u64,
}

impl SynthesisStream {
    /// Wraps a provider's events. `format` is what the audio bytes are.
    pub fn new(format: AudioFormat, events: impl Stream<Item = Result<SynthesisEvent>> + Send + 'static) -> Self {
        Self { format, events: Some(Box::pin(events)), guards: Vec::new(), audio_bytes: 0 }
    }

    /// Audio that is all there, as one chunk.
    pub fn of_bytes(format: AudioFormat, audio: impl Into<Bytes>) -> Self {
        let events = [SynthesisEvent::Audio(audio.into()), SynthesisEvent::Done(Summary::default())];
        Self::new(format, stream::iter(events.map(Ok)))
    }

    /// What the audio bytes are.
    pub const fn format(&self) -> AudioFormat {
        self.format
    }

    /// Keeps `guard` until the stream ends or is dropped: a permit outlives the call it was taken for.
    #[must_use]
    pub fn guarded_by(mut self, guard: impl Send + 'static) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// The same stream seen through `wrap`, under the same contract.
    #[must_use]
    pub fn wrapped<S>(self, wrap: impl FnOnce(Self) -> S) -> Self
    where
        S: Stream<Item = Result<SynthesisEvent>> + Send + 'static,
    {
        let format = self.format;
        Self::new(format, wrap(self))
    }

    /// The next audio bytes; `None` once all of it was spoken. Other events are passed over.
    ///
    /// # Errors
    /// The error that the stream ended with.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn next_audio(&mut self) -> Result<Option<Bytes>> {
        while let Some(event) = self.next().await {
            if let SynthesisEvent::Audio(audio) = event? {
                return Ok(Some(audio));
            }
        }
        Ok(None)
    }

    /// Reads to the end and keeps all of it in memory.
    ///
    /// # Errors
    /// The error that the stream ended with; `InvalidInput` past `limit` bytes.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the synthesis.
    pub async fn collect_audio(mut self, limit: usize) -> Result<CollectedAudio> {
        let mut audio = BytesMut::new();
        let mut words = Vec::new();
        while let Some(event) = self.next().await {
            match event? {
                SynthesisEvent::Audio(chunk) if audio.len() + chunk.len() > limit => {
                    return Err(Error::invalid(format!(
                        "the speech has more than the {limit} bytes that are accepted"
                    )));
                }
                SynthesisEvent::Audio(chunk) => audio.extend_from_slice(&chunk),
                SynthesisEvent::Words(more) => words.extend(more),
                SynthesisEvent::Done(summary) => {
                    return Ok(CollectedAudio { format: self.format, audio: audio.freeze(), words, summary });
                }
            }
        }
        Err(ended_early())
    }

    fn judge(&mut self, event: SynthesisEvent) -> Result<SynthesisEvent> {
        match &event {
            SynthesisEvent::Audio(chunk) => self.audio_bytes += chunk.len() as u64,
            SynthesisEvent::Done(_) if self.audio_bytes == 0 => {
                return Err(Error::new(ErrorKind::Protocol, "the provider finished without any audio"));
            }
            SynthesisEvent::Done(_) if self.partial_frame() => {
                return Err(Error::new(ErrorKind::Protocol, "the provider's audio ends within a sample")
                    .with("bytes", self.audio_bytes));
            }
            _ => {}
        }
        Ok(event)
    }

    fn partial_frame(&self) -> bool {
        self.format.frame_bytes().is_some_and(|frame| !self.audio_bytes.is_multiple_of(frame as u64))
    }

    fn end(&mut self) {
        self.events = None;
        self.guards.clear();
    }
}

fn ended_early() -> Error {
    Error::new(ErrorKind::Protocol, "the provider's stream ended before it said that it was done")
        .with_retry(Retry::After(None))
}

impl Stream for SynthesisStream {
    type Item = Result<SynthesisEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else {
            return Poll::Ready(None);
        };
        let item = match std::task::ready!(events.as_mut().poll_next(cx)) {
            Some(Ok(event)) => self.judge(event),
            Some(Err(error)) => Err(error),
            None => Err(ended_early()),
        };
        if !matches!(item, Ok(SynthesisEvent::Audio(_) | SynthesisEvent::Words(_))) {
            self.end();
        }
        Poll::Ready(Some(item))
    }
}

impl fmt::Debug for SynthesisStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SynthesisStream")
            .field("format", &self.format)
            .field("audio_bytes", &self.audio_bytes)
            .field("ended", &self.events.is_none())
            .finish_non_exhaustive()
    }
}

/// A whole synthesis in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CollectedAudio {
    /// What the bytes are.
    pub format: AudioFormat,
    /// The bytes.
    pub audio: Bytes,
    /// When each word is spoken, if the provider says so.
    pub words: Vec<WordTime>,
    /// What the provider said of it.
    pub summary: Summary,
}

impl CollectedAudio {
    /// As encoded audio; `None` if the format has no fixed frame size and so no length without decoding.
    pub fn encoded(&self) -> Option<EncodedAudio> {
        let duration = self.format.duration_of(self.audio.len() as u64)?;
        Some(EncodedAudio::new(self.format, duration, self.audio.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Weak};

    type Events = Vec<Result<SynthesisEvent>>;

    #[expect(clippy::unnecessary_wraps, reason = "an item of a stream of results")]
    fn audio(n: usize) -> Result<SynthesisEvent> {
        Ok(SynthesisEvent::Audio(vec![0; n].into()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "an item of a stream of results")]
    fn done() -> Result<SynthesisEvent> {
        Ok(SynthesisEvent::Done(Summary::default()))
    }

    fn broken() -> Result<SynthesisEvent> {
        Err(Error::new(ErrorKind::Unavailable, "gone"))
    }

    async fn run(events: Events) -> Vec<String> {
        let stream = SynthesisStream::new(AudioFormat::raw_s16(24_000).unwrap(), stream::iter(events));
        let name = |item: Result<SynthesisEvent>| match item {
            Ok(SynthesisEvent::Audio(a)) => format!("audio {}", a.len()),
            Ok(SynthesisEvent::Words(_)) => "words".into(),
            Ok(SynthesisEvent::Done(_)) => "done".into(),
            Err(e) => e.message().to_owned(),
        };
        stream.map(name).collect().await
    }

    #[tokio::test]
    async fn every_stream_ends_with_one_done_or_one_error_and_then_is_silent() {
        let early = "the provider's stream ended before it said that it was done";
        let cases: [(Events, &[&str]); 8] = [
            (vec![audio(4), done()], &["audio 4", "done"]),
            (vec![audio(4)], &["audio 4", early]),
            (vec![], &[early]),
            (vec![done()], &["the provider finished without any audio"]),
            (vec![audio(0), done()], &["audio 0", "the provider finished without any audio"]),
            (vec![audio(3), done()], &["audio 3", "the provider's audio ends within a sample"]),
            (vec![audio(3), audio(1), done(), audio(2), done()], &["audio 3", "audio 1", "done"]),
            (vec![audio(2), broken(), audio(2), done()], &["audio 2", "gone"]),
        ];
        for (events, expected) in cases {
            assert_eq!(run(events).await, expected);
        }
    }

    #[tokio::test]
    async fn a_guard_goes_at_the_end_and_on_drop_but_not_before() {
        for finish in [true, false] {
            let guard = Arc::new(());
            let held: Weak<()> = Arc::downgrade(&guard);
            let format = AudioFormat::raw_s16(24_000).unwrap();
            let mut speech = SynthesisStream::of_bytes(format, vec![0; 4]).guarded_by(guard);
            speech.next_audio().await.unwrap();
            assert!(held.upgrade().is_some());
            if finish {
                assert_eq!(speech.next_audio().await.unwrap(), None);
            } else {
                drop(speech);
            }
            assert!(held.upgrade().is_none());
        }
    }

    #[tokio::test]
    async fn collecting_stops_at_the_limit() {
        let format = AudioFormat::raw_s16(24_000).unwrap();
        let whole = SynthesisStream::of_bytes(format, vec![0; 48]).collect_audio(48).await.unwrap();
        assert_eq!(whole.encoded().unwrap().duration, Duration::from_millis(1));
        let error = SynthesisStream::of_bytes(format, vec![0; 48]).collect_audio(47).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
