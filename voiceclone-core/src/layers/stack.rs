//! The layers around one provider, in the one order that works.
use std::{num::NonZeroUsize, sync::Arc};

use super::{CheckLayer, Layer, LimitLayer, RateLayer, RetryLayer, TimeoutLayer};
use crate::{cloner::VoiceCloner, synth::Synthesizer};

/// How one provider is treated: the layers around it, with what they share. Clones share it too, so a policy that is put
/// around a provider's synthesizer and around its cloner holds both to one rate, one pool of permits and one retry budget.
/// Use one policy for each account at each provider.
///
/// `check( retry( limit( rate( timeout( provider )))))`, outermost first:
///
/// - **check** first: a request that cannot be met waits for nothing and takes no token and no permit.
/// - **retry** next: each attempt stands in line anew, and holds no permit while it backs off.
/// - **limit** outside **rate**: tokens are taken by those who can begin at once. The other way round they would be saved
///   up in the queue for permits and spent in a burst.
/// - **timeout** innermost: patience is with the provider. The time in our own queues does not count, else a busy hour
///   would look like an outage, and retries would lengthen the queue that caused them.
///
/// ```
/// use std::{num::NonZeroU32, sync::Arc, time::Duration};
/// use voiceclone_core::{layers::{ProviderPolicy, RateLayer}, synth::Synthesizer};
///
/// fn polite(provider: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
///     let ten = NonZeroU32::new(10).unwrap();
///     let rate = RateLayer::new(ten, Duration::from_secs(1), NonZeroU32::MIN, Duration::from_secs(10));
///     ProviderPolicy::default().with(|p| p.rate = Some(rate)).assemble(provider)
/// }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProviderPolicy {
    /// Three attempts and a budget of a fifth, unless told otherwise.
    pub retry: RetryLayer,
    /// 8 calls at once and 64 in the queue, unless told otherwise.
    pub limit: LimitLayer,
    /// No limit but what the provider teaches by its refusals through `retry`, unless told otherwise.
    pub rate: Option<RateLayer>,
    /// 30 s to the first audio and 15 s to the next event, unless told otherwise.
    pub timeout: TimeoutLayer,
}

/// What [`ProviderPolicy::default`] lets run and wait.
const CONCURRENT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
const MAX_WAITING: usize = 64;

impl Default for ProviderPolicy {
    fn default() -> Self {
        Self {
            retry: RetryLayer::default(),
            limit: LimitLayer::new(CONCURRENT, MAX_WAITING),
            rate: None,
            timeout: TimeoutLayer::default(),
        }
    }
}

impl ProviderPolicy {
    /// Sets fields.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }

    /// Puts the layers around a provider's speech.
    pub fn assemble(&self, provider: Arc<dyn Synthesizer>) -> Arc<dyn Synthesizer> {
        self.inside_out().fold(provider, |inner, layer| layer.synthesizer(inner))
    }

    /// Puts the layers around a provider's enrolment.
    pub fn assemble_cloner(&self, provider: Arc<dyn VoiceCloner>) -> Arc<dyn VoiceCloner> {
        self.inside_out().fold(provider, |inner, layer| layer.cloner(inner))
    }

    fn inside_out(&self) -> impl Iterator<Item = &dyn Layer> {
        let rate = self.rate.as_ref().map(|rate| rate as &dyn Layer);
        let outside: [&dyn Layer; 3] = [&self.limit, &self.retry, &CheckLayer];
        std::iter::once(&self.timeout as &dyn Layer).chain(rate).chain(outside)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RetryPolicy;
    use super::super::script::{
        Beat::{Audio, Done, Wait},
        enrollment, fails, heard, limited, request, secs, shared, speaks, streams, unavailable,
    };
    use super::*;
    use crate::error::{ErrorKind, Retry};
    use futures_util::future::join_all;
    use std::{num::NonZeroU32, time::Duration};

    fn single() -> LimitLayer {
        LimitLayer::new(NonZeroUsize::MIN, 100)
    }

    fn one_per_second() -> RateLayer {
        RateLayer::new(NonZeroU32::MIN, secs(1), NonZeroU32::MIN, secs(1000))
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_our_own_queues_is_not_held_against_the_provider() {
        let script = shared(vec![streams([Audio(4), Done]).after(secs(29)); 10]);
        let provider = ProviderPolicy::default().with(|p| p.limit = single()).assemble(script.speaker());
        let request = request();
        let all = join_all((0..10).map(|_| async { heard(provider.synthesize(&request).await).await.is_ok() })).await;
        assert!(all.iter().all(|heard| *heard));
        let expected: Vec<_> = (0..10).map(|i| secs(29 * i)).collect();
        assert_eq!(script.times(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_met_takes_neither_token_nor_permit() {
        let script = shared([]);
        let policy = ProviderPolicy::default().with(|p| (p.limit, p.rate) = (single(), Some(one_per_second())));
        let provider = policy.assemble(script.speaker());
        let mut impossible = request();
        impossible.utterance.speed = Some(9.0);
        let _holds_the_permit = provider.synthesize(&request()).await.unwrap();
        assert_eq!(provider.synthesize(&impossible).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(script.times().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn while_one_backs_off_another_may_speak() {
        let script = shared([fails(limited(secs(5)))]);
        let provider = ProviderPolicy::default().with(|p| p.limit = single()).assemble(script.speaker());
        let request = request();
        let (one, two) =
            tokio::join!(provider.synthesize(&request), async { heard(provider.synthesize(&request).await).await });
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(script.times(), [0, 0, 5].map(secs));
    }

    #[tokio::test(start_paused = true)]
    async fn every_attempt_takes_a_token_and_a_refusal_holds_the_others_back() {
        let script = shared([fails(limited(secs(5)))]);
        let provider = ProviderPolicy::default().with(|p| p.rate = Some(one_per_second())).assemble(script.speaker());
        let request = request();
        join_all((0..3).map(|_| async { heard(provider.synthesize(&request).await).await.unwrap() })).await;
        assert_eq!(script.times(), [0, 5, 6, 7].map(secs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_before_the_first_event_is_tried_again() {
        let script = shared([speaks().after(secs(1000))]);
        let retry = RetryLayer::new(RetryPolicy::default().with(|p| p.first_backoff = Duration::ZERO));
        let provider = ProviderPolicy::default().with(|p| p.retry = retry).assemble(script.speaker());
        heard(provider.synthesize(&request()).await).await.unwrap();
        assert_eq!(script.times(), [0, 30].map(secs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_and_a_rate_beyond_patience_are_refused_at_once_through_the_whole_stack() {
        let rate = RateLayer::new(NonZeroU32::MIN, secs(60), NonZeroU32::MIN, secs(10));
        let script = shared([]);
        let provider = ProviderPolicy::default().with(|p| p.rate = Some(rate)).assemble(script.speaker());
        heard(provider.synthesize(&request()).await).await.unwrap();
        let error = provider.synthesize(&request()).await.unwrap_err();
        assert_eq!(error.retry(), Retry::After(Some(secs(60))));
        let narrow = ProviderPolicy::default().with(|p| p.limit = LimitLayer::new(NonZeroUsize::MIN, 0));
        let provider = narrow.assemble(script.speaker());
        let _speech = provider.synthesize(&request()).await.unwrap();
        assert_eq!(provider.synthesize(&request()).await.unwrap_err().kind(), ErrorKind::RateLimited);
        assert_eq!(script.times(), [0, 0].map(secs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_stream_leaves_no_task_and_gives_its_permit_back() {
        let policy = ProviderPolicy::default().with(|p| p.limit = single());
        let provider = policy.assemble(shared([streams([Audio(4), Wait(secs(10)), Audio(4), Done])]));
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let mut speech = provider.synthesize(&request()).await.unwrap();
        speech.next_audio().await.unwrap();
        assert!(tokio::time::timeout(secs(1), speech.next_audio()).await.is_err());
        assert_eq!(policy.limit.available(), 0);
        drop(speech);
        assert_eq!((policy.limit.available(), tasks()), (1, before));
        heard(provider.synthesize(&request()).await).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn speech_and_enrolment_of_one_policy_share_its_permits_and_its_budget() {
        let budget = RetryPolicy::default().with(|p| (p.budget_reserve, p.budget_percent) = (1, 0));
        let policy = ProviderPolicy::default().with(|p| {
            p.limit = LimitLayer::new(NonZeroUsize::MIN, 0);
            p.retry = RetryLayer::new(budget);
        });
        let script = shared(vec![fails(unavailable()); 3]);
        let (provider, cloner) = (policy.assemble(script.speaker()), policy.clone().assemble_cloner(script.enroller()));
        let id = crate::id::ProviderVoiceId::new("v").unwrap();
        assert_eq!(cloner.describe(&id).await.unwrap_err().retry(), Retry::Exhausted);
        assert_eq!(provider.synthesize(&request()).await.unwrap_err().retry(), Retry::Exhausted);
        assert_eq!(script.times().len(), 3, "one retry for both");
        let _speech = provider.synthesize(&request()).await.unwrap();
        assert_eq!(cloner.enroll(&enrollment(2)).await.unwrap_err().kind(), ErrorKind::RateLimited);
    }
}
