//! Removing a voice with everything made of it. Every step may be repeated, so an interrupted erasure is simply resumed.
use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;

use super::{Engine, JobHandle, Parts, enroll::is_clone_of, keys, segments::cache_folder, stop::SpeechIn};
use crate::{
    domain::{JobOutput, JobSpec, JobState, NewJob, SampleState, Voice, VoiceSample},
    error::{Error, ErrorKind, Result, Retry},
    id::{IdempotencyKey, OwnerId, ProviderId, VoiceId},
    store::BlobKey,
};

impl Engine {
    /// Erases a voice: from now on it cannot be used; the queued job stops the jobs that speak in it, waits until they have
    /// ended, and removes them with their texts and results, the clones at providers, the recordings, and the personal
    /// fields of the consents. Tombstones of the records of the voice and its recordings stay, so that nothing brings them
    /// back. Whoever follows a job that speaks in the voice sees its events end, and then no such job.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's voice.
    pub async fn erase(&self, owner: &OwnerId, voice: VoiceId) -> Result<JobHandle> {
        self.0.change_voice(owner, voice, |voice| Ok(voice.deleted())).await?;
        self.0.clips.clear();
        self.enqueue_once(owner, JobSpec::Erase { voice }, voice).await
    }

    /// Queues what is done to a voice once. If it gave up, for a provider that was gone too long, asking again tries again.
    pub(super) async fn enqueue_once(&self, owner: &OwnerId, spec: JobSpec, voice: VoiceId) -> Result<JobHandle> {
        let job = NewJob::new(owner.clone(), spec).with_max_attempts(20);
        let first = self.enqueue(job.clone().with_key(IdempotencyKey::new(voice.to_string())?)).await?;
        match self.job(owner, first.id()).await?.state {
            JobState::Failed | JobState::Cancelled => self.enqueue(job).await,
            _ => Ok(first),
        }
    }
}

impl Parts {
    pub(crate) async fn erase(&self, owner: &OwnerId, id: VoiceId) -> Result<JobOutput> {
        let voice = self.change_voice(owner, id, |voice| Ok(voice.deleted())).await?;
        let mut blobs = SpeechIn::of(self, &voice).await?.remove(self).await?;
        if let Some(cache) = &self.cache {
            cache.forget(&cache_folder(id)).await?;
        }
        let providers = self.remove_clones(&voice).await?;
        for sample in &voice.samples {
            // Another voice that is made of the same recording keeps it.
            if self.voices_of(owner, *sample).await?.iter().all(|other| other.id == id) {
                blobs += self.remove_below(&keys::sample(owner, *sample)?).await?;
                self.change_sample(owner, *sample, redact).await?;
            }
        }
        let forget = |mut voice: Voice| {
            voice.name.clear();
            voice.bindings.clear();
            Ok(voice)
        };
        self.change_voice(owner, id, forget).await?;
        self.clips.clear();
        Ok(JobOutput::Erased { blobs, providers })
    }

    pub(super) async fn remove_clones(&self, voice: &Voice) -> Result<Vec<ProviderId>> {
        let mut removed = Vec::new();
        for (id, binding) in &voice.bindings {
            let cloner = self.providers.iter().find(|p| p.id == *id).and_then(|p| p.cloner.as_ref());
            let cloner = cloner.ok_or_else(|| {
                Error::new(ErrorKind::Config, format!("a clone at {id} cannot be removed: it is not plugged in"))
                    .with_retry(Retry::After(None))
            })?;
            // By name, too: an enrolment whose answer was lost left no id, and a stale clone may have outlived its binding.
            let named: Vec<_> = cloner.list().try_collect().await?;
            let ours = named.into_iter().filter(|clone| is_clone_of(voice.id, clone)).map(|clone| clone.id);
            let known: BTreeSet<_> = ours.chain(binding.voice.clone()).collect();
            for clone in &known {
                cloner.remove(clone).await?;
            }
            if !known.is_empty() {
                removed.push(id.clone());
            }
        }
        Ok(removed)
    }

    pub(crate) async fn remove_below(&self, prefix: &BlobKey) -> Result<u64> {
        let mut removed = 0;
        let mut blobs = self.blobs.list(prefix);
        while let Some(blob) = blobs.try_next().await? {
            self.blobs.delete(&blob.key).await?;
            removed += 1;
        }
        Ok(removed)
    }
}

pub(super) fn redact(mut sample: VoiceSample) -> Result<VoiceSample> {
    if sample.state() != SampleState::Deleted {
        sample = sample.transition(SampleState::Deleted)?;
        sample.consent = sample.consent.redacted(chrono::Utc::now());
        sample.processed = None;
        sample.quality = None;
        sample.rejections.clear();
    }
    Ok(sample)
}
