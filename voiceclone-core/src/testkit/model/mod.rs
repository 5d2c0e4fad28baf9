//! Model tests: the same random operations on a store and on its model in memory must come to the same.
//!
//! Ids are the caller's, so both sides see the same ones; leases and times differ and are left out. What differs is
//! shrunk to the shortest sequence of operations that shows it.
//!
//! ```
//! use voiceclone_core::{memory::{MemoryCatalog, MemoryJobs}, testkit::model};
//! model::catalog_model_test(4, async || MemoryCatalog::new());
//! model::job_model_test(4, async || MemoryJobs::new());
//! ```
mod catalog;
mod jobs;

use std::fmt::Debug;

use proptest::{
    arbitrary::any,
    collection::vec,
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

use super::{Failure, check::Checked, run_on_runtime};
use crate::{
    error::Result,
    memory::{MemoryCatalog, MemoryJobs},
    store::{Catalog, JobStore},
};

/// The most operations of one sequence.
const LONGEST: usize = 60;

/// Compares the catalogs that `make` makes, each of them empty, with [`MemoryCatalog`] over `sequences` random sequences
/// of operations.
///
/// # Panics
/// With the shortest sequence found after which the two differ.
pub fn catalog_model_test<S: Catalog>(sequences: u32, make: impl AsyncFn() -> S) {
    check(sequences, vec(catalog::op(), 1..LONGEST), &async |ops| {
        let (model, store) = (MemoryCatalog::new(), make().await);
        let mut records = catalog::Records::new()?;
        for op in ops {
            let call = records.call(op, &model).await;
            compare(&call, &catalog::answer(&model, &call).await, &catalog::answer(&store, &call).await)?;
        }
        Ok(())
    });
}

/// Compares the job stores that `make` makes, each of them empty, with [`MemoryJobs`] over `sequences` random sequences
/// of operations.
///
/// # Panics
/// With the shortest sequence found after which the two differ.
pub fn job_model_test<S: JobStore>(sequences: u32, make: impl AsyncFn() -> S) {
    check(sequences, (any::<bool>(), vec(jobs::op(), 1..LONGEST)), &async |(ranked, ops)| {
        let (mut model, mut store) = (jobs::Side::new(MemoryJobs::new()), jobs::Side::new(make().await));
        let mut calls = jobs::Calls::new(*ranked)?;
        for op in ops.iter().chain([&jobs::Op::EndAll]) {
            let call = calls.call(op);
            compare(&call, &model.answer(&call).await, &store.answer(&call).await)?;
        }
        Ok(())
    });
}

fn compare(call: &impl Debug, model: &str, store: &str) -> Checked {
    let differs = || Failure(format!("after {call:?}\n the model answers {model}\n the store answers {store}"));
    if model == store { Ok(()) } else { Err(differs()) }
}

#[expect(clippy::panic, reason = "a panic is how a test fails")]
fn check<S: Strategy>(sequences: u32, sequence: S, run: &impl AsyncFn(&S::Value) -> Checked) {
    let config = Config { cases: sequences, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config)
        .run(&sequence, |ops| run_on_runtime(run(&ops)).map_err(|why| TestCaseError::fail(why.0)));
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, ops)) => panic!("{why}\nin the sequence {ops:#?}"),
        Err(aborted) => panic!("{aborted}"),
    }
}

/// What an operation came to, with an error as its kind: messages are each store's own.
fn told<T: Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("the error {}", error.kind()),
    }
}
