//! A synthesizer that speaks in tones: as long as the text, each character as loud as it is numbered, as high as the
//! voice. So tests can tell from the samples what was said, all of it, and by whom.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sample numbers and levels, far within the exact range"
)]
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::{FakeAccount, lock, script::Script, script::When};
use crate::{
    audio::{AudioFormat, Codec, Container, to_s16_bytes},
    error::{Error, Result},
    id::ProviderId,
    layers::check_request,
    stream::{Summary, SynthesisEvent, SynthesisStream, WordTime},
    synth::{SpeechSession, SynthesisCapability, SynthesisRequest, Synthesizer, SynthesizerInfo, VoiceRef},
    text::SpeechText,
};

/// Each character takes this long at speed 1: 1,600 samples at 24 kHz.
const CHARACTER: f64 = 1.0 / 15.0;
const CHUNK_BYTES: usize = 19_200;

/// What can go wrong in a synthesis.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// Fails before any audio.
    BeforeAudio(Error),
    /// Fails after half of the audio.
    MidStream(Error),
    /// Ends after half of the audio without saying that it is done.
    EndsWithoutDone,
    /// Says that it is done without any audio.
    NoAudio,
    /// Speaks silence, as long as the text.
    Silence,
    /// Says that it is done after a hundredth of a second.
    Short,
    /// Never answers.
    Hang,
    /// Stops answering after the first audio.
    HangMidStream,
    /// Panics.
    Panic,
    /// Takes this long, by tokio's clock, before every piece of audio.
    Slow(Duration),
}

/// Speaks raw 16-bit PCM, 24 kHz unless its capability offers other rates, and keeps the rules of the seam until a fault
/// is planned. Clones share the plan and the counts.
#[derive(Debug, Clone)]
pub struct ToneSynthesizer {
    info: SynthesizerInfo,
    account: Option<FakeAccount>,
    asked: Arc<Mutex<Asked>>,
    live: Arc<()>,
}

#[derive(Debug, Default)]
struct Asked {
    script: Script<Fault>,
    texts: Vec<String>,
}

impl ToneSynthesizer {
    fn new(account: Option<FakeAccount>) -> Self {
        let info = SynthesizerInfo::new("tone").with_capability(|can| {
            can.voice_by_id = account.is_some();
            can.voice_by_reference = account.is_none();
            can.streaming = true;
            can.deterministic = true;
            can.speed = Some(0.5..=2.0);
            can.formats.extend(AudioFormat::raw_s16(24_000));
        });
        Self { info, account, asked: Arc::default(), live: Arc::default() }
    }

    /// Speaks in the voice of reference clips.
    pub fn by_reference() -> Self {
        Self::new(None)
    }

    /// Speaks in the voices that `account` knows.
    pub fn of_account(account: &FakeAccount) -> Self {
        Self::new(Some(account.clone()))
    }

    /// Another name than `tone`; the name under which it looks for its settings, too.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.info.name = name.into();
        self
    }

    /// Changes what it can do.
    #[must_use]
    pub fn with_capability(mut self, set: impl FnOnce(&mut SynthesisCapability)) -> Self {
        self.info = self.info.with_capability(set);
        self
    }

    /// Changes who it is, such as what it wants of a clip.
    #[must_use]
    pub fn with_info(mut self, change: impl FnOnce(SynthesizerInfo) -> SynthesizerInfo) -> Self {
        self.info = change(self.info);
        self
    }

    /// Plans a fault. Of several that hit one call the first planned happens.
    #[must_use]
    pub fn with_fault(self, when: When, fault: Fault) -> Self {
        lock(&self.asked).script.plan(when, fault);
        self
    }

    /// How many syntheses were asked for, the refused ones left out.
    pub fn calls(&self) -> usize {
        lock(&self.asked).script.calls()
    }

    /// The texts that were asked for, in order.
    pub fn texts(&self) -> Vec<String> {
        lock(&self.asked).texts.clone()
    }

    /// How many of the texts hold `part`.
    pub fn calls_for(&self, part: &str) -> usize {
        lock(&self.asked).texts.iter().filter(|text| text.contains(part)).count()
    }

    /// Syntheses that were begun and have neither ended nor been dropped.
    pub fn live(&self) -> usize {
        Arc::weak_count(&self.live)
    }

    fn check(&self, request: &SynthesisRequest) -> Result<()> {
        check_request(&self.info, request)?;
        request.options::<()>(&ProviderId::new(&self.info.name)?)?;
        match (&request.voice, &self.account) {
            (VoiceRef::Provider(id), Some(account)) if !account.knows(id) => Err(Error::not_found("voice", id)),
            _ => Ok(()),
        }
    }

    #[expect(clippy::panic, reason = "a planned fault")]
    async fn speak(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        self.check(request)?;
        // Counted while it lives: by the call first, then by the stream.
        let live = Arc::downgrade(&self.live);
        let fault = {
            let mut asked = lock(&self.asked);
            asked.texts.push(request.text().to_owned());
            asked.script.call(request.text())
        };
        match fault {
            Some(Fault::BeforeAudio(error)) => return Err(error),
            Some(Fault::Hang) => pending().await,
            Some(Fault::Panic) => panic!("a planned panic"),
            _ => {}
        }
        let wait = if let Some(Fault::Slow(wait)) = fault { wait } else { Duration::ZERO };
        let hangs = matches!(fault, Some(Fault::HangMidStream));
        let events = stream::iter(self.events(request, fault)).then(move |event| async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            event
        });
        let stream = if hangs {
            SynthesisStream::new(request.format, events.chain(stream::pending()))
        } else {
            SynthesisStream::new(request.format, events)
        };
        Ok(stream.guarded_by(live))
    }

    fn events(&self, request: &SynthesisRequest, fault: Option<Fault>) -> Vec<Result<SynthesisEvent>> {
        let mut audio = tone(request);
        if matches!(fault, Some(Fault::Silence)) {
            audio.fill(0);
        }
        let keep = match fault {
            Some(Fault::MidStream(_) | Fault::EndsWithoutDone) => audio.len() / 4 * 2,
            Some(Fault::NoAudio) => 0,
            Some(Fault::Short) => request.format.sample_rate() as usize / 100 * 2,
            Some(Fault::HangMidStream) => CHUNK_BYTES,
            _ => audio.len(),
        };
        audio.truncate(keep);
        let mut events = Vec::new();
        if self.info.capability.alignment {
            events.push(Ok(SynthesisEvent::Words(words(request))));
        }
        events.extend(audio.chunks(CHUNK_BYTES).map(|chunk| Ok(SynthesisEvent::Audio(Bytes::copy_from_slice(chunk)))));
        match fault {
            Some(Fault::MidStream(error)) => events.push(Err(error)),
            Some(Fault::EndsWithoutDone | Fault::HangMidStream) => {}
            _ => events.push(Ok(SynthesisEvent::Done(Summary::default()))),
        }
        events
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for ToneSynthesizer {
    fn info(&self) -> &SynthesizerInfo {
        &self.info
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        self.speak(request).await
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        if !self.info.capability.sessions {
            return Err(Error::unsupported("the tone was not told to take text piece by piece"));
        }
        self.check(request)?;
        Ok(Box::new(ToneSession { tone: self.clone(), request: request.clone(), text: request.text().to_owned() }))
    }
}

#[derive(Debug)]
struct ToneSession {
    tone: ToneSynthesizer,
    request: SynthesisRequest,
    text: String,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SpeechSession for ToneSession {
    async fn push(&mut self, text: &str) -> Result<()> {
        self.text.push_str(text);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        let Self { tone, mut request, text } = *self;
        request.utterance.text = SpeechText::new(&text, tone.info.capability.max_text_chars)?;
        tone.speak(&request).await
    }
}

fn samples_per_char(request: &SynthesisRequest) -> usize {
    let speed = f64::from(request.utterance.speed.unwrap_or(1.0));
    (f64::from(request.format.sample_rate()) * CHARACTER / speed) as usize
}

/// The pitch of a voice, hertz: between 200 and 800.
fn pitch(voice: &VoiceRef) -> f32 {
    let name = voice.fingerprint();
    let sum: u32 = name.as_str().bytes().map(u32::from).sum();
    200.0 + (sum % 600) as f32
}

fn tone(request: &SynthesisRequest) -> Vec<u8> {
    debug_assert_eq!((request.format.container(), request.format.codec()), (Container::Raw, Codec::PcmS16Le));
    let (length, rate) = (samples_per_char(request), request.format.sample_rate() as f32);
    let step = std::f32::consts::TAU * pitch(&request.voice) / rate;
    let loudness = |c: char| 0.2 + f32::from((u32::from(c) % 64) as u8) / 640.0;
    let levels = request.text().chars().flat_map(|c| std::iter::repeat_n(loudness(c), length));
    let samples: Vec<f32> = levels.enumerate().map(|(i, level)| level * (i as f32 * step).sin()).collect();
    to_s16_bytes(&samples)
}

fn words(request: &SynthesisRequest) -> Vec<WordTime> {
    let text = request.text();
    let length = samples_per_char(request) as f64 / f64::from(request.format.sample_rate());
    let at = |byte: usize| {
        let chars = text.get(..byte).unwrap_or_default().chars().count();
        Duration::from_secs_f64(chars as f64 * length)
    };
    let place = |word: &str| word.as_ptr().addr() - text.as_ptr().addr();
    text.split_whitespace().map(|word| WordTime::new(word, at(place(word)), at(place(word) + word.len()))).collect()
}
