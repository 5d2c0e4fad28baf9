//! Patience: how long a provider may take for its first audio, between two events, and for all of it.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::Layer;
use crate::{
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    error::{Error, ErrorKind, Result},
    id::ProviderVoiceId,
    stream::{SynthesisEvent, SynthesisStream},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

/// How long to wait for a provider; `None` waits for ever. What takes longer is a `Timeout`, which may be tried again.
///
/// The first audio is awaited from the call on, a gap only while somebody waits for the next event, so that a listener
/// who reads slowly is not taken for a provider who sends slowly. Timers run on their own: a dead connection that wakes
/// nobody is found out all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutLayer {
    /// From the call to the first audio; 30 s unless told otherwise. Opening a session is given as much.
    pub first_audio: Option<Duration>,
    /// From one event to the next; 15 s unless told otherwise. A push into a session is given as much.
    pub gap: Option<Duration>,
    /// From the call to the end, whoever is slow; no limit unless told otherwise. A session's begins when it finishes.
    pub total: Option<Duration>,
    /// One call to a cloner, or one voice of its list; 120 s unless told otherwise, because clips are uploaded. An
    /// enrolment that timed out may have succeeded: its outcome is unknown.
    pub cloner_call: Option<Duration>,
}

impl Default for TimeoutLayer {
    fn default() -> Self {
        Self {
            first_audio: Some(Duration::from_secs(30)),
            gap: Some(Duration::from_secs(15)),
            total: None,
            cloner_call: Some(Duration::from_mins(2)),
        }
    }
}

impl TimeoutLayer {
    /// Sets fields.
    ///
    /// ```
    /// use voiceclone_core::layers::TimeoutLayer;
    /// let patient = TimeoutLayer::default().with(|t| t.gap = None);
    /// ```
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }

    async fn speech(&self, call: impl Future<Output = Result<SynthesisStream>> + Send) -> Result<SynthesisStream> {
        let first = Limit::from_now("first audio", self.first_audio);
        let total = Limit::from_now("end", self.total);
        let speech = first.or_sooner(&total).bound("synthesize", call).await?;
        Ok(speech.wrapped(|inner| Timed { inner, gap: self.gap, first: Some(first), total, armed: None }))
    }
}

impl Layer for TimeoutLayer {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        Arc::new(Patient { inner, limits: self.clone() })
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        Arc::new(Patient { inner, limits: self.clone() })
    }
}

/// Until when, for what, and how long that was.
#[derive(Debug, Clone, Copy)]
struct Limit {
    what: &'static str,
    allowed: Duration,
    until: Option<Instant>,
}

impl Limit {
    fn from_now(what: &'static str, allowed: Option<Duration>) -> Self {
        // A limit beyond the end of the clock is none.
        let until = allowed.and_then(|d| Instant::now().checked_add(d));
        Self { what, allowed: allowed.unwrap_or_default(), until }
    }

    fn or_sooner(self, other: &Self) -> Self {
        match (self.until, other.until) {
            (Some(mine), Some(theirs)) if mine <= theirs => self,
            (_, Some(_)) => *other,
            (_, None) => self,
        }
    }

    fn exceeded(&self, op: &'static str) -> Error {
        let message = format!("the provider took longer than {:?} ({})", self.allowed, self.what);
        Error::new(ErrorKind::Timeout, message).during(op)
    }

    async fn bound<T>(&self, op: &'static str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.until {
            Some(until) => timeout_at(until, call).await.unwrap_or_else(|_| Err(self.exceeded(op))),
            None => call.await,
        }
    }
}

/// Events under a clock. A timer is armed when there is something to wait for and not before.
struct Timed {
    inner: SynthesisStream,
    gap: Option<Duration>,
    /// Gone once there was audio.
    first: Option<Limit>,
    total: Limit,
    armed: Option<(Limit, Pin<Box<Sleep>>)>,
}

impl Timed {
    fn limit(&self) -> Limit {
        self.first.unwrap_or_else(|| Limit::from_now("next event", self.gap)).or_sooner(&self.total)
    }

    fn exceeded(limit: &Limit) -> Poll<Option<Result<SynthesisEvent>>> {
        Poll::Ready(Some(Err(limit.exceeded("synthesize"))))
    }
}

impl Stream for Timed {
    type Item = Result<SynthesisEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.total.until.is_some_and(|until| until <= Instant::now()) {
            return Self::exceeded(&this.total);
        }
        if let Poll::Ready(item) = this.inner.poll_next_unpin(cx) {
            this.armed = None;
            if matches!(item, Some(Ok(SynthesisEvent::Audio(_)))) {
                this.first = None;
            }
            return Poll::Ready(item);
        }
        if this.armed.is_none() {
            let limit = this.limit();
            this.armed = limit.until.map(|until| (limit, Box::pin(sleep_until(until))));
        }
        let Some((limit, timer)) = &mut this.armed else {
            return Poll::Pending;
        };
        ready!(timer.as_mut().poll(cx));
        Self::exceeded(limit)
    }
}

#[derive(Debug)]
struct Patient<T: ?Sized> {
    inner: Arc<T>,
    limits: TimeoutLayer,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Patient<dyn Synthesizer> {
    fn info(&self) -> &SynthesizerInfo {
        self.inner.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        self.limits.speech(self.inner.synthesize(request)).await
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        let limit = Limit::from_now("opening a session", self.limits.first_audio);
        let inner = limit.bound("open_session", self.inner.open_session(request)).await?;
        Ok(Box::new(PatientSession { inner, limits: self.limits.clone() }))
    }
}

struct PatientSession {
    inner: Box<dyn SpeechSession>,
    limits: TimeoutLayer,
}

impl fmt::Debug for PatientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SpeechSession for PatientSession {
    async fn push(&mut self, text: &str) -> Result<()> {
        Limit::from_now("taking text", self.limits.gap).bound("push", self.inner.push(text)).await
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        self.limits.speech(self.inner.finish()).await
    }
}

impl Patient<dyn VoiceCloner> {
    async fn call<T>(&self, op: &'static str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        Limit::from_now(op, self.limits.cloner_call).bound(op, call).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for Patient<dyn VoiceCloner> {
    fn info(&self) -> &ClonerInfo {
        self.inner.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        self.call("enroll", self.inner.enroll(request)).await
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.call("describe", self.inner.describe(id)).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        self.call("remove", self.inner.remove(id)).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        let allowed = self.limits.cloner_call;
        Box::pin(stream::unfold(Some(self.inner.list()), move |list| async move {
            let mut list = list?;
            let next = async { list.next().await.transpose() };
            match Limit::from_now("list", allowed).bound("list", next).await.transpose()? {
                Ok(voice) => Some((Ok(voice), Some(list))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{
        Beat::{Audio, Done, Wait, Words},
        Take, enrollment, heard, request, secs, shared, speaks, streams,
    };
    use super::*;

    fn strict() -> TimeoutLayer {
        TimeoutLayer { first_audio: Some(secs(10)), gap: Some(secs(4)), total: None, cloner_call: Some(secs(20)) }
    }

    /// How long it took and how it ended.
    async fn run(layer: TimeoutLayer, take: Take) -> (Duration, Result<usize>) {
        let provider = layer.synthesizer(shared([take]));
        let begun = Instant::now();
        let outcome = heard(provider.synthesize(&request()).await).await;
        (begun.elapsed(), outcome)
    }

    async fn assert_times_out(layer: TimeoutLayer, take: Take, at: Duration, what: &str) {
        let (elapsed, outcome) = run(layer, take).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
        assert!(error.message().contains(what), "{error}");
        assert_eq!(elapsed, at);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_audio_is_awaited_from_the_call_on_whatever_comes_before_it() {
        assert_times_out(strict(), speaks().after(secs(11)), secs(10), "first audio").await;
        let late = streams([Wait(secs(5)), Words, Wait(secs(6)), Audio(4), Done]);
        assert_times_out(strict(), late.clone(), secs(10), "first audio").await;
        assert_times_out(strict(), late.after(secs(3)), secs(10), "first audio").await;
        let just = streams([Wait(secs(5)), Words, Wait(secs(4)), Audio(4), Done]);
        assert!(run(strict(), just).await.1.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn every_gap_is_measured_on_its_own() {
        let slow = [Audio(4), Wait(secs(3)), Audio(4), Wait(secs(3)), Words, Wait(secs(3)), Done];
        let (elapsed, outcome) = run(strict(), streams(slow)).await;
        assert_eq!((elapsed, outcome.unwrap()), (secs(9), 8));
        let stuck = [Audio(4), Wait(secs(3)), Audio(4), Wait(secs(5)), Done];
        assert_times_out(strict(), streams(stuck), secs(7), "next event").await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_total_ends_a_stream_that_never_pauses_and_one_that_does() {
        let limits = || strict().with(|t| t.total = Some(secs(5)));
        let slow = [Audio(4), Wait(secs(3)), Audio(4), Wait(secs(3)), Done];
        assert_times_out(limits(), streams(slow), secs(5), "end").await;
        assert_times_out(limits(), speaks().after(secs(9)), secs(5), "end").await;
        let mut speech = limits().synthesizer(shared([])).synthesize(&request()).await.unwrap();
        tokio::time::advance(secs(6)).await;
        assert_eq!(speech.next_audio().await.unwrap_err().kind(), ErrorKind::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_listener_is_not_a_slow_provider() {
        let take = streams([Audio(4), Audio(4), Wait(secs(3)), Audio(4), Done]);
        let mut speech = strict().synthesizer(shared([take])).synthesize(&request()).await.unwrap();
        for _ in 0..3 {
            assert!(speech.next_audio().await.unwrap().is_some());
            tokio::time::advance(secs(100)).await;
        }
        assert_eq!(speech.next_audio().await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_and_beyond_the_clock_it_waits_for_ever() {
        let none = TimeoutLayer { first_audio: None, gap: None, total: None, cloner_call: None };
        let endless = TimeoutLayer { total: Some(Duration::MAX), ..none.clone() };
        for limits in [none, endless] {
            let take = streams([Audio(4), Wait(secs(1_000_000)), Done]).after(secs(1_000_000));
            assert_eq!(run(limits, take).await.1.unwrap(), 4);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_awaited_at_its_opening_at_each_push_and_to_its_end() {
        let opens_late = strict().synthesizer(shared([speaks().after(secs(11))]));
        assert_eq!(opens_late.open_session(&request()).await.unwrap_err().kind(), ErrorKind::Timeout);
        let take = streams([Wait(secs(3)), Wait(secs(5)), Audio(4), Wait(secs(5)), Done]);
        let provider = strict().synthesizer(shared([take]));
        let mut session = provider.open_session(&request()).await.unwrap();
        session.push("wait").await.unwrap();
        assert_eq!(session.push("wait").await.unwrap_err().kind(), ErrorKind::Timeout);
        tokio::time::advance(secs(100)).await;
        let error = heard(session.finish().await).await.unwrap_err();
        assert!(error.message().contains("next event"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_to_a_cloner_and_each_voice_of_its_list_are_bounded() {
        let slow = || speaks().after(secs(21));
        let list = streams([Audio(1), Wait(secs(19)), Audio(1), Wait(secs(21)), Audio(1)]);
        let cloner = strict().cloner(shared([slow(), slow(), slow(), list]));
        let id = ProviderVoiceId::new("v").unwrap();
        let kind = |error: Error| error.kind();
        assert_eq!(cloner.enroll(&enrollment(2)).await.map_err(kind), Err(ErrorKind::Timeout));
        assert_eq!(cloner.describe(&id).await.map_err(kind), Err(ErrorKind::Timeout));
        assert_eq!(cloner.remove(&id).await.map_err(kind), Err(ErrorKind::Timeout));
        let listed: Vec<_> = cloner.list().map(|voice| voice.is_ok()).collect().await;
        assert_eq!(listed, [true, true, false]);
    }
}
