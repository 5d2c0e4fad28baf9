//! How many calls run at the same time.
use std::{fmt, num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Layer;
use crate::{
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    error::{Error, ErrorKind, Result, Retry},
    id::ProviderVoiceId,
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

/// Lets so many calls run at once, and so many wait for their turn in the order they came. One more is refused at once
/// with `RateLimited`, as [`Retry::Exhausted`]: a queue that is full is not helped by a caller who comes back in a moment.
///
/// The permit of a synthesis lives in its stream and that of a session in the session, so it is free again when the audio
/// has ended or was dropped, not when it has begun. Enrolments take a permit of the same pool. Describing, removing and
/// listing do not: they are small, and an application that removes voices while it lists them must not wait for itself.
#[derive(Debug, Clone)]
pub struct LimitLayer(Arc<Slots>);

impl LimitLayer {
    /// `concurrent` calls at once and `max_waiting` in the queue.
    pub fn new(concurrent: NonZeroUsize, max_waiting: usize) -> Self {
        let slots = |n: usize| Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Slots { running: slots(concurrent.get()), waiting: slots(max_waiting), concurrent, max_waiting }))
    }

    /// How many more calls could run now.
    pub fn available(&self) -> usize {
        self.0.running.available_permits()
    }
}

impl Layer for LimitLayer {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        Arc::new(Limited { inner, slots: Arc::clone(&self.0) })
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        Arc::new(Limited { inner, slots: Arc::clone(&self.0) })
    }
}

#[derive(Debug)]
struct Slots {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    concurrent: NonZeroUsize,
    max_waiting: usize,
}

impl Slots {
    async fn enter(&self) -> Result<OwnedSemaphorePermit> {
        // A free permit means that nobody waits: released permits go to the queue first.
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self.waiting.try_acquire().map_err(|_| self.full())?;
        let permit = Arc::clone(&self.running).acquire_owned().await;
        permit.map_err(|closed| Error::unexpected("the concurrency limit was closed").with_source(closed))
    }

    fn full(&self) -> Error {
        Error::new(ErrorKind::RateLimited, "too many requests are waiting for this provider")
            .with_retry(Retry::Exhausted)
            .with("running", self.concurrent)
            .with("waiting", self.max_waiting)
    }
}

#[derive(Debug)]
struct Limited<T: ?Sized> {
    inner: Arc<T>,
    slots: Arc<Slots>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Limited<dyn Synthesizer> {
    fn info(&self) -> &SynthesizerInfo {
        self.inner.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let permit = self.slots.enter().await?;
        Ok(self.inner.synthesize(request).await?.guarded_by(permit))
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        let permit = self.slots.enter().await?;
        let inner = self.inner.open_session(request).await?;
        Ok(Box::new(LimitedSession { inner, permit }))
    }
}

struct LimitedSession {
    inner: Box<dyn SpeechSession>,
    permit: OwnedSemaphorePermit,
}

impl fmt::Debug for LimitedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SpeechSession for LimitedSession {
    async fn push(&mut self, text: &str) -> Result<()> {
        self.inner.push(text).await
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        Ok(self.inner.finish().await?.guarded_by(self.permit))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for Limited<dyn VoiceCloner> {
    fn info(&self) -> &ClonerInfo {
        self.inner.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        let _permit = self.slots.enter().await?;
        self.inner.enroll(request).await
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
        Beat::{Audio, Done, Fail},
        Script, enrollment, fails, request, secs, shared, speaks, streams, unavailable,
    };
    use super::*;
    use futures_util::{FutureExt as _, StreamExt as _, future::join_all};

    fn limit(concurrent: usize, max_waiting: usize) -> LimitLayer {
        LimitLayer::new(NonZeroUsize::new(concurrent).unwrap(), max_waiting)
    }

    #[tokio::test]
    async fn a_permit_is_held_by_the_stream_until_its_end_its_error_or_its_drop() {
        let broken = streams([Audio(4), Fail(unavailable())]);
        let layer = limit(1, 0);
        let provider = layer.synthesizer(shared([speaks(), broken, speaks()]));
        for ending in ["done", "error", "drop"] {
            let mut speech = provider.synthesize(&request()).await.unwrap();
            speech.next_audio().await.unwrap();
            assert_eq!(layer.available(), 0, "{ending}");
            match ending {
                "drop" => drop(speech),
                _ => assert_eq!(speech.next_audio().await.is_ok(), ending == "done"),
            }
            assert_eq!(layer.available(), 1, "{ending}");
        }
    }

    #[tokio::test]
    async fn a_call_that_fails_or_is_dropped_gives_its_permit_and_its_place_back() {
        let layer = limit(1, 1);
        let provider = layer.synthesizer(shared([fails(unavailable())]));
        provider.synthesize(&request()).await.unwrap_err();
        let speech = provider.synthesize(&request()).await.unwrap();
        for _ in 0..3 {
            assert!(provider.synthesize(&request()).now_or_never().is_none(), "it waits, and is dropped");
        }
        drop(speech);
        provider.synthesize(&request()).now_or_never().unwrap().unwrap();
    }

    #[tokio::test]
    async fn beyond_the_queue_a_call_is_refused_at_once_and_not_to_be_repeated() {
        let provider = limit(1, 2).synthesizer(shared([]));
        let _speech = provider.synthesize(&request()).await.unwrap();
        let request = request();
        let mut waiting: Vec<_> = (0..2).map(|_| provider.synthesize(&request)).collect();
        assert!(waiting.iter_mut().all(|call| call.now_or_never().is_none()));
        let error = provider.synthesize(&request).now_or_never().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::RateLimited, Retry::Exhausted));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_served_in_the_order_they_came_and_no_more_at_once_than_allowed() {
        let script = Arc::new(Script::new(vec![speaks().after(secs(10)); 6]));
        let provider = limit(2, 4).synthesizer(script.speaker());
        let request = request();
        let calls = (0..6).map(|i| {
            let provider = &provider;
            let request = &request;
            async move {
                let _speech = provider.synthesize(request).await.unwrap();
                (i, tokio::time::Instant::now())
            }
        });
        let finished = join_all(calls).await;
        assert!(finished.is_sorted_by_key(|(_, at)| *at), "{finished:?}");
        assert_eq!(script.times(), [0, 0, 10, 10, 20, 20].map(secs));
    }

    #[tokio::test]
    async fn a_session_keeps_its_permit_from_its_opening_to_the_end_of_its_audio() {
        let layer = limit(1, 0);
        let provider = layer.synthesizer(shared([]));
        drop(provider.open_session(&request()).await.unwrap());
        assert_eq!(layer.available(), 1);
        let speech = provider.open_session(&request()).await.unwrap().finish().await.unwrap();
        assert_eq!(layer.available(), 0);
        speech.collect_audio(100).await.unwrap();
        assert_eq!(layer.available(), 1);
    }

    #[tokio::test]
    async fn enrolments_share_the_pool_and_small_calls_pass_by_it() {
        let script = shared([speaks(), streams([Audio(1), Done])]);
        let layer = limit(1, 0);
        let cloner = layer.cloner(script.enroller());
        let _speech = layer.synthesizer(script).synthesize(&request()).await.unwrap();
        let id = ProviderVoiceId::new("v").unwrap();
        let mut list = cloner.list();
        list.next().await.unwrap().unwrap();
        cloner.remove(&id).await.unwrap();
        cloner.describe(&id).await.unwrap();
        assert_eq!(cloner.enroll(&enrollment(2)).await.unwrap_err().kind(), ErrorKind::RateLimited);
    }

    #[test]
    fn a_limit_beyond_what_can_be_counted_is_the_most_that_can() {
        assert_eq!(limit(usize::MAX, usize::MAX).available(), Semaphore::MAX_PERMITS);
    }
}
