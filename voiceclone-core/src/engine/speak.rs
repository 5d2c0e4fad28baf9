//! Live speech: the first segment is heard while it is made, the following ones are spoken ahead.
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Engine, Parts,
    join::{Joints, level, loudness, pause_len, trim},
    route::Plugged,
    segments::{Speaker, Spoken, plausible, text_of},
};
use crate::{
    audio::{AudioFormat, EncodedAudio, blocking, frames_to_duration, from_s16_bytes, to_s16_bytes},
    error::{Error, ErrorKind, Result},
    id::{OwnerId, ProviderId},
    layers::{Candidate, Watch, begun, first_that_starts},
    mark::{MarkedAudio, Provenance},
    observe::OpInfo,
    speak::{SpeakRequest, Utterance},
    stream::{Summary, SynthesisEvent, SynthesisStream, WordTime},
    text::{Pause, Segment, SpeechText},
};

/// Speech in progress: a [`SynthesisStream`] of raw 16-bit PCM, who speaks it, and what it must be marked with.
///
/// Raw samples have no place for a mark. Whoever sends them on carries [`Speech::provenance`] beside them, or takes the
/// whole as [`Speech::into_marked`].
///
/// # Cancel safety
/// Dropping it cancels the work.
#[derive(Debug)]
pub struct Speech {
    stream: SynthesisStream,
    parts: Arc<Parts>,
    /// Who speaks.
    pub provider: ProviderId,
    /// Who was asked for and did not speak, if so.
    pub instead_of: Option<ProviderId>,
    /// What the speech must be marked with.
    pub provenance: Provenance,
}

impl Speech {
    /// What the audio bytes are.
    pub const fn format(&self) -> AudioFormat {
        self.stream.format()
    }

    /// The next audio bytes; `None` once all of it was spoken.
    ///
    /// # Errors
    /// The error that the speech ended with.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn next_audio(&mut self) -> Result<Option<Bytes>> {
        self.stream.next_audio().await
    }

    /// All of it in memory, wrapped as WAV and marked.
    ///
    /// # Errors
    /// The error that the speech ended with; `InvalidInput` past `limit` bytes.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the speech.
    pub async fn into_marked(self, limit: usize) -> Result<MarkedAudio> {
        let whole = self.stream.collect_audio(limit).await?;
        let audio = blocking("wrap", move || wrap(whole.format, &whole.audio)).await?;
        self.parts.marker.mark(audio, &self.provenance).await
    }
}

fn wrap(format: AudioFormat, audio: &[u8]) -> Result<EncodedAudio> {
    let pcm = crate::audio::Pcm::new(from_s16_bytes(audio)?, format.sample_rate(), format.channels())?;
    crate::audio::encode(&pcm, crate::audio::Container::Wav)
}

impl Stream for Speech {
    type Item = Result<SynthesisEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}

impl Engine {
    /// Speaks a text and hands over the audio while it is made.
    ///
    /// # Errors
    /// `InvalidInput` for a text that cannot be spoken or a voice whose recordings were rejected; `NotFound` for a voice
    /// or provider there is not; `ConsentRequired`; `Conflict` while the recording is being prepared; otherwise the
    /// provider's.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the work.
    pub async fn speak(&self, owner: &OwnerId, request: SpeakRequest) -> Result<Speech> {
        self.0.check_length(&request.utterance.text)?;
        let ready = self.0.ready_voice(owner, request.target).await?;
        let candidates = self.0.candidates(&request)?;
        let op =
            candidates.first().map(|p| p.synthesizer.info()).map(|i| OpInfo::new("speak", &i.name, i.model.clone()));
        let mut watch = Watch::start(self.0.observer.as_ref(), &op.unwrap_or_else(|| OpInfo::new("speak", "", None)));
        let (request, ready) = (&request, &ready);
        let begin = |provider: Plugged| async move {
            let speaker = Speaker::new(&self.0, owner, request, ready, &provider).await?;
            let stream = start(&speaker, request).await?;
            Ok((speaker, stream))
        };
        let candidates = candidates.into_iter().cloned().map(|p| Candidate::new(p.id.clone(), begin(p)));
        let started = first_that_starts(candidates).await.inspect_err(|error| watch.fail(error))?;
        let (speaker, stream) = started.speech;
        Ok(Speech {
            stream: watch.over(Ok(stream))?,
            parts: Arc::clone(&self.0),
            provenance: speaker.provenance(),
            provider: started.provider,
            instead_of: started.passed_over.into_iter().next().map(|p| p.provider),
        })
    }
}

impl Parts {
    pub(crate) fn check_length(&self, text: &SpeechText) -> Result<()> {
        let (chars, most) = (text.char_count(), self.limits.max_text_chars);
        if chars > most {
            return Err(Error::invalid(format!("the text has {chars} characters; at most {most} are accepted")));
        }
        Ok(())
    }
}

/// Begins to speak: returns once the provider has begun.
async fn start(speaker: &Speaker, request: &SpeakRequest) -> Result<SynthesisStream> {
    let text = &request.utterance.text;
    let segments = speaker.segments(text)?;
    let Some((first, rest)) = segments.split_first() else {
        return Err(Error::unexpected("a text has no segment"));
    };
    let opening = request.utterance.with_text(text_of(text, first)?);
    let head = begun(speaker.speak(&opening).await?).await?;
    let mut ahead = JoinSet::new();
    let (send, spoken) = mpsc::channel(speaker.look_ahead());
    if !rest.is_empty() {
        ahead.spawn(speak_ahead(speaker.clone(), request.clone(), rest.to_vec(), send));
    }
    let format = head.format();
    let joined = Joined {
        rate: format.sample_rate(),
        opening,
        is_all: rest.is_empty(),
        most: speaker.most_bytes(),
        frames: 0,
        pause: first.pause,
        target: None,
        summary: Summary::default(),
        spoken,
        ahead,
    };
    Ok(SynthesisStream::new(format, stream::unfold(At::Head(head, Vec::new(), joined), step)))
}

type Ahead = (Result<Spoken>, Segment, bool);

/// Speaks the segments one after the other, as far ahead as the channel is long.
async fn speak_ahead(speaker: Speaker, request: SpeakRequest, segments: Vec<Segment>, send: mpsc::Sender<Ahead>) {
    let count = segments.len();
    for (i, segment) in segments.into_iter().enumerate() {
        let spoken = match text_of(&request.utterance.text, &segment) {
            Ok(text) => speaker.speak_whole(&request.utterance.with_text(text)).await,
            Err(error) => Err(error),
        };
        let failed = spoken.is_err();
        if send.send((spoken, segment, i + 1 == count)).await.is_err() || failed {
            return;
        }
    }
}

/// What is joined so far.
struct Joined {
    rate: u32,
    /// What the first segment says.
    opening: Utterance,
    /// Nothing follows the first segment.
    is_all: bool,
    /// The most bytes of one segment.
    most: usize,
    frames: u64,
    pause: Pause,
    target: Option<f64>,
    summary: Summary,
    spoken: mpsc::Receiver<Ahead>,
    /// Held so that dropping the stream stops the speaking ahead.
    ahead: JoinSet<()>,
}

/// Where the joined stream is.
enum At {
    /// In the first segment, whose bytes are kept to measure its loudness.
    Head(SynthesisStream, Vec<u8>, Joined),
    /// Between segments.
    Rest(Joined),
    /// Words of a segment are told before its audio.
    Audio(Bytes, bool, Joined),
    Done(Summary),
    Over,
}

async fn step(at: At) -> Option<(Result<SynthesisEvent>, At)> {
    match at {
        At::Head(mut head, mut kept, joined) => match head.next().await? {
            Ok(SynthesisEvent::Audio(chunk)) => {
                if kept.len() + chunk.len() > joined.most {
                    return Some((Err(joined.too_long()), At::Over));
                }
                kept.extend_from_slice(&chunk);
                Some((Ok(SynthesisEvent::Audio(chunk)), At::Head(head, kept, joined)))
            }
            Ok(SynthesisEvent::Done(summary)) => match joined.after_head(kept, summary).await {
                Ok(joined) if joined.is_all => Some((Ok(SynthesisEvent::Done(joined.summary)), At::Over)),
                Ok(joined) => joined.next_segment().await,
                Err(error) => Some((Err(error), At::Over)),
            },
            Ok(words) => Some((Ok(words), At::Head(head, kept, joined))),
            Err(error) => Some((Err(error), At::Over)),
        },
        At::Rest(joined) => joined.next_segment().await,
        At::Audio(audio, last, joined) => Some((Ok(SynthesisEvent::Audio(audio)), joined.then(last))),
        At::Done(summary) => Some((Ok(SynthesisEvent::Done(summary)), At::Over)),
        At::Over => None,
    }
}

impl Joined {
    fn too_long(&self) -> Error {
        let most = self.most;
        Error::new(ErrorKind::Protocol, format!("the provider's audio has more than the {most} bytes of one segment"))
    }

    async fn after_head(mut self, audio: Vec<u8>, summary: Summary) -> Result<Self> {
        let (rate, opening, is_all) = (self.rate, self.opening.clone(), self.is_all);
        self.frames = audio.len() as u64 / 2;
        let measure = blocking("measure", move || {
            let samples = from_s16_bytes(&audio)?;
            plausible(&opening, &samples, rate)?;
            Ok(if is_all { None } else { loudness(&samples, rate) })
        });
        self.target = measure.await?;
        self.summary = summary;
        Ok(self)
    }

    async fn next_segment(mut self) -> Option<(Result<SynthesisEvent>, At)> {
        let missing = || Error::unexpected("a part of the text was not spoken");
        let (spoken, segment, last) = self.spoken.recv().await.unwrap_or_else(|| {
            let nothing = Segment { span: 0..0, pause: Pause::None };
            (Err(missing()), nothing, true)
        });
        let spoken = match spoken {
            Ok(spoken) => spoken,
            Err(error) => return Some((Err(error), At::Over)),
        };
        self.summary.warnings.extend(spoken.summary.warnings);
        let silence = pause_len(self.pause, self.rate);
        self.pause = segment.pause;
        let (rate, target, joints) = (self.rate, self.target, Joints { before: true, after: !last });
        let mut samples = spoken.samples;
        let shaped = blocking("join", move || {
            let from = loudness(&samples, rate);
            level(&mut samples, from, target);
            let cut = trim(&mut samples, rate, joints);
            samples.splice(..0, std::iter::repeat_n(0.0, silence));
            Ok((to_s16_bytes(&samples), samples.len() as u64, cut))
        });
        let (audio, frames, cut) = match shaped.await {
            Ok(shaped) => shaped,
            Err(error) => return Some((Err(error), At::Over)),
        };
        let words = self.shift(spoken.words, silence, cut);
        self.frames += frames;
        let audio = Bytes::from(audio);
        if words.is_empty() {
            return Some((Ok(SynthesisEvent::Audio(audio)), self.then(last)));
        }
        Some((Ok(SynthesisEvent::Words(words)), At::Audio(audio, last, self)))
    }

    /// Word times from the start of the whole stream.
    fn shift(&self, words: Vec<WordTime>, silence: usize, cut: usize) -> Vec<WordTime> {
        let offset = frames_to_duration(self.frames + silence as u64, self.rate);
        let cut = frames_to_duration(cut as u64, self.rate);
        let moved = |at: Duration| offset + at.saturating_sub(cut);
        words.into_iter().map(|w| WordTime::new(w.word, moved(w.start), moved(w.end))).collect()
    }

    fn then(self, last: bool) -> At {
        if last { At::Done(self.summary) } else { At::Rest(self) }
    }
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ahead = self.ahead.len();
        f.debug_struct("Joined").field("frames", &self.frames).field("ahead", &ahead).finish_non_exhaustive()
    }
}
