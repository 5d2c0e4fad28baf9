//! Queued work: what is asked, where it stands, what came of it, and the events a follower sees.
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    audio::AudioFormat,
    error::{Error, ErrorKind},
    id::{Fingerprint, IdempotencyKey, JobId, OwnerId, ProviderId, SampleId, VoiceId},
    speak::SpeakRequest,
    store::BlobKey,
};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobSpec {
    /// Clean a recording and measure it.
    PrepareSample {
        /// The recording.
        sample: SampleId,
    },
    /// Speak a text.
    Speak {
        /// The text and the voice.
        request: SpeakRequest,
    },
    /// Make a voice known to a provider before it is first used.
    Enroll {
        /// The voice.
        voice: VoiceId,
        /// The provider.
        provider: ProviderId,
    },
    /// Remove the clones of a voice at all providers, because consent to them was withdrawn.
    Unenroll {
        /// The voice.
        voice: VoiceId,
    },
    /// Remove a voice, its recordings, its clones, everything spoken in it, and the texts.
    Erase {
        /// The voice.
        voice: VoiceId,
    },
}

impl JobSpec {
    /// The name of the kind, as stores keep it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PrepareSample { .. } => "prepare_sample",
            Self::Speak { .. } => "speak",
            Self::Enroll { .. } => "enroll",
            Self::Unenroll { .. } => "unenroll",
            Self::Erase { .. } => "erase",
        }
    }

    /// Tells equal requests from different ones that came with the same idempotency key.
    ///
    /// # Errors
    /// `Unexpected` if the request cannot be written as JSON.
    pub fn fingerprint(&self) -> crate::error::Result<Fingerprint> {
        let json = serde_json::to_vec(self)
            .map_err(|e| Error::unexpected("a job request cannot be written as JSON").with_source(e))?;
        Ok(Fingerprint::of([json.as_slice()]))
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting for a worker.
    Queued,
    /// A worker holds it.
    Running,
    /// Done; there is a result.
    Succeeded,
    /// Done; there is an error.
    Failed,
    /// Stopped on request.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// True if nothing more will happen.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The only table of moves. `Running → Running` is a new claim of a lost lease.
    pub const fn can_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Running | Self::Cancelled),
            Self::Running => true,
            Self::Succeeded | Self::Failed | Self::Cancelled => false,
        }
    }

    /// The name, as stores and wires keep it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, such as `speaking`.
    pub step: String,
    /// Units done; for speech, characters.
    pub done: u64,
    /// Units in all.
    pub total: u64,
}

impl Progress {
    /// `done` of `total` units of `step`.
    pub fn new(step: impl Into<String>, done: u64, total: u64) -> Self {
        Self { step: step.into(), done, total }
    }
}

/// Why a job failed, as it is kept: the kind and our message, never a provider's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// What a caller can act on.
    pub kind: ErrorKind,
    /// What a client may see.
    pub message: String,
    /// In which attempt, from 1.
    pub attempt: u32,
}

impl JobError {
    /// What is kept of `error`.
    pub fn new(error: &Error, attempt: u32) -> Self {
        Self { kind: error.kind(), message: error.message().to_owned(), attempt }
    }

    /// The error of a job that was taken for poison: it lost as many workers as it may.
    pub fn worker_lost(crashes: u32, attempt: u32) -> Self {
        let message = format!("{crashes} workers were lost over this job, as many as are allowed");
        Self { kind: ErrorKind::LeaseLost, message, attempt }
    }

    /// As an error again.
    pub fn to_error(&self) -> Error {
        Error::new(self.kind, self.message.clone()).with("attempt", self.attempt)
    }
}

/// Audio that a job made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SpokenAudio {
    /// Where it is.
    pub key: BlobKey,
    /// What it is.
    pub format: AudioFormat,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// How long it plays.
    pub duration: Duration,
    /// Who spoke it. Another provider than the one asked for is a substitution, and always reported.
    pub provider: ProviderId,
    /// The provider that was asked for and did not speak, if so.
    pub instead_of: Option<ProviderId>,
    /// What the provider could not do exactly as asked.
    pub warnings: Vec<String>,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobOutput {
    /// Speech.
    Speech(SpokenAudio),
    /// The sample was looked at; its own record says what came of it.
    Prepared {
        /// The recording.
        sample: SampleId,
    },
    /// The voice is known to the provider.
    Enrolled {
        /// The provider.
        provider: ProviderId,
    },
    /// The voice has no clones any more.
    Unenrolled {
        /// Providers that removed their clone.
        providers: Vec<ProviderId>,
    },
    /// What was removed.
    Erased {
        /// Blobs removed.
        blobs: u64,
        /// Providers that removed their clone.
        providers: Vec<ProviderId>,
    },
}

/// One piece of queued work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Who may see it.
    pub owner: OwnerId,
    /// What is asked.
    pub spec: JobSpec,
    /// Where it stands.
    pub state: JobState,
    /// Higher first.
    pub priority: i16,
    /// Attempts begun, apart from those whose worker was lost.
    pub attempt: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// Workers that were lost over it: killed, cut off, or asleep for longer than their lease.
    pub crashes: u32,
    /// The number of lost workers at which the job is taken for poison and fails.
    pub max_crashes: u32,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What came of it, once it succeeded.
    pub output: Option<JobOutput>,
    /// The last error: it stays while the job waits for another attempt and during that, and goes when it succeeds.
    pub error: Option<JobError>,
    /// Whether it was asked to stop.
    pub cancel_requested: bool,
    /// The caller's name of the request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Not to be claimed before.
    pub run_at: DateTime<Utc>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// `delay` after `now`, or the end of time.
pub(crate) fn later(now: DateTime<Utc>, delay: Duration) -> DateTime<Utc> {
    let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(delay).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Attempts that a job gets unless it says otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 5;

/// Lost workers at which a job fails unless it says otherwise.
pub const DEFAULT_MAX_CRASHES: u32 = 5;

/// A job to be queued.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewJob {
    /// The id it will have; an existing job with the same idempotency key keeps its own.
    pub id: JobId,
    /// Who may see it.
    pub owner: OwnerId,
    /// What is asked.
    pub spec: JobSpec,
    /// The caller's name of the request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Higher first; 0 unless set.
    pub priority: i16,
    /// Not to be claimed before this has passed.
    pub delay: Duration,
    /// Attempts allowed, at least 1.
    pub max_attempts: u32,
    /// The number of lost workers at which it fails, at least 1.
    pub max_crashes: u32,
}

impl NewJob {
    /// A job of ordinary priority, due now, with [`DEFAULT_MAX_ATTEMPTS`] and [`DEFAULT_MAX_CRASHES`].
    pub fn new(owner: OwnerId, spec: JobSpec) -> Self {
        Self {
            id: JobId::new(),
            owner,
            spec,
            idempotency_key: None,
            priority: 0,
            delay: Duration::ZERO,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            max_crashes: DEFAULT_MAX_CRASHES,
        }
    }

    /// The caller's name of the request.
    #[must_use]
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// Higher first.
    #[must_use]
    pub fn with_priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Not to be claimed before `delay` has passed.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The job as it is queued at `now`, by the store's clock.
    pub fn queued(&self, now: DateTime<Utc>) -> Job {
        Job {
            id: self.id,
            owner: self.owner.clone(),
            spec: self.spec.clone(),
            state: JobState::Queued,
            priority: self.priority,
            attempt: 0,
            max_attempts: self.max_attempts.max(1),
            crashes: 0,
            max_crashes: self.max_crashes.max(1),
            progress: None,
            output: None,
            error: None,
            cancel_requested: false,
            idempotency_key: self.idempotency_key.clone(),
            run_at: later(now, self.delay),
            created_at: now,
            updated_at: now,
        }
    }

    /// Attempts allowed; 0 counts as 1.
    #[must_use]
    pub fn with_max_attempts(mut self, n: u32) -> Self {
        self.max_attempts = n.max(1);
        self
    }

    /// The number of lost workers at which it fails; 0 counts as 1.
    #[must_use]
    pub fn with_max_crashes(mut self, n: u32) -> Self {
        self.max_crashes = n.max(1);
        self
    }
}

/// One thing that happened to a job. Numbers run from 1 without gaps, so a follower knows what it missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEvent {
    /// The job.
    pub job: JobId,
    /// Its place in the job's history.
    pub seq: u64,
    /// When, by the store's clock.
    pub at: DateTime<Utc>,
    /// Where the job stood then.
    pub state: JobState,
    /// How far it was then.
    pub progress: Option<Progress>,
    /// The job's last error, as it was then.
    pub error: Option<JobError>,
}

impl JobEvent {
    /// Event `seq` of `job`, as it stands.
    pub fn of(job: &Job, seq: u64, at: DateTime<Utc>) -> Self {
        Self { job: job.id, seq, at, state: job.state, progress: job.progress.clone(), error: job.error.clone() }
    }
}
