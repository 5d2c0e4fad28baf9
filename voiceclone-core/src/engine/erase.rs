//! Removing a voice with everything made of it. Every step may be repeated, so an interrupted erasure is simply resumed.
use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;

use super::{Engine, JobHandle, Parts, enroll::is_clone_of, keys, segments::cache_folder};
use crate::{
    domain::{Job, JobOutput, JobSpec, JobState, NewJob, SampleState, Voice, VoiceSample},
    error::{Error, ErrorKind, Result, Retry},
    id::{IdempotencyKey, OwnerId, ProviderId, SampleId, VoiceId},
    speak::VoiceTarget,
    store::{BlobKey, JobQuery, PageQuery},
};

impl Engine {
    /// Erases a voice: from now on it cannot be used; the queued job removes its clones at providers, its recordings,
    /// everything spoken in it, and the personal fields of its consents. Tombstones of the records stay, so that nothing
    /// brings it back. Texts stay in the records of their jobs.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's voice.
    pub async fn erase(&self, owner: &OwnerId, voice: VoiceId) -> Result<JobHandle> {
        self.0.change_voice(owner, voice, |voice| Ok(voice.deleted())).await?;
        self.0.clips.clear();
        let job = NewJob::new(owner.clone(), JobSpec::Erase { voice }).with_max_attempts(20);
        let erasure = self.enqueue(job.clone().with_key(IdempotencyKey::new(voice.to_string())?)).await?;
        match self.job(owner, erasure.id()).await?.state {
            // It gave up, for a provider that was gone too long. Asking again tries again.
            JobState::Failed | JobState::Cancelled => self.enqueue(job).await,
            _ => Ok(erasure),
        }
    }
}

impl Parts {
    pub(crate) async fn erase(&self, owner: &OwnerId, id: VoiceId) -> Result<JobOutput> {
        let voice = self.change_voice(owner, id, |voice| Ok(voice.deleted())).await?;
        let mut blobs = self.erase_speech(owner, &voice).await?;
        if let Some(cache) = &self.cache {
            cache.forget(&cache_folder(id)).await?;
        }
        let providers = self.remove_clones(&voice).await?;
        for sample in &voice.samples {
            if !self.used_elsewhere(owner, &voice, *sample).await? {
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

    /// Another voice may be made of the same recording; it keeps it.
    async fn used_elsewhere(&self, owner: &OwnerId, voice: &Voice, sample: SampleId) -> Result<bool> {
        let mut query = PageQuery::of(owner.clone());
        loop {
            let page = self.catalog.voices(&query).await?;
            if page.items.iter().any(|v| v.id != voice.id && v.samples.contains(&sample)) {
                return Ok(true);
            }
            if page.next.is_none() {
                return Ok(false);
            }
            query.after = page.next;
        }
    }

    async fn remove_clones(&self, voice: &Voice) -> Result<Vec<ProviderId>> {
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

    /// Stops and removes everything spoken in the voice.
    async fn erase_speech(&self, owner: &OwnerId, voice: &Voice) -> Result<u64> {
        let mut removed = 0;
        let mut query = JobQuery::of(owner.clone());
        loop {
            let page = self.jobs.jobs(&query).await?;
            for job in page.items.iter().filter(|job| speaks_in(job, voice)) {
                self.jobs.cancel(owner, job.id).await?;
                removed += self.remove_below(&keys::job(owner, job.id)?).await?;
            }
            if page.next.is_none() {
                return Ok(removed);
            }
            query.after = page.next;
        }
    }

    async fn remove_below(&self, prefix: &BlobKey) -> Result<u64> {
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

fn speaks_in(job: &Job, voice: &Voice) -> bool {
    let JobSpec::Speak { request } = &job.spec else { return false };
    match request.target {
        VoiceTarget::Voice(id) => id == voice.id,
        VoiceTarget::Sample(id) => voice.samples.contains(&id),
    }
}
