//! Tells an observer what happens to speech and enrolment, and that it is over, exactly once.
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use futures_core::Stream;
use futures_util::StreamExt as _;

use super::Layer;
use crate::{
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    error::{Error, Result},
    id::ProviderVoiceId,
    observe::{Observer, OpInfo, OpObserver, OpOutcome},
    stream::{SynthesisEvent, SynthesisStream},
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

/// Shows an [`Observer`] every `synthesize` and every `enroll`. Put it outermost, so that what is observed is what the
/// caller gets, waits and retries included.
///
/// A synthesis ends with its stream, a session with the stream it finishes in or with the first error. Whatever is dropped
/// before its end, call, session or stream, ends as [`OpOutcome::Dropped`].
#[derive(Debug, Clone)]
pub struct ObserveLayer(Arc<dyn Observer>);

impl ObserveLayer {
    /// Shown to `observer`.
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self(observer)
    }
}

impl Layer for ObserveLayer {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        let info = inner.info();
        let op = OpInfo::new("synthesize", &info.name, info.model.clone());
        Arc::new(Observed { inner, op, observer: Arc::clone(&self.0) })
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        let op = OpInfo::new("enroll", &inner.info().name, None);
        Arc::new(Observed { inner, op, observer: Arc::clone(&self.0) })
    }
}

#[derive(Debug)]
struct Observed<T: ?Sized> {
    op: OpInfo,
    observer: Arc<dyn Observer>,
    inner: Arc<T>,
}

impl<T: ?Sized> Observed<T> {
    fn start(&self) -> Watch {
        Watch::start(self.observer.as_ref(), &self.op)
    }
}

/// One operation under observation. Ends when told, else when dropped.
pub(crate) struct Watch {
    op: Option<Box<dyn OpObserver>>,
    heard: bool,
}

impl Watch {
    pub(crate) fn start(observer: &dyn Observer, op: &OpInfo) -> Self {
        Self { op: Some(observer.start(op)), heard: false }
    }

    fn audio(&mut self, bytes: usize) {
        let Some(op) = &mut self.op else { return };
        if bytes > 0 && !self.heard {
            self.heard = true;
            op.first_audio();
        }
        op.bytes(bytes);
    }

    pub(crate) fn end(&mut self, outcome: OpOutcome<'_>) {
        if let Some(op) = self.op.take() {
            op.end(outcome);
        }
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        self.end(OpOutcome::Err(error));
    }

    pub(crate) fn over(mut self, speech: Result<SynthesisStream>) -> Result<SynthesisStream> {
        let speech = speech.inspect_err(|error| self.fail(error))?;
        Ok(speech.wrapped(|inner| Watched { inner, watch: self }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(OpOutcome::Dropped);
    }
}

struct Watched {
    inner: SynthesisStream,
    watch: Watch,
}

impl Stream for Watched {
    type Item = Result<SynthesisEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.inner.poll_next_unpin(cx));
        match &event {
            Some(Ok(SynthesisEvent::Audio(audio))) => self.watch.audio(audio.len()),
            Some(Ok(SynthesisEvent::Done(_))) => self.watch.end(OpOutcome::Ok),
            Some(Err(error)) => self.watch.fail(error),
            _ => {}
        }
        Poll::Ready(event)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Observed<dyn Synthesizer> {
    fn info(&self) -> &SynthesizerInfo {
        self.inner.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let watch = self.start();
        watch.over(self.inner.synthesize(request).await)
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        let mut watch = self.start();
        let inner = self.inner.open_session(request).await.inspect_err(|error| watch.fail(error))?;
        Ok(Box::new(ObservedSession { inner, watch }))
    }
}

struct ObservedSession {
    inner: Box<dyn SpeechSession>,
    watch: Watch,
}

impl fmt::Debug for ObservedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SpeechSession for ObservedSession {
    async fn push(&mut self, text: &str) -> Result<()> {
        self.inner.push(text).await.inspect_err(|error| self.watch.fail(error))
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        let Self { inner, watch } = *self;
        watch.over(inner.finish().await)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for Observed<dyn VoiceCloner> {
    fn info(&self) -> &ClonerInfo {
        self.inner.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        let mut watch = self.start();
        let outcome = self.inner.enroll(request).await;
        match &outcome {
            Ok(_) => watch.end(OpOutcome::Ok),
            Err(error) => watch.fail(error),
        }
        outcome
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.inner.describe(id).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        self.inner.remove(id).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        self.inner.list()
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{
        Beat::{Audio, Done, Fail, Words},
        Script, enrollment, fails, heard, request, secs, shared, speaks, streams, unavailable,
    };
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::Mutex;

    #[derive(Debug, Default, Clone)]
    struct Diary(Arc<Mutex<Vec<String>>>);

    impl Diary {
        fn note(&self, line: impl Into<String>) {
            self.0.lock().unwrap().push(line.into());
        }

        fn lines(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Observer for Diary {
        fn start(&self, op: &OpInfo) -> Box<dyn OpObserver> {
            self.note(format!("{} {} {}", op.op, op.provider, op.model.as_deref().unwrap_or("-")));
            Box::new(self.clone())
        }
    }

    impl OpObserver for Diary {
        fn first_audio(&mut self) {
            self.note("first audio");
        }

        fn bytes(&mut self, n: usize) {
            self.note(format!("{n} bytes"));
        }

        fn end(self: Box<Self>, outcome: OpOutcome<'_>) {
            self.note(match outcome {
                OpOutcome::Ok => "ok".to_owned(),
                OpOutcome::Err(error) => error.kind().to_string(),
                OpOutcome::Dropped => "dropped".to_owned(),
            });
        }
    }

    fn observed(script: Arc<Script>) -> (Diary, Arc<dyn Synthesizer>) {
        let diary = Diary::default();
        let provider = ObserveLayer::new(Arc::new(diary.clone())).synthesizer(script);
        (diary, provider)
    }

    #[tokio::test]
    async fn every_way_to_end_is_told_once() {
        let whole = streams([Words, Audio(0), Audio(2), Audio(6), Done]);
        let broken = streams([Audio(2), Fail(unavailable())]);
        let silent = streams([Done]);
        let (diary, provider) = observed(shared([whole, broken, silent, fails(unavailable())]));
        let head = "synthesize script m1";
        let expected: [&[&str]; 4] = [
            &[head, "0 bytes", "first audio", "2 bytes", "6 bytes", "ok"],
            &[head, "first audio", "2 bytes", "unavailable"],
            &[head, "protocol"],
            &[head, "unavailable"],
        ];
        for lines in expected {
            let _ = heard(provider.synthesize(&request()).await).await;
            assert_eq!(diary.lines(), lines);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_ends_as_dropped_whether_call_session_or_stream() {
        let (diary, provider) = observed(shared([speaks().after(secs(9))]));
        assert!(provider.synthesize(&request()).now_or_never().is_none());
        assert_eq!(diary.lines(), ["synthesize script m1", "dropped"]);
        drop(provider.open_session(&request()).await.unwrap());
        assert_eq!(diary.lines(), ["synthesize script m1", "dropped"]);
        let mut speech = provider.synthesize(&request()).await.unwrap();
        speech.next_audio().await.unwrap();
        drop(speech);
        assert_eq!(diary.lines(), ["synthesize script m1", "first audio", "4 bytes", "dropped"]);
    }

    #[tokio::test]
    async fn a_session_ends_with_its_audio() {
        let (diary, provider) = observed(shared([]));
        let mut session = provider.open_session(&request()).await.unwrap();
        session.push("more").await.unwrap();
        heard(session.finish().await).await.unwrap();
        assert_eq!(diary.lines(), ["synthesize script m1", "first audio", "4 bytes", "ok"]);
    }

    #[tokio::test]
    async fn an_enrolment_is_observed_and_small_calls_are_not() {
        let diary = Diary::default();
        let cloner = ObserveLayer::new(Arc::new(diary.clone())).cloner(shared([speaks(), fails(unavailable())]));
        cloner.enroll(&enrollment(2)).await.unwrap();
        cloner.enroll(&enrollment(2)).await.unwrap_err();
        let id = ProviderVoiceId::new("v").unwrap();
        cloner.describe(&id).await.unwrap();
        cloner.remove(&id).await.unwrap();
        assert_eq!(diary.lines(), ["enroll script -", "ok", "enroll script -", "unavailable"]);
    }
}
