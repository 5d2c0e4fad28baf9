//! Queued speech as the application sees it: submit, follow, stop, fetch.
use std::{
    future::{Future, IntoFuture},
    ops::Range,
    pin::Pin,
    sync::Arc,
};

use futures_util::TryStreamExt as _;

use super::{Engine, Parts};
use crate::{
    audio::{BoxStream, Container},
    domain::{Job, JobEvent, JobOutput, JobSpec, JobState, NewJob},
    error::{Error, ErrorKind, Result},
    id::{IdempotencyKey, JobId, OwnerId, ProviderId, VoiceId},
    layers::check_utterance,
    speak::SpeakRequest,
    store::{BlobKey, BlobReader, JobQuery, Page},
};

/// A queued job. Await it for its end, or follow its events; dropping it does not cancel the job.
#[derive(Debug, Clone)]
pub struct JobHandle {
    parts: Arc<Parts>,
    owner: OwnerId,
    id: JobId,
}

impl JobHandle {
    /// The job's id.
    pub const fn id(&self) -> JobId {
        self.id
    }

    /// The events after number `after`, to the end of the job.
    ///
    /// # Errors
    /// `NotFound` if the job is gone.
    pub async fn events(&self, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        self.parts.jobs.events(&self.owner, self.id, after).await
    }

    /// Asks the job to stop.
    ///
    /// # Errors
    /// `NotFound` if the job is gone.
    pub async fn cancel(&self) -> Result<Job> {
        self.parts.cancel(&self.owner, self.id).await
    }

    /// Waits until the job has ended.
    ///
    /// # Errors
    /// `NotFound` if the job is gone; `Unavailable` if the store fails.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the job as it is.
    pub async fn ended(&self) -> Result<Job> {
        let mut after = 0;
        loop {
            let mut events = self.events(after).await?;
            while let Some(event) = events.try_next().await? {
                after = event.seq;
            }
            let job = self.parts.jobs.job(&self.owner, self.id).await?;
            if job.state.is_terminal() {
                return Ok(job);
            }
        }
    }

    /// Waits for what came of the job.
    ///
    /// # Errors
    /// The job's own error; `Cancelled` if it was stopped.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the job as it is.
    pub async fn output(&self) -> Result<JobOutput> {
        output_of(self.ended().await?)
    }
}

impl IntoFuture for JobHandle {
    type Output = Result<Job>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Job>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.ended().await })
    }
}

fn output_of(job: Job) -> Result<JobOutput> {
    match (job.state, job.output, job.error) {
        (JobState::Succeeded, Some(output), _) => Ok(output),
        (JobState::Cancelled, ..) => Err(Error::new(ErrorKind::Cancelled, "the job was stopped").with("job", job.id)),
        (JobState::Failed, _, Some(error)) => Err(error.to_error().with("job", job.id)),
        (state, ..) => Err(Error::new(ErrorKind::Conflict, format!("the job is {} and has no result", state.as_str()))
            .with("job", job.id)),
    }
}

impl Engine {
    /// Queues a text to be spoken. With a key, sending the same request again finds the same job.
    ///
    /// # Errors
    /// `InvalidInput`, `NotFound`, `Unsupported` or `ConsentRequired` for what can be known to fail now; `Conflict` if the
    /// key came with another request before.
    pub async fn submit(
        &self,
        owner: &OwnerId,
        request: SpeakRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<JobHandle> {
        self.0.check_request(owner, &request).await?;
        let job = NewJob::new(owner.clone(), JobSpec::Speak { request });
        self.enqueue(key.into_iter().fold(job, NewJob::with_key)).await
    }

    /// Queues the making of a voice at a provider, ahead of its first use.
    ///
    /// # Errors
    /// `NotFound` for a voice or provider there is not; `Unsupported` for a provider that makes no voices.
    pub async fn enroll(&self, owner: &OwnerId, voice: VoiceId, provider: &ProviderId) -> Result<JobHandle> {
        self.0.live_voice(owner, voice).await?;
        if self.0.provider(provider)?.cloner.is_none() {
            return Err(Error::unsupported(format!("{provider} makes no voices; it speaks from clips")));
        }
        let spec = JobSpec::Enroll { voice, provider: provider.clone() };
        self.enqueue(NewJob::new(owner.clone(), spec)).await
    }

    /// Queues any job, for applications that set priority, delay or attempts.
    ///
    /// # Errors
    /// `Conflict` if its key came with another request before.
    pub async fn enqueue(&self, job: NewJob) -> Result<JobHandle> {
        let owner = job.owner.clone();
        let job = self.0.jobs.enqueue(&job).await?.into_job();
        Ok(JobHandle { parts: Arc::clone(&self.0), owner, id: job.id })
    }

    /// One job.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job.
    pub async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.0.jobs.job(owner, id).await
    }

    /// A handle on a job that was queued before, perhaps by another process.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job.
    pub async fn follow(&self, owner: &OwnerId, id: JobId) -> Result<JobHandle> {
        let job = self.job(owner, id).await?;
        Ok(JobHandle { parts: Arc::clone(&self.0), owner: job.owner, id })
    }

    /// The owner's jobs, oldest first.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that no page gave.
    pub async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        self.0.jobs.jobs(query).await
    }

    /// Asks a job to stop.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job.
    pub async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.0.cancel(owner, id).await
    }

    /// The audio that a job made, or a part of it.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's job; the job's own error if it failed; `Conflict` if it made no audio or has
    /// not ended.
    pub async fn audio(&self, owner: &OwnerId, id: JobId, range: Option<Range<u64>>) -> Result<BlobReader> {
        self.0.blobs.get(&self.spoken_key(owner, id).await?, range).await
    }

    /// Where the audio is that a job made.
    pub(super) async fn spoken_key(&self, owner: &OwnerId, id: JobId) -> Result<BlobKey> {
        match output_of(self.job(owner, id).await?)? {
            JobOutput::Speech(spoken) => Ok(spoken.key),
            _ => Err(Error::new(ErrorKind::Conflict, "this job makes no audio").with("job", id)),
        }
    }
}

impl Parts {
    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        let job = self.jobs.cancel(owner, id).await?;
        // No worker will see the end of a job that was waiting. Doing this for one that had ended changes nothing.
        self.after(&job).await;
        Ok(job)
    }

    /// Refuses what can be known to fail, before it is queued.
    async fn check_request(&self, owner: &OwnerId, request: &SpeakRequest) -> Result<()> {
        self.check_length(&request.utterance.text)?;
        if !matches!(request.container, Container::Wav | Container::Flac | Container::Ogg) {
            let found = request.container.extension();
            return Err(Error::unsupported(format!("finished speech can be WAV, FLAC or Ogg Opus, not {found}")));
        }
        let wanted = self.candidates(request)?;
        if let Some(provider) = wanted.first() {
            check_utterance(&provider.synthesizer.info().capability, &request.utterance)?;
        }
        match self.ready_voice(owner, request.target).await {
            Err(e) if super::is_still_preparing(&e) => {}
            ready => {
                let consents: Vec<_> = ready?.samples.into_iter().map(|s| s.consent).collect();
                self.permit(owner, &consents)?;
            }
        }
        Ok(())
    }
}
