//! Another attempt, while nobody has heard anything yet and nothing is made twice.
use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _, stream};
use tokio::time::sleep;

use super::{Layer, budget::Budget, first_event::begun};
use crate::{
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, ProviderVoice, VoiceCloner},
    error::{Error, Result, Retry},
    id::ProviderVoiceId,
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

/// How often and how soon to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Calls in all, the first one included; 3 unless told otherwise.
    pub max_attempts: u32,
    /// The longest wait before the second attempt, doubled before each further one; 250 ms unless told otherwise.
    pub first_backoff: Duration,
    /// Where the doubling ends; 5 s unless told otherwise.
    pub max_backoff: Duration,
    /// A provider that asks for more patience than this is not asked again; 10 s unless told otherwise.
    pub max_wait: Duration,
    /// Retries in percent of calls, over all calls; 20 unless told otherwise.
    pub budget_percent: u32,
    /// Retries beyond that share; 10 unless told otherwise. One of them comes back every ten seconds.
    pub budget_reserve: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            first_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(5),
            max_wait: Duration::from_secs(10),
            budget_percent: 20,
            budget_reserve: 10,
        }
    }
}

impl RetryPolicy {
    /// Sets fields.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }
}

/// Tries again what the error allows to be tried again ([`Error::is_retryable`]).
///
/// - Speech is tried again only until its first event; so `synthesize` returns when that is there.
/// - The wait is drawn evenly from zero to the back-off ("full jitter", Brooker, AWS Architecture Blog 2015), so that
///   callers who failed together do not return together; never less than the provider's hint.
/// - A hint beyond [`RetryPolicy::max_wait`] ends it at once; the error is passed on with its hint. Out of attempts or
///   budget, the error is passed on as [`Retry::Exhausted`], so that nobody above multiplies the attempts.
/// - An enrolment is tried again only at a provider that makes one voice of one idempotency key. Elsewhere its outcome is
///   unknown, and another attempt might pay for a second voice.
/// - A list is tried again until its first voice.
#[derive(Debug, Clone)]
pub struct RetryLayer(Arc<Rules>);

impl RetryLayer {
    /// A layer with a budget of its own.
    pub fn new(policy: RetryPolicy) -> Self {
        let budget = Budget::new(policy.budget_percent, policy.budget_reserve);
        Self(Arc::new(Rules { policy, budget, random: rand::random::<f64> }))
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new(RetryPolicy::default())
    }
}

impl Layer for RetryLayer {
    fn synthesizer(&self, inner: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        Arc::new(Retried { inner, rules: Arc::clone(&self.0) })
    }

    fn cloner(&self, inner: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        Arc::new(Retried { inner, rules: Arc::clone(&self.0) })
    }
}

#[derive(Debug)]
struct Rules {
    policy: RetryPolicy,
    budget: Budget,
    /// A number from 0 to 1, drawn for each wait.
    random: fn() -> f64,
}

impl Rules {
    async fn run<T, F>(&self, op: &'static str, mut call: impl FnMut() -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        self.budget.deposit();
        let mut attempt = 1;
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let wait = match self.wait_after(attempt, &error) {
                Ok(wait) => wait,
                Err(verdict) => return Err(verdict.apply(error, attempt)),
            };
            tracing::debug!(op, attempt, kind = %error.kind(), "trying again");
            sleep(wait).await;
            attempt += 1;
        }
    }

    fn wait_after(&self, attempt: u32, error: &Error) -> Result<Duration, Verdict> {
        let Retry::After(hint) = error.retry() else {
            return Err(Verdict::Final);
        };
        let hint = hint.unwrap_or_default();
        if hint > self.policy.max_wait {
            return Err(Verdict::Final);
        }
        if attempt >= self.policy.max_attempts || !self.budget.withdraw() {
            return Err(Verdict::Exhausted);
        }
        Ok(hint.max(self.backoff(attempt).mul_f64((self.random)())))
    }

    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.policy.first_backoff.saturating_mul(doubled).min(self.policy.max_backoff)
    }
}

/// Why there is no other attempt.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// The error says so.
    Final,
    /// There were enough.
    Exhausted,
}

impl Verdict {
    fn apply(self, error: Error, attempts: u32) -> Error {
        match self {
            Self::Final => error,
            Self::Exhausted => error.with_retry(Retry::Exhausted).with("attempts", attempts),
        }
    }
}

#[derive(Debug)]
struct Retried<T: ?Sized> {
    inner: Arc<T>,
    rules: Arc<Rules>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Synthesizer for Retried<dyn Synthesizer> {
    fn info(&self) -> &SynthesizerInfo {
        self.inner.info()
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let attempt = || self.inner.synthesize(request).then(|speech| async { begun(speech?).await });
        self.rules.run("synthesize", attempt).await
    }

    /// Only the opening is tried again: what was pushed into a session is gone with it.
    async fn open_session(&self, request: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        self.rules.run("open_session", || self.inner.open_session(request)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for Retried<dyn VoiceCloner> {
    fn info(&self) -> &ClonerInfo {
        self.inner.info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        if !self.info().idempotent {
            return self.inner.enroll(request).await;
        }
        self.rules.run("enroll", || self.inner.enroll(request)).await
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        self.rules.run("describe", || self.inner.describe(id)).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        self.rules.run("remove", || self.inner.remove(id)).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        let (inner, rules) = (Arc::clone(&self.inner), Arc::clone(&self.rules));
        let start = async move { rules.run("list", || first_voice(inner.list())).await };
        Box::pin(start.try_flatten_stream())
    }
}

async fn first_voice(list: BoxStream<Result<ProviderVoice>>) -> Result<BoxStream<Result<ProviderVoice>>> {
    // An empty list has ended here already, and a stream that has ended must not be asked again.
    let mut list = list.fuse();
    let first = list.try_next().await?;
    Ok(Box::pin(stream::iter(first.map(Ok)).chain(list)))
}

#[cfg(test)]
mod tests {
    use super::super::script::{
        Beat::{Audio, Done, Fail, Words},
        Script, enrollment, fails, heard, limited, millis, request, secs, shared, speaks, streams, unavailable,
    };
    use super::*;
    use crate::error::ErrorKind;

    /// Draws the longest wait every time.
    fn unlucky(policy: RetryPolicy) -> RetryLayer {
        let budget = Budget::new(policy.budget_percent, policy.budget_reserve);
        RetryLayer(Arc::new(Rules { policy, budget, random: || 1.0 }))
    }

    fn many() -> RetryPolicy {
        RetryPolicy::default().with(|p| p.max_attempts = 8)
    }

    async fn speak(layer: &RetryLayer, script: &Arc<Script>) -> Result<usize> {
        heard(layer.synthesizer(script.speaker()).synthesize(&request()).await).await
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_longest() {
        let script = shared(vec![fails(unavailable()); 7]);
        assert_eq!(speak(&unlucky(many()), &script).await.unwrap(), 4);
        let expected = [0, 250, 750, 1750, 3750, 7750, 12_750, 17_750].map(millis);
        assert_eq!(script.times(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_drawn_from_nothing_to_the_back_off() {
        let mut waits = Vec::new();
        for _ in 0..200 {
            let script = shared([fails(unavailable())]);
            speak(&RetryLayer::default(), &script).await.unwrap();
            waits.push(script.times()[1]);
        }
        // The clock of the test has a grain of 1 ms, upwards.
        assert!(waits.iter().all(|wait| *wait <= millis(251)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait < millis(60)) && waits.iter().any(|wait| *wait > millis(190)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_providers_hint_is_the_least_wait() {
        let script = shared([fails(limited(secs(3))), fails(limited(millis(100)))]);
        speak(&unlucky(many()), &script).await.unwrap();
        assert_eq!(script.times(), [secs(0), secs(3), millis(3500)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_beyond_patience_is_passed_on_at_once() {
        let script = shared([fails(limited(secs(11)))]);
        let error = speak(&unlucky(many()), &script).await.unwrap_err();
        assert_eq!(error.retry(), Retry::After(Some(secs(11))));
        assert_eq!(script.times(), [secs(0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_instead_of_the_first_event_is_tried_again_and_one_after_it_is_not() {
        let early = streams([Fail(unavailable())]);
        let script = shared([early, streams([]), speaks()]);
        assert_eq!(speak(&RetryLayer::default(), &script).await.unwrap(), 4);
        assert_eq!(script.times().len(), 3);
        for first in [Audio(4), Words] {
            let script = shared([streams([first, Fail(unavailable())])]);
            let error = speak(&RetryLayer::default(), &script).await.unwrap_err();
            assert_eq!((error.retry(), script.times().len()), (Retry::After(None), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_not_be_repeated_is_not() {
        for retry in [Retry::Never, Retry::Exhausted] {
            let script = shared([fails(unavailable().with_retry(retry))]);
            let error = speak(&RetryLayer::default(), &script).await.unwrap_err();
            assert_eq!((error.retry(), script.times().len()), (retry, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn out_of_attempts_the_error_says_so_and_a_retry_above_does_not_multiply() {
        let script = shared(vec![fails(unavailable()); 100]);
        let provider = RetryLayer::default().synthesizer(RetryLayer::default().synthesizer(script.speaker()));
        let error = provider.synthesize(&request()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Exhausted));
        assert!(error.to_string().contains("attempts: 3"), "{error}");
        assert_eq!(script.times().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn in_an_outage_extra_calls_are_the_reserve_and_a_fifth_for_all_who_share_the_layer() {
        let script = shared(vec![fails(unavailable()); 1000]);
        let layer =
            RetryLayer(Arc::new(Rules { policy: RetryPolicy::default(), budget: Budget::new(20, 10), random: || 0.0 }));
        let (one, two) = (layer.synthesizer(script.speaker()), layer.clone().synthesizer(script.speaker()));
        for _ in 0..50 {
            let _ = one.synthesize(&request()).await;
            let _ = two.synthesize(&request()).await;
        }
        // 100 calls: a fifth are 20. The first call pays into a full budget, which keeps nothing of it.
        assert_eq!(script.times().len(), 100 + 10 + 19);
    }

    #[tokio::test(start_paused = true)]
    async fn an_enrolment_is_repeated_only_where_a_key_makes_one_voice() {
        let once = shared([fails(unavailable())]);
        let error = RetryLayer::default().cloner(once.enroller()).enroll(&enrollment(2)).await.unwrap_err();
        assert_eq!((error.retry(), once.times().len()), (Retry::After(None), 1));
        let twice = Arc::new(Script::new([fails(unavailable())]).idempotent());
        RetryLayer::default().cloner(twice.enroller()).enroll(&enrollment(2)).await.unwrap();
        assert_eq!(twice.times().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn small_calls_openings_and_the_start_of_a_list_are_repeated() {
        let fail = || fails(unavailable());
        let broken_list = streams([Audio(1), Fail(unavailable())]);
        let script = shared([fail(), speaks(), fail(), speaks(), fail(), speaks(), fail(), broken_list]);
        let cloner = RetryLayer::default().cloner(script.enroller());
        let id = ProviderVoiceId::new("v").unwrap();
        cloner.describe(&id).await.unwrap();
        cloner.remove(&id).await.unwrap();
        RetryLayer::default().synthesizer(script.speaker()).open_session(&request()).await.unwrap();
        let listed: Vec<_> = cloner.list().map(|voice| voice.is_ok()).collect().await;
        assert_eq!(listed, [true, false]);
        assert_eq!(script.times().len(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_list_is_a_list() {
        let cloner = RetryLayer::default().cloner(shared([streams([Done])]));
        assert_eq!(cloner.list().count().await, 0);
    }
}
