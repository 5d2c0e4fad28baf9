//! The seam of observation: logs, metrics, traces and tests all watch the same few moments of an operation.
//!
//! Labels are few and fixed. Neither text nor audio nor a name is ever among them.
use std::{fmt::Debug, sync::Arc};

use crate::error::Error;

/// Which operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpInfo {
    /// What is done: `speak`, `synthesize`, `enroll` or `prepare`.
    pub op: &'static str,
    /// By whom; empty while it is not yet known.
    pub provider: String,
    /// With which model, where there are several.
    pub model: Option<String>,
}

impl OpInfo {
    /// An operation of one provider.
    pub fn new(op: &'static str, provider: impl Into<String>, model: Option<String>) -> Self {
        Self { op, provider: provider.into(), model }
    }
}

/// How an operation ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpOutcome<'a> {
    /// All of it was done.
    Ok,
    /// It failed.
    Err(&'a Error),
    /// The caller lost interest.
    Dropped,
}

/// Watches operations begin. Called on the path of every request: an observer must not block.
pub trait Observer: Debug + Send + Sync + 'static {
    /// An operation begins.
    fn start(&self, op: &OpInfo) -> Box<dyn OpObserver>;
}

/// Watches one operation. Every one ends with exactly one [`OpObserver::end`].
pub trait OpObserver: Send + 'static {
    /// The first audio is there.
    fn first_audio(&mut self);

    /// This many more bytes of audio are there.
    fn bytes(&mut self, n: usize);

    /// It is over.
    fn end(self: Box<Self>, outcome: OpOutcome<'_>);
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn start(&self, op: &OpInfo) -> Box<dyn OpObserver> {
        (**self).start(op)
    }
}
