//! An observer that remembers.
use std::sync::{Arc, Mutex};

use super::lock;
use crate::{
    error::ErrorKind,
    observe::{Observer, OpInfo, OpObserver, OpOutcome},
};

/// How a recorded operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All of it was done.
    Ok,
    /// It failed.
    Err(ErrorKind),
    /// The caller lost interest.
    Dropped,
}

/// One operation as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Which.
    pub info: OpInfo,
    /// How often its first audio was told; more than once is a mistake of whoever tells.
    pub first_audio: usize,
    /// Bytes of audio told.
    pub bytes: usize,
    /// Its end; `None` while it goes on.
    pub ended: Option<Ended>,
}

/// Remembers every operation in the order of their beginnings. Clones remember together.
#[derive(Debug, Clone, Default)]
pub struct RecordingObserver(Arc<Mutex<Vec<Recorded>>>);

impl RecordingObserver {
    /// Everything seen so far.
    pub fn recorded(&self) -> Vec<Recorded> {
        lock(&self.0).clone()
    }

    /// The ends of the operations of this name.
    pub fn ends(&self, op: &str) -> Vec<Option<Ended>> {
        self.recorded().into_iter().filter(|seen| seen.info.op == op).map(|seen| seen.ended).collect()
    }
}

impl Observer for RecordingObserver {
    fn start(&self, op: &OpInfo) -> Box<dyn OpObserver> {
        let mut seen = lock(&self.0);
        seen.push(Recorded { info: op.clone(), first_audio: 0, bytes: 0, ended: None });
        Box::new(Recording { seen: Arc::clone(&self.0), at: seen.len() - 1 })
    }
}

struct Recording {
    seen: Arc<Mutex<Vec<Recorded>>>,
    at: usize,
}

impl Recording {
    fn note(&self, change: impl FnOnce(&mut Recorded)) {
        if let Some(seen) = lock(&self.seen).get_mut(self.at) {
            change(seen);
        }
    }
}

impl OpObserver for Recording {
    fn first_audio(&mut self) {
        self.note(|seen| seen.first_audio += 1);
    }

    fn bytes(&mut self, n: usize) {
        self.note(|seen| seen.bytes += n);
    }

    fn end(self: Box<Self>, outcome: OpOutcome<'_>) {
        let ended = match outcome {
            OpOutcome::Ok => Ended::Ok,
            OpOutcome::Err(error) => Ended::Err(error.kind()),
            OpOutcome::Dropped => Ended::Dropped,
        };
        self.note(|seen| seen.ended = Some(ended));
    }
}
