//! Speech in a voice that must not go on: found, stopped, and removed with its texts.
use std::time::Duration;

use super::{Parts, keys};
use crate::{
    domain::{Job, JobSpec, Voice, VoiceState},
    error::{Error, ErrorKind, Result, Retry},
    id::OwnerId,
    speak::VoiceTarget,
    store::{JobQuery, Page},
};

const STOPPING: &str = "wait for speech to stop";

/// True for the error of work that waits for running jobs to stop: nothing failed, and asking again soon helps.
pub(crate) fn is_still_stopping(error: &Error) -> bool {
    error.op() == Some(STOPPING)
}

fn still_stopping() -> Error {
    Error::new(ErrorKind::Conflict, "a job that speaks in this voice is still being stopped")
        .during(STOPPING)
        .with_retry(Retry::After(Some(Duration::from_secs(1))))
}

/// The voice by all its names: a request names it, or a recording whose own voice it is.
pub(super) struct SpeechIn<'a> {
    owner: &'a OwnerId,
    names: Vec<VoiceTarget>,
}

impl<'a> SpeechIn<'a> {
    pub(super) async fn of(parts: &Parts, voice: &'a Voice) -> Result<Self> {
        let mut names = vec![VoiceTarget::Voice(voice.id)];
        for id in &voice.samples {
            match parts.catalog.sample(&voice.owner, *id).await {
                Ok(sample) if sample.voice == voice.id => names.push(VoiceTarget::Sample(*id)),
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(Self { owner: &voice.owner, names })
    }

    /// The jobs that speak in the voice, of one page of the owner's.
    async fn page(&self, parts: &Parts, after: Option<String>) -> Result<Page<Job>> {
        let mut page = parts.jobs.jobs(&JobQuery::of(self.owner.clone()).after(after)).await?;
        let ours = |job: &Job| matches!(&job.spec, JobSpec::Speak { request } if self.names.contains(&request.target));
        page.items.retain(ours);
        Ok(page)
    }

    /// Asks all that have not ended to stop, and says whether any is still at it.
    pub(super) async fn stop(&self, parts: &Parts) -> Result<bool> {
        let (mut runs, mut after) = (false, None);
        loop {
            let page = self.page(parts, after).await?;
            for job in page.items.into_iter().filter(|job| !job.state.is_terminal()) {
                let job = parts.jobs.cancel(self.owner, job.id).await?;
                runs |= !job.state.is_terminal();
                // No worker will see the end of a job that was waiting.
                if job.state.is_terminal() {
                    parts.tidy(&job).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(runs);
            }
        }
    }

    /// Removes all of them, with what they left; the number of blobs.
    ///
    /// An error that [`is_still_stopping`] if one has not ended: nothing is removed then, but it is asked to stop.
    pub(super) async fn remove(&self, parts: &Parts) -> Result<u64> {
        if self.stop(parts).await? {
            return Err(still_stopping());
        }
        let (mut removed, mut after) = (0, None);
        loop {
            let page = self.page(parts, after).await?;
            for job in page.items {
                removed += parts.remove_below(&keys::job(self.owner, job.id)?).await?;
                match parts.jobs.remove(self.owner, job.id).await {
                    Err(e) if e.kind() == ErrorKind::Conflict => return Err(still_stopping()),
                    Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                    _ => {}
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(removed);
            }
        }
    }
}

impl Parts {
    /// Removes what speech that came to nothing kept. If its voice was erased while it was being queued, so that the erasure
    /// did not see it, its text goes, too.
    pub(crate) async fn clear_away(&self, job: &Job, target: VoiceTarget) -> Result<()> {
        self.tidy(job).await?;
        let cleared = match self.is_erased(&job.owner, target).await {
            Ok(true) => self.jobs.remove(&job.owner, job.id).await.map(drop),
            erased => erased.map(drop),
        };
        // There was no such voice, or the erasure was faster.
        if cleared.as_ref().is_err_and(|e| e.kind() == ErrorKind::NotFound) { Ok(()) } else { cleared }
    }

    async fn is_erased(&self, owner: &OwnerId, target: VoiceTarget) -> Result<bool> {
        let voice = match target {
            VoiceTarget::Voice(id) => id,
            VoiceTarget::Sample(id) => self.catalog.sample(owner, id).await?.voice,
        };
        Ok(self.catalog.voice(owner, voice).await?.state() == VoiceState::Deleted)
    }
}
