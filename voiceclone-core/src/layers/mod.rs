//! What goes around a provider, the same for every provider: checks, patience, retries, limits, observation, a cache and a
//! way to another provider.
//!
//! One small file per layer. A layer knows the seams and nothing of any provider. What it remembers (a retry budget, a
//! token bucket, permits) lives in the layer value and is shared by its clones and by everything it was put around; the
//! wrappers are projections of it. [`ProviderPolicy`] puts the layers around one provider in the one order that works;
//! [`ObserveLayer`], [`SpeechCache`] and [`first_that_starts`] are for the engine, above the providers.
mod bucket;
mod budget;
mod cache;
mod check;
mod fallback;
mod first_event;
mod flight;
mod layer;
mod limit;
mod observe;
mod rate;
mod retry;
#[cfg(test)]
mod script;
mod stack;
mod timeout;
mod tracing_observer;

pub use cache::{CacheKey, SpeechCache};
pub use check::{CheckLayer, check_request};
pub(crate) use check::check_utterance;
pub use fallback::{Candidate, PassedOver, Started, first_that_starts};
pub(crate) use first_event::begun;
pub(crate) use flight::Flights;
pub use layer::Layer;
pub use limit::LimitLayer;
pub use observe::ObserveLayer;
pub(crate) use observe::Watch;
pub use rate::RateLayer;
pub use retry::{RetryLayer, RetryPolicy};
pub use stack::ProviderPolicy;
pub use timeout::TimeoutLayer;
pub use tracing_observer::TracingObserver;
