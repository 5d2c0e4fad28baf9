//! Finds what an interrupted process left behind: bytes without a record, and recordings without their job.
use std::time::Duration;

use chrono::Utc;
use futures_util::TryStreamExt as _;

use super::{Engine, Parts, keys};
use crate::{
    domain::{JobOutput, JobSpec, NewJob, SampleState, Voice, VoiceSample, VoiceState},
    error::{ErrorKind, Result},
    id::{IdempotencyKey, JobId, OwnerId, SampleId},
    store::{BlobKey, PageQuery},
};

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Blobs that belong to a record or are too young to judge.
    pub kept: u64,
    /// Blobs that belonged to nothing and were removed.
    pub removed: u64,
    /// Recordings that waited for a job they had lost, and got one.
    pub requeued: u64,
}

impl Swept {
    /// Counts what another sweep did as well.
    pub(super) fn add(&mut self, other: Self) {
        self.kept += other.kept;
        self.removed += other.removed;
        self.requeued += other.requeued;
    }
}

impl Engine {
    /// Removes blobs of `owner` older than `grace` that no record names, gives recordings their voice, and queues again
    /// their preparation, where an interrupted upload did not get that far. Safe at any time and on any number of machines at once, as long as `grace` is longer
    /// than the longest upload or attempt.
    ///
    /// # Errors
    /// `Unavailable` if a store fails; what was swept until then stays swept.
    pub async fn sweep(&self, owner: &OwnerId, grace: Duration) -> Result<Swept> {
        let mut swept = Swept::default();
        let prefix = keys::owner(owner)?;
        let mut blobs = self.0.blobs.list(&prefix);
        while let Some(blob) = blobs.try_next().await? {
            let age = (Utc::now() - blob.modified).to_std().unwrap_or_default();
            if age < grace || self.0.is_needed(owner, &prefix, &blob.key).await? {
                swept.kept += 1;
            } else {
                self.0.blobs.delete(&blob.key).await?;
                swept.removed += 1;
            }
        }
        swept.requeued = self.requeue(owner).await?;
        Ok(swept)
    }

    async fn requeue(&self, owner: &OwnerId) -> Result<u64> {
        let mut requeued = 0;
        let mut query = PageQuery::of(owner.clone());
        loop {
            let page = self.0.catalog.samples(&query).await?;
            for sample in &page.items {
                self.0.give_voice(sample).await?;
            }
            let waiting = |s: &&VoiceSample| matches!(s.state(), SampleState::Received | SampleState::Processing);
            for sample in page.items.iter().filter(waiting) {
                let job = NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: sample.id })
                    .with_key(IdempotencyKey::new(sample.id.to_string())?);
                let ours = job.id;
                let id = self.enqueue(job).await?.id();
                requeued += u64::from(id == ours);
                // A job whose last worker was lost had nobody to tell its sample.
                self.0.after(&self.job(owner, id).await?).await;
            }
            if page.next.is_none() {
                return Ok(requeued);
            }
            query.after = page.next;
        }
    }
}

impl Parts {
    /// A recording is written before its voice. If the process ended in between, the voice is written now: without it the
    /// recording could be neither used nor erased.
    async fn give_voice(&self, sample: &VoiceSample) -> Result<()> {
        let add = |mut voice: Voice| {
            if voice.state() == VoiceState::Active && !voice.samples.contains(&sample.id) {
                voice.samples.push(sample.id);
            }
            Ok(voice)
        };
        match self.change_voice(&sample.owner, sample.voice, add).await {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let name = sample.consent.subject.clone();
                let voice = Voice::new(sample.voice, sample.owner.clone(), name, vec![sample.id]);
                match self.catalog.insert_voice(&voice).await {
                    // Another process sweeps the same owner.
                    Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
                    inserted => inserted,
                }
            }
            changed => changed.map(drop),
        }
    }

    async fn is_needed(&self, owner: &OwnerId, prefix: &BlobKey, key: &BlobKey) -> Result<bool> {
        let path = key.as_str().strip_prefix(prefix.as_str()).unwrap_or_default();
        let mut segments = path.split('/').skip(1);
        match (segments.next(), segments.next()) {
            (Some("samples"), Some(id)) => match id.parse() {
                Ok(id) => self.sample_needs(owner, id, key).await,
                Err(_) => Ok(false),
            },
            (Some("jobs"), Some(id)) => match id.parse() {
                Ok(id) => self.job_needs(owner, id, key).await,
                Err(_) => Ok(false),
            },
            // Nobody came back for it.
            (Some("uploads"), Some(_)) => Ok(false),
            // Not ours to judge.
            _ => Ok(true),
        }
    }

    async fn sample_needs(&self, owner: &OwnerId, id: SampleId, key: &BlobKey) -> Result<bool> {
        match self.catalog.sample(owner, id).await {
            Ok(sample) if sample.state() == SampleState::Deleted => Ok(false),
            Ok(sample) => Ok(sample.original == *key || sample.processed.as_ref() == Some(key)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    async fn job_needs(&self, owner: &OwnerId, id: JobId, key: &BlobKey) -> Result<bool> {
        match self.jobs.job(owner, id).await {
            Ok(job) if !job.state.is_terminal() => Ok(true),
            Ok(job) => Ok(matches!(&job.output, Some(JobOutput::Speech(spoken)) if spoken.key == *key)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}
