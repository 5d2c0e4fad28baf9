//! Another provider speaks in the same voice when the first cannot. Sits above the providers' own layers, because only the
//! engine knows a voice's bindings.
use std::{fmt, future::Future, pin::Pin};

use crate::{
    error::{Error, ErrorKind, Result, Retry},
    id::ProviderId,
};

type Start<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A provider that could speak: a binding of the *same* voice, and the call that has not been made yet.
pub struct Candidate<'a, T> {
    provider: ProviderId,
    start: Start<'a, T>,
}

impl<'a, T> Candidate<'a, T> {
    /// `start` does nothing until it is polled, and is only polled if it is this candidate's turn.
    pub fn new(provider: ProviderId, start: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self { provider, start: Box::pin(start) }
    }
}

impl<T> fmt::Debug for Candidate<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// A provider that should have spoken, and why it did not.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PassedOver {
    /// The provider.
    pub provider: ProviderId,
    /// Its failure.
    pub error: Error,
}

/// Speech that has begun, and who speaks. A substitution is always reported: whoever shows the result says so.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started<T> {
    /// Who speaks.
    pub provider: ProviderId,
    /// The speech; its first event is there.
    pub speech: T,
    /// Who was asked before, in that order; empty if the first one speaks.
    pub passed_over: Vec<PassedOver>,
}

/// Asks one candidate after another until speech begins, and says who was passed over.
///
/// The next one is asked only if the failure is one of the provider's state and not of the request: `Unavailable`,
/// `Timeout`, `RateLimited`, or anything that was tried again often enough; and a candidate's future must not resolve
/// before its first event is there, because two providers must not share a sentence.
///
/// # Errors
/// The first candidate's error; the others' kinds and messages are in its context. `Config` if there is no candidate.
///
/// # Cancel safety
/// Dropping the future cancels the call in progress; no other is made.
pub async fn first_that_starts<'a, T>(
    candidates: impl IntoIterator<Item = Candidate<'a, T>, IntoIter: Send>,
) -> Result<Started<T>> {
    let mut passed_over = Vec::new();
    for Candidate { provider, start } in candidates {
        match start.await {
            Ok(speech) => return Ok(Started { provider, speech, passed_over }),
            Err(error) => {
                let goes_on = another_may_do_better(&error);
                tracing::debug!(%provider, kind = %error.kind(), goes_on, "could not speak");
                passed_over.push(PassedOver { provider, error });
                if !goes_on {
                    break;
                }
            }
        }
    }
    Err(first_of(passed_over))
}

fn another_may_do_better(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited)
        || error.retry() == Retry::Exhausted
}

fn first_of(failures: Vec<PassedOver>) -> Error {
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else {
        return Error::new(ErrorKind::Config, "there is no provider to speak with").during("fallback");
    };
    let told = |error: Error, next: PassedOver| {
        let why = format!("{}: {} ({})", next.provider, next.error.message(), next.error.kind());
        error.with("also_failed", why)
    };
    failures.fold(first.error.with("provider", &first.provider), told)
}

#[cfg(test)]
mod tests {
    use super::super::begun;
    use super::super::script::{
        Beat::{Audio, Fail},
        Take, fails, limited, request, secs, shared, speaks, streams, unavailable,
    };
    use super::*;
    use crate::stream::SynthesisStream;
    use crate::synth::Synthesizer as _;

    /// Who was asked, and what came of it.
    async fn ask(takes: Vec<Take>) -> (usize, Result<Started<SynthesisStream>>) {
        let scripts: Vec<_> = takes.into_iter().map(|take| shared([take])).collect();
        let candidates: Vec<_> = scripts.iter().zip(["one", "two", "three"]).collect();
        let candidates = candidates.into_iter().map(|(script, name)| {
            let request = request();
            Candidate::new(
                ProviderId::new(name).unwrap(),
                async move { begun(script.synthesize(&request).await?).await },
            )
        });
        let outcome = first_that_starts(candidates.collect::<Vec<_>>()).await;
        (scripts.iter().filter(|script| !script.times().is_empty()).count(), outcome)
    }

    #[tokio::test]
    async fn the_first_one_speaks_if_it_can_and_nobody_else_is_asked() {
        let (asked, started) = ask(vec![speaks(), speaks()]).await;
        let started = started.unwrap();
        assert_eq!((asked, started.provider.as_str(), started.passed_over.len()), (1, "one", 0));
        assert_eq!(started.speech.collect_audio(100).await.unwrap().audio.len(), 4);
    }

    #[tokio::test]
    async fn failures_of_state_pass_the_word_on_and_are_reported() {
        let timeout = Error::new(ErrorKind::Timeout, "slow");
        let worn_out = Error::new(ErrorKind::Protocol, "garbled").with_retry(Retry::Exhausted);
        for failure in [unavailable(), timeout, limited(secs(1)), worn_out] {
            for take in [fails(failure.clone()), streams([Fail(failure.clone())])] {
                let started = ask(vec![take, speaks(), speaks()]).await.1.unwrap();
                assert_eq!(started.provider.as_str(), "two");
                let [passed] = started.passed_over.as_slice() else { panic!("{:?}", started.passed_over) };
                assert_eq!((passed.provider.as_str(), passed.error.message()), ("one", failure.message()));
            }
        }
    }

    #[tokio::test]
    async fn failures_of_the_request_do_not() {
        for kind in [ErrorKind::InvalidInput, ErrorKind::ConsentRequired, ErrorKind::QuotaExceeded, ErrorKind::NotFound]
        {
            let (asked, started) = ask(vec![fails(Error::new(kind, "no")), speaks()]).await;
            assert_eq!((asked, started.unwrap_err().kind()), (1, kind));
        }
    }

    #[tokio::test]
    async fn after_the_first_event_a_failure_is_the_speakers_own() {
        let (asked, started) = ask(vec![streams([Audio(4), Fail(unavailable())]), speaks()]).await;
        let error = started.unwrap().speech.collect_audio(100).await.unwrap_err();
        assert_eq!((asked, error.kind()), (1, ErrorKind::Unavailable));
    }

    #[tokio::test]
    async fn when_all_fail_the_first_error_names_the_others() {
        let refused = Error::invalid("no such thing");
        let (asked, started) = ask(vec![fails(limited(secs(7))), fails(unavailable()), fails(refused)]).await;
        let error = started.unwrap_err();
        assert_eq!((asked, error.retry()), (3, Retry::After(Some(secs(7)))));
        let told = "slow down (provider: one, also_failed: two: gone (unavailable), \
                    also_failed: three: no such thing (invalid_input))";
        assert_eq!(error.to_string(), told);
    }

    #[tokio::test]
    async fn nobody_to_ask_is_the_applications_mistake() {
        assert_eq!(ask(vec![]).await.1.unwrap_err().kind(), ErrorKind::Config);
    }
}
