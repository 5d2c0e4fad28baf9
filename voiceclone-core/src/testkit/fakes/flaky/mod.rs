//! Stores that fail when they are told to: before the work, or after it with the answer lost.
mod blobs;
mod catalog;
mod jobs;

use std::{collections::BTreeMap, future::Future, sync::Mutex};

pub use blobs::FlakyBlobs;
pub use catalog::FlakyCatalog;
pub use jobs::FlakyJobs;

use super::{lock, script::Script, script::When};
use crate::error::{Error, Result};

/// What can go wrong in a call to a store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreFault {
    /// Nothing is done.
    Fails(Error),
    /// It is done, and the answer is lost.
    LosesAnswer(Error),
}

/// The plan of one store, verb by verb.
#[derive(Debug)]
struct Faults(BTreeMap<&'static str, Mutex<Script<StoreFault>>>);

impl Faults {
    fn of(verbs: &[&'static str]) -> Self {
        Self(verbs.iter().map(|verb| (*verb, Mutex::default())).collect())
    }

    /// # Panics
    /// For a verb that the store has not: a plan that never happens would make a test that cannot fail.
    fn plan(&self, verb: &str, when: When, fault: StoreFault) {
        let script = self.0.get(verb);
        assert!(script.is_some(), "the store has no verb {verb}; it has {:?}", self.0.keys());
        script.into_iter().for_each(|script| lock(script).plan(when.clone(), fault.clone()));
    }

    fn calls(&self, verb: &str) -> usize {
        self.0.get(verb).map_or(0, |script| lock(script).calls())
    }

    fn next(&self, verb: &str, on: &str) -> Option<StoreFault> {
        self.0.get(verb).and_then(|script| lock(script).call(on))
    }

    /// The call, unless it is its turn to fail. `on` is what a [`When::text`] is compared with.
    async fn around<T>(&self, verb: &str, on: &str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match self.next(verb, on) {
            None => call.await,
            Some(StoreFault::Fails(error)) => Err(error),
            Some(StoreFault::LosesAnswer(error)) => call.await.and(Err(error)),
        }
    }
}
