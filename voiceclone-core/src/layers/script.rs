//! A provider that plays a script and writes down when it was called. For the tests of the layers alone.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::Utc;
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep};

use crate::{
    audio::{AudioFormat, BoxStream, EncodedAudio},
    cloner::{ClonerInfo, EnrollRequest, EnrollmentStatus, ProviderVoice, VoiceCloner},
    consent::{Consent, ConsentPolicy, Permit, Purpose},
    error::{Error, ErrorKind, Result, Retry},
    id::{Fingerprint, IdempotencyKey, OwnerId, ProviderVoiceId},
    speak::Utterance,
    stream::{Summary, SynthesisEvent, SynthesisStream, WordTime},
    synth::{
        ReferenceVoice, SpeechSession, SynthesisCapability, SynthesisRequest, Synthesizer, SynthesizerInfo, VoiceRef,
    },
    text::SpeechText,
};

/// What happens next in a stream.
#[derive(Debug, Clone)]
pub(super) enum Beat {
    Wait(Duration),
    Audio(usize),
    Words,
    Warn,
    Done,
    Fail(Error),
}

/// What one call does: waits, then fails or streams.
#[derive(Debug, Clone)]
pub(super) struct Take {
    delay: Duration,
    answer: Result<Vec<Beat>>,
}

pub(super) fn speaks() -> Take {
    streams([Beat::Audio(4), Beat::Done])
}

pub(super) fn streams(beats: impl Into<Vec<Beat>>) -> Take {
    Take { delay: Duration::ZERO, answer: Ok(beats.into()) }
}

pub(super) fn fails(error: Error) -> Take {
    Take { delay: Duration::ZERO, answer: Err(error) }
}

impl Take {
    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

pub(super) fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "gone")
}

pub(super) fn limited(hint: Duration) -> Error {
    Error::new(ErrorKind::RateLimited, "slow down").with_retry(Retry::After(Some(hint)))
}

pub(super) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Plays its takes in order, then speaks for ever.
#[derive(Debug)]
pub(super) struct Script {
    info: SynthesizerInfo,
    cloner: ClonerInfo,
    takes: Mutex<VecDeque<Take>>,
    begun: Instant,
    times: Mutex<Vec<Duration>>,
}

impl Script {
    pub(super) fn new(takes: impl Into<VecDeque<Take>>) -> Self {
        let info = SynthesizerInfo::new("script").with_model("m1").with_capability(|c| {
            c.voice_by_id = true;
            c.voice_by_reference = true;
            c.sessions = true;
            c.deterministic = true;
            c.speed = Some(0.5..=2.0);
            c.formats = vec![format()];
        });
        let cloner = ClonerInfo::new("script").with(|c| {
            c.max_clips = 3;
            c.min_duration = secs(2);
        });
        Self { info, cloner, takes: Mutex::new(takes.into()), begun: Instant::now(), times: Mutex::new(Vec::new()) }
    }

    pub(super) fn speaking() -> Self {
        Self::new([])
    }

    pub(super) fn capable(set: impl FnOnce(&mut SynthesisCapability)) -> Self {
        let mut script = Self::speaking();
        set(&mut script.info.capability);
        script
    }

    pub(super) fn idempotent(mut self) -> Self {
        self.cloner.idempotent = true;
        self
    }

    pub(super) fn speaker(self: &Arc<Self>) -> Arc<dyn Synthesizer> {
        Arc::clone(self) as Arc<dyn Synthesizer>
    }

    pub(super) fn enroller(self: &Arc<Self>) -> Arc<dyn VoiceCloner> {
        Arc::clone(self) as Arc<dyn VoiceCloner>
    }

    /// When each call began, from the making of the script.
    pub(super) fn times(&self) -> Vec<Duration> {
        self.times.lock().unwrap().clone()
    }

    async fn play(&self) -> Result<Vec<Beat>> {
        self.times.lock().unwrap().push(self.begun.elapsed());
        let take = self.takes.lock().unwrap().pop_front().unwrap_or_else(speaks);
        // A sleep of no length is still a wait, and some tests ask whether a call waits.
        if !take.delay.is_zero() {
            sleep(take.delay).await;
        }
        take.answer
    }
}

fn stream_of(beats: Vec<Beat>) -> SynthesisStream {
    let events = stream::iter(beats).filter_map(|beat| async {
        Some(Ok(match beat {
            Beat::Wait(wait) => {
                sleep(wait).await;
                return None;
            }
            Beat::Audio(n) => SynthesisEvent::Audio(vec![1; n].into()),
            Beat::Words => SynthesisEvent::Words(vec![WordTime::new("hello", millis(0), millis(80))]),
            Beat::Warn => SynthesisEvent::Done(Summary { warnings: vec!["too fast".into()], ..Default::default() }),
            Beat::Done => SynthesisEvent::Done(Summary::default()),
            Beat::Fail(error) => return Some(Err(error)),
        }))
    });
    SynthesisStream::new(format(), events)
}

#[async_trait]
impl Synthesizer for Script {
    fn info(&self) -> &SynthesizerInfo {
        &self.info
    }

    async fn synthesize(&self, _: &SynthesisRequest) -> Result<SynthesisStream> {
        self.play().await.map(stream_of)
    }

    async fn open_session(&self, _: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        Ok(Box::new(Session { beats: self.play().await? }))
    }
}

/// A session whose pushes wait as long as the script's leading waits say, one for each.
#[derive(Debug)]
struct Session {
    beats: Vec<Beat>,
}

#[async_trait]
impl SpeechSession for Session {
    async fn push(&mut self, text: &str) -> Result<()> {
        if text == "wait"
            && let Beat::Wait(wait) = self.beats.remove(0)
        {
            sleep(wait).await;
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        Ok(stream_of(self.beats))
    }
}

fn voice() -> ProviderVoice {
    ProviderVoice::new(ProviderVoiceId::new("v").unwrap(), "v", EnrollmentStatus::Ready)
}

#[async_trait]
impl VoiceCloner for Script {
    fn info(&self) -> &ClonerInfo {
        &self.cloner
    }

    async fn enroll(&self, _: &EnrollRequest) -> Result<ProviderVoice> {
        self.play().await.map(|_| voice())
    }

    async fn describe(&self, _: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.play().await.map(|_| voice())
    }

    async fn remove(&self, _: &ProviderVoiceId) -> Result<()> {
        self.play().await.map(|_| ())
    }

    /// One voice for each piece of audio of the take.
    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        self.times.lock().unwrap().push(self.begun.elapsed());
        let take = self.takes.lock().unwrap().pop_front().unwrap_or_else(speaks);
        let beats = take.answer.unwrap_or_else(|error| vec![Beat::Fail(error)]);
        Box::pin(stream::iter(beats).filter_map(|beat| async {
            match beat {
                Beat::Wait(wait) => {
                    sleep(wait).await;
                    None
                }
                Beat::Audio(_) => Some(Ok(voice())),
                Beat::Fail(error) => Some(Err(error)),
                Beat::Words | Beat::Warn | Beat::Done => None,
            }
        }))
    }
}

pub(super) fn format() -> AudioFormat {
    AudioFormat::raw_s16(24_000).unwrap()
}

fn permit() -> Permit {
    let owner = OwnerId::new("owner").unwrap();
    let consents = [Consent::by_subject("Ada")];
    ConsentPolicy::default().permit(&owner, &consents, Purpose::SpeechSynthesis, Utc::now()).unwrap()
}

pub(super) fn request() -> SynthesisRequest {
    let voice = VoiceRef::Provider(ProviderVoiceId::new("v").unwrap());
    let utterance = Utterance::new(SpeechText::new("hello", 100).unwrap());
    SynthesisRequest::new(permit(), voice, utterance, format())
}

fn clips(n: usize) -> Vec<EncodedAudio> {
    (0..n).map(|_| EncodedAudio::new(format(), secs(1), vec![0; 48_000])).collect()
}

/// A voice of `n` clips of one second.
pub(super) fn reference(n: usize) -> VoiceRef {
    VoiceRef::Reference(ReferenceVoice::new(clips(n), Fingerprint::new("clips").unwrap()))
}

/// An enrolment of `n` clips of one second.
pub(super) fn enrollment(n: usize) -> EnrollRequest {
    EnrollRequest::new(permit(), "name", clips(n), IdempotencyKey::new("key").unwrap())
}

/// Reads to the end: how many bytes of audio, or the error.
pub(super) async fn heard(speech: Result<SynthesisStream>) -> Result<usize> {
    Ok(speech?.collect_audio(usize::MAX).await?.audio.len())
}

pub(super) fn shared(takes: impl Into<VecDeque<Take>>) -> Arc<Script> {
    Arc::new(Script::new(takes))
}
