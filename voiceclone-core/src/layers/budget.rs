//! The retry budget: an outage must not multiply paid traffic.
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// In thousandths of a retry, so that shares of one add up exactly.
const RETRY: u64 = 1000;
/// An idle application gets one retry back in this time, however few calls it makes.
const COMES_BACK: Duration = Duration::from_secs(10);

/// Every call pays in a share of a retry, every retry takes a whole one. Over any time, retries are at most the reserve,
/// that share of the calls, and one for every ten seconds.
#[derive(Debug)]
pub(super) struct Budget {
    share: u64,
    capacity: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    balance: u64,
    refilled: Instant,
}

impl Budget {
    /// A full budget of `reserve` retries, to which each call adds `percent` of one.
    pub(super) fn new(percent: u32, reserve: u32) -> Self {
        let capacity = u64::from(reserve) * RETRY;
        let state = State { balance: capacity, refilled: Instant::now() };
        Self { share: u64::from(percent) * RETRY / 100, capacity, state: Mutex::new(state) }
    }

    /// A call was made.
    pub(super) fn deposit(&self) {
        self.update(|state| state.balance = (state.balance + self.share).min(self.capacity));
    }

    /// Takes one retry, if there is one.
    pub(super) fn withdraw(&self) -> bool {
        self.update(|state| {
            self.refill(state);
            let left = state.balance.checked_sub(RETRY);
            state.balance = left.unwrap_or(state.balance);
            left.is_some()
        })
    }

    fn refill(&self, state: &mut State) {
        let now = Instant::now();
        while state.balance < self.capacity && now - state.refilled >= COMES_BACK {
            state.refilled += COMES_BACK;
            state.balance = (state.balance + RETRY).min(self.capacity);
        }
        if state.balance == self.capacity {
            state.refilled = now;
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(budget: &Budget) -> usize {
        std::iter::from_fn(|| budget.withdraw().then_some(())).count()
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_the_reserve_and_a_fifth_of_the_calls() {
        let budget = Budget::new(20, 3);
        assert_eq!(drain(&budget), 3);
        for calls in 1..=4 {
            budget.deposit();
            assert_eq!(drain(&budget), 0, "{calls} calls");
        }
        budget.deposit();
        assert_eq!(drain(&budget), 1, "5 calls");
    }

    #[tokio::test(start_paused = true)]
    async fn good_times_save_up_no_more_than_the_reserve() {
        let budget = Budget::new(20, 3);
        (0..1000).for_each(|_| budget.deposit());
        tokio::time::advance(Duration::from_secs(100_000)).await;
        assert_eq!(drain(&budget), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_application_gets_a_retry_back_every_ten_seconds() {
        let budget = Budget::new(20, 3);
        drain(&budget);
        for (wait, back) in [(9, 0), (1, 1), (25, 2), (5, 1), (1_000_000, 3)] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            assert_eq!(drain(&budget), back, "after another {wait} s");
        }
    }

    #[tokio::test]
    async fn without_a_budget_there_are_no_retries() {
        let budget = Budget::new(0, 0);
        budget.deposit();
        assert_eq!(drain(&budget), 0);
    }
}
