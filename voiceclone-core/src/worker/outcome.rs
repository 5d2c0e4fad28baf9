//! What an attempt's end means for its job.
use std::time::Duration;

use rand::RngExt as _;

use super::WorkerConfig;
use crate::{
    domain::{Job, JobError, JobOutput},
    engine::{is_still_enrolling, is_still_preparing, is_still_stopping},
    error::{Error, Result, Retry},
    store::Outcome,
};

/// Done, to be tried again, to be looked at again, or failed for good.
pub(crate) fn outcome_of(result: Result<JobOutput>, job: &Job, config: &WorkerConfig) -> Outcome {
    let error = match result {
        Ok(output) => return Outcome::Succeeded(output),
        Err(error) => error,
    };
    if is_still_preparing(&error) || is_still_enrolling(&error) || is_still_stopping(&error) {
        return Outcome::Reschedule(hint(&error).unwrap_or(config.poll));
    }
    let kept = JobError::new(&error, job.attempt);
    match error.retry() {
        // A layer that is exhausted has tried for seconds; a job may try again in minutes.
        Retry::After(_) | Retry::Exhausted => Outcome::Retry(kept, backoff(&error, job.attempt, config)),
        Retry::Never => Outcome::Failed(kept),
    }
}

fn hint(error: &Error) -> Option<Duration> {
    match error.retry() {
        Retry::After(hint) => hint,
        Retry::Never | Retry::Exhausted => None,
    }
}

/// Exponential with full jitter (AWS, "Exponential Backoff And Jitter"), but never before the hint.
fn backoff(error: &Error, attempt: u32, config: &WorkerConfig) -> Duration {
    let doubled = config.backoff.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)));
    let wait = doubled.min(config.max_backoff).mul_f64(rand::rng().random_range(0.0..=1.0));
    wait.max(hint(error).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{JobSpec, JobState},
        error::ErrorKind,
        id::{JobId, OwnerId, SampleId},
    };

    fn job(attempt: u32) -> Job {
        let now = chrono::Utc::now();
        Job {
            id: JobId::new(),
            owner: OwnerId::new("o").unwrap(),
            spec: JobSpec::PrepareSample { sample: SampleId::new() },
            state: JobState::Running,
            priority: 0,
            attempt,
            max_attempts: 5,
            crashes: 0,
            max_crashes: 5,
            progress: None,
            output: None,
            error: None,
            cancel_requested: false,
            idempotency_key: None,
            run_at: now,
            created_at: now,
            updated_at: now,
        }
    }

    fn outcome(error: Error, attempt: u32) -> Outcome {
        outcome_of(Err(error), &job(attempt), &WorkerConfig::default())
    }

    #[test]
    fn an_error_that_would_come_again_fails_the_job() {
        let Outcome::Failed(error) = outcome(Error::invalid("no"), 1) else { panic!("should fail") };
        assert_eq!((error.kind, error.message.as_str(), error.attempt), (ErrorKind::InvalidInput, "no", 1));
    }

    #[test]
    fn the_wait_grows_is_bounded_and_respects_the_hint() {
        let config = WorkerConfig::default();
        for attempt in 1..40 {
            let unavailable = || Error::new(ErrorKind::Unavailable, "x");
            let Outcome::Retry(_, wait) = outcome(unavailable(), attempt) else { panic!("should retry") };
            assert!(wait <= config.max_backoff && wait <= config.backoff * 2u32.saturating_pow(attempt - 1));
            let hinted = unavailable().with_retry(Retry::After(Some(Duration::from_mins(15))));
            let Outcome::Retry(_, wait) = outcome(hinted, attempt) else { panic!("should retry") };
            assert_eq!(wait, Duration::from_mins(15));
            let exhausted = unavailable().with_retry(Retry::Exhausted);
            assert!(matches!(outcome(exhausted, attempt), Outcome::Retry(..)));
        }
    }
}
