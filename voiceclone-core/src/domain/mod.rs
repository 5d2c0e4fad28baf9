//! The records of the house: samples, voices and their bindings, jobs and their events.
//!
//! States are private and change only through `transition`, which asks the one `can_become` table of each machine; SQL
//! stores repeat the same guard in `WHERE`. This module stores nothing and calls nobody.
mod job;
mod quality;
mod sample;
mod voice;

pub(crate) use job::later;
pub use job::{
    DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_CRASHES, Job, JobError, JobEvent, JobOutput, JobSpec, JobState, NewJob, Progress,
    SpokenAudio,
};
pub use quality::{ClipProfile, Finding, Measure, NoiseReduction, QualityReport, Verdict};
pub use sample::{SampleState, VoiceSample};
pub use voice::{Binding, BindingKey, BindingState, Voice, VoiceState};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Counts the writes of a record; a compare-and-set names the version it read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u64);

impl Version {
    /// The version after the next write.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The error of a move that a state machine does not have.
fn no_such_move(what: &'static str, from: impl std::fmt::Debug, to: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Conflict, format!("a {what} that is {from:?} cannot become {to:?}"))
}
