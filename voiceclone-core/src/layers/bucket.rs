//! A token bucket on tokio's clock, so that tests can pause it, with a queue in front and a door that can be shut.
//!
//! The arithmetic is virtual scheduling, the Generic Cell Rate Algorithm of ITU-T I.371: one instant says everything. A
//! call conforms if it comes no earlier than that instant minus the tolerance (the burst), and then moves it on by one
//! interval. To shut the door until some time is to move the instant there.
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, ErrorKind, Result, Retry};

/// The longest that anything here is told to wait: beyond it a clock may overflow.
const LONGEST: Duration = Duration::from_hours(365 * 24);

#[derive(Debug)]
pub(super) struct Bucket {
    interval: Duration,
    tolerance: Duration,
    max_wait: Duration,
    state: Mutex<State>,
    /// Held by whoever is next: tokio's mutex is fair, so the queue is in order.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// The theoretical arrival time of the next call.
    arrival: Instant,
    waiting: u32,
}

impl Bucket {
    /// One call per `interval`, of which `burst` may come at once.
    pub(super) fn new(interval: Duration, burst: u32, max_wait: Duration) -> Self {
        let interval = interval.min(LONGEST);
        Self {
            interval,
            tolerance: interval.saturating_mul(burst.saturating_sub(1)).min(LONGEST),
            max_wait: max_wait.min(LONGEST),
            state: Mutex::new(State { arrival: Instant::now(), waiting: 0 }),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Takes a token, waiting in line for it.
    ///
    /// # Errors
    /// `RateLimited`, with how long it would have to wait, if that is longer than is allowed.
    ///
    /// # Cancel safety
    /// Whoever drops the future leaves the line and takes no token.
    pub(super) async fn take(&self) -> Result<()> {
        let begun = Instant::now();
        let _place = self.queue_up()?;
        let turn = timeout(self.max_wait, self.turn.lock()).await;
        let _turn = turn.map_err(|_| refused(self.state().wait_of(self)))?;
        loop {
            let wait = self.state().wait_of(self);
            if wait.is_zero() {
                self.state().spend(self);
                return Ok(());
            }
            if begun.elapsed() + wait > self.max_wait {
                return Err(refused(wait));
            }
            sleep(wait).await;
        }
    }

    /// Shuts the door for `pause`, for those in line too. Afterwards one call may pass and then one per interval: a
    /// provider that was overrun is not to be overrun again by a saved-up burst.
    pub(super) fn close_for(&self, pause: Duration) {
        let reopens = Instant::now() + pause.min(LONGEST) + self.tolerance;
        let mut state = self.state();
        state.arrival = state.arrival.max(reopens);
    }

    fn queue_up(&self) -> Result<Place<'_>> {
        let mut state = self.state();
        let wait = state.wait_of(self).saturating_add(self.interval.saturating_mul(state.waiting));
        if wait > self.max_wait {
            return Err(refused(wait));
        }
        state.waiting += 1;
        Ok(Place(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait_of(&self, bucket: &Bucket) -> Duration {
        self.arrival.saturating_duration_since(Instant::now() + bucket.tolerance)
    }

    fn spend(&mut self, bucket: &Bucket) {
        self.arrival = self.arrival.max(Instant::now()) + bucket.interval;
    }
}

/// A place in the line.
struct Place<'a>(&'a Bucket);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

fn refused(wait: Duration) -> Error {
    Error::new(ErrorKind::RateLimited, "the provider's rate limit leaves no room for this request now")
        .with_retry(Retry::After(Some(wait)))
}

#[cfg(test)]
mod tests {
    use super::super::script::{millis, secs};
    use super::*;
    use futures_util::future::join_all;

    /// When each of `n` callers who came at once got through, or the hint it was refused with.
    async fn crowd(bucket: &Bucket, n: usize) -> Vec<Result<Duration, Duration>> {
        let begun = Instant::now();
        let callers = (0..n).map(|_| async {
            match bucket.take().await.map_err(|error| error.retry()) {
                Ok(()) => Ok(begun.elapsed()),
                Err(Retry::After(Some(hint))) => Err(hint),
                Err(other) => panic!("{other:?}"),
            }
        });
        join_all(callers).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_one_per_interval() {
        let bucket = Bucket::new(millis(500), 3, secs(60));
        let expected = [0, 0, 0, 500, 1000, 1500].map(|t| Ok(millis(t)));
        assert_eq!(crowd(&bucket, 6).await, expected);
        tokio::time::advance(millis(1500)).await;
        // Two tokens were saved since the last one was due; the third comes in time.
        assert_eq!(crowd(&bucket, 4).await, [0, 0, 0, 500].map(|t| Ok(millis(t))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_too_long_is_refused_at_once_and_told_how_long() {
        let bucket = Bucket::new(secs(1), 1, secs(2));
        let expected = [Ok(secs(0)), Ok(secs(1)), Ok(secs(2)), Err(secs(3)), Err(secs(3))];
        assert_eq!(crowd(&bucket, 5).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shut_door_holds_those_in_line_and_opens_for_one_at_a_time() {
        let bucket = Bucket::new(secs(1), 5, secs(60));
        crowd(&bucket, 5).await;
        let shut = async {
            tokio::time::sleep(millis(500)).await;
            bucket.close_for(secs(10));
        };
        let (times, ()) = tokio::join!(crowd(&bucket, 3), shut);
        assert_eq!(times, [10_500, 11_500, 12_500].map(|t| Ok(millis(t))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_door_shut_for_longer_than_anyone_waits_refuses_and_says_until_when() {
        let bucket = Bucket::new(secs(1), 1, secs(5));
        bucket.close_for(secs(10));
        assert_eq!(crowd(&bucket, 1).await, [Err(secs(10))]);
        tokio::time::advance(secs(6)).await;
        assert_eq!(crowd(&bucket, 1).await, [Ok(secs(4))]);
        bucket.close_for(Duration::MAX);
        assert_eq!(crowd(&bucket, 1).await, [Err(LONGEST)]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_the_line_takes_no_token() {
        let bucket = Bucket::new(secs(1), 1, secs(60));
        bucket.take().await.unwrap();
        assert!(timeout(millis(500), crowd(&bucket, 20)).await.is_err());
        assert_eq!(crowd(&bucket, 1).await, [Ok(millis(500))]);
        assert_eq!(bucket.state().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn no_interval_is_no_limit_and_an_endless_one_no_overflow() {
        assert_eq!(crowd(&Bucket::new(Duration::ZERO, 1, secs(0)), 3).await, [Ok(secs(0)); 3]);
        let endless = Bucket::new(Duration::MAX, u32::MAX, Duration::MAX);
        endless.take().await.unwrap();
        endless.close_for(Duration::MAX);
        assert!(timeout(secs(1), endless.take()).await.is_err(), "it waits");
    }
}
