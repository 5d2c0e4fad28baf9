//! How many calls begin in a time.
use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Layer, bucket::Bucket};
use crate::{
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    error::{Error, ErrorKind, Result, Retry},
    id::ProviderVoiceId,
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

/// Lets one call begin per interval, in the order they came, and a burst of them after a pause. Every call takes a token
/// of the same bucket: speech, an opened session, an enrolment, a small call, the start of a list.
///
/// It learns: a `RateLimited` error with a hint shuts the bucket for that long, for everybody who shares it, so that one
/// refusal is not followed by a queue of them. Whoever would have to wait longer than the longest wait is refused at once
/// with `RateLimited` and the wait as the hint; a [`RetryLayer`](super::RetryLayer) above whose
/// [`max_wait`](super::RetryPolicy::max_wait) is no longer than this one then gives up as well.
#[derive(Debug, Clone)]
pub struct RateLayer(Arc<Bucket>);

impl RateLayer {
    /// `calls` per `period`, of which `burst` may begin at once; nobody waits longer than `max_wait`.
    pub fn new(calls: NonZeroU32, period: Duration, burst: NonZeroU32, max_wait: Duration) -> Self {
        Self(Arc::new(Bucket::new(period / calls.get(), burst.get(), max_wait)))
    }
}

impl Layer for RateLayer {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        Arc::new(Rated { inner, gate: Gate(Arc::clone(&self.0)) })
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        Arc::new(Rated { inner, gate: Gate(Arc::clone(&self.0)) })
    }
}

#[derive(Debug, Clone)]
struct Gate(Arc<Bucket>);

impl Gate {
    async fn pass<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.0.take().await?;
        self.learn(call.await)
    }

    fn learn<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.inspect_err(|error| self.note(error))
    }

    fn note(&self, error: &Error) {
        if let (ErrorKind::RateLimited, Retry::After(Some(hint))) = (error.kind(), error.retry()) {
            self.0.close_for(hint);
        }
    }

    /// Goes on learning while the stream runs.
    fn watch(&self, speech: SynthesisStream) -> SynthesisStream {
        let gate = self.clone();
        speech.wrapped(|events| events.map(move |event| gate.learn(event)))
    }
}

#[derive(Debug)]
struct Rated<T: ?Sized> {
    inner: Arc<T>,
    gate: Gate,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Rated<dyn Synthesizer> {
    fn info(&self) -> &SynthesizerInfo {
        self.inner.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let speech = self.gate.pass(self.inner.synthesize(request)).await?;
        Ok(self.gate.watch(speech))
    }

    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        let inner = self.gate.pass(self.inner.open_session(request)).await?;
        Ok(Box::new(RatedSession { inner, gate: self.gate.clone() }))
    }
}

struct RatedSession {
    inner: Box<dyn SpeechSession>,
    gate: Gate,
}

impl fmt::Debug for RatedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SpeechSession for RatedSession {
    async fn push(&mut self, text: &str) -> Result<()> {
        self.gate.learn(self.inner.push(text).await)
    }

    async fn finish(self: Box<Self>) -> Result<SynthesisStream> {
        let speech = self.gate.learn(self.inner.finish().await)?;
        Ok(self.gate.watch(speech))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for Rated<dyn VoiceCloner> {
    fn info(&self) -> &ClonerInfo {
        self.inner.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        self.gate.pass(self.inner.enroll(request)).await
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.gate.pass(self.inner.describe(id)).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        self.gate.pass(self.inner.remove(id)).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        let (inner, gate) = (Arc::clone(&self.inner), self.gate.clone());
        let start = async move {
            match gate.0.take().await {
                Ok(()) => inner.list().map(move |voice| gate.learn(voice)).boxed(),
                Err(refused) => futures_util::stream::iter([Err(refused)]).boxed(),
            }
        };
        start.flatten_stream().boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{
        Beat::{Audio, Fail},
        enrollment, fails, heard, limited, request, secs, shared, streams,
    };
    use super::*;

    fn one_per_second() -> RateLayer {
        RateLayer::new(NonZeroU32::MIN, secs(1), NonZeroU32::MIN, secs(30))
    }

    #[tokio::test(start_paused = true)]
    async fn every_kind_of_call_takes_a_token_of_the_one_bucket() {
        let script = shared([]);
        let layer = one_per_second();
        let (provider, cloner) = (layer.synthesizer(script.speaker()), layer.clone().cloner(script.enroller()));
        let id = ProviderVoiceId::new("v").unwrap();
        heard(provider.synthesize(&request()).await).await.unwrap();
        provider.open_session(&request()).await.unwrap().finish().await.unwrap();
        cloner.enroll(&enrollment(2)).await.unwrap();
        cloner.describe(&id).await.unwrap();
        cloner.remove(&id).await.unwrap();
        assert_eq!(cloner.list().count().await, 1);
        assert_eq!(script.times(), [0, 1, 2, 3, 4, 5].map(secs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_with_a_hint_shuts_the_bucket_wherever_it_comes_from() {
        let at_head = fails(limited(secs(10)));
        let in_stream = streams([Audio(4), Fail(limited(secs(20)))]);
        let script = shared([at_head, in_stream]);
        let provider = one_per_second().synthesizer(script.speaker());
        heard(provider.synthesize(&request()).await).await.unwrap_err();
        heard(provider.synthesize(&request()).await).await.unwrap_err();
        heard(provider.synthesize(&request()).await).await.unwrap();
        heard(provider.synthesize(&request()).await).await.unwrap();
        assert_eq!(script.times(), [0, 10, 30, 31].map(secs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_longest_is_refused_with_the_hint_and_no_call() {
        let script = shared([fails(limited(secs(31)))]);
        let provider = one_per_second().synthesizer(script.speaker());
        provider.synthesize(&request()).await.unwrap_err();
        let error = provider.synthesize(&request()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::RateLimited, Retry::After(Some(secs(31)))));
        let listed: Vec<_> =
            one_per_second().cloner(script.enroller()).list().map(|voice| voice.is_ok()).collect().await;
        assert_eq!((listed.as_slice(), script.times().len()), (&[true][..], 2));
    }
}
