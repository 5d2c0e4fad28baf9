//! What a run has to do: the job of every line, with those of earlier runs found again, and what is no longer wanted.
//!
//! A job's key is made of everything that decides what is heard, the line's name, and how often it failed before. So the
//! same line finds the same job, a changed one gets a new job, and a failed one is tried again by the next run.
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use voiceclone_core::{
    ErrorKind, Result,
    audio::AudioBody,
    domain::{JobOutput, JobSpec, JobState},
    engine::JobHandle,
    id::{Fingerprint, IdempotencyKey, JobId, ProviderId, SampleId},
    speak::SpeakRequest,
    store::JobQuery,
};

use crate::{failure::Failure, manifest::Line, recordings::Recordings, state::State};

/// A line and its job, or why it cannot have one.
#[derive(Debug)]
pub(crate) struct Planned<'a> {
    pub(crate) line: &'a Line,
    pub(crate) ticket: Result<Ticket>,
}

/// A job.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) job: JobHandle,
    /// It was spoken by an earlier run.
    pub(crate) reused: bool,
}

/// Finds or queues the job of every line.
pub(crate) async fn make<'a>(state: &State, lines: &'a [Line], recordings: &Recordings) -> Vec<Planned<'a>> {
    let provider = state.engine.providers().next().map(|(id, _)| id.clone());
    let mut planned = Vec::new();
    for line in lines {
        let ticket = match recordings.sample(line) {
            Ok(sample) => ticket(state, line, sample, provider.clone()).await,
            Err(error) => Err(error),
        };
        planned.push(Planned { line, ticket });
    }
    planned
}

async fn ticket(state: &State, line: &Line, sample: SampleId, provider: Option<ProviderId>) -> Result<Ticket> {
    let mut request = SpeakRequest::new(sample, line.text.as_str())?.container(line.container);
    request.utterance.language.clone_from(&line.language);
    request.utterance.speed = line.speed;
    request.provider = provider;
    let asked = JobSpec::Speak { request: request.clone() }.fingerprint()?;
    let mut failures = 0_u32;
    loop {
        let parts = [asked.as_str().as_bytes(), line.name.as_bytes(), &failures.to_le_bytes()];
        let key = IdempotencyKey::new(Fingerprint::of(parts).as_str())?;
        let job = state.engine.submit(&state.owner, request.clone(), Some(key)).await?;
        match state.engine.job(&state.owner, job.id()).await?.state {
            JobState::Succeeded if has_audio(state, job.id()).await? => return Ok(Ticket { job, reused: true }),
            JobState::Succeeded | JobState::Failed | JobState::Cancelled => failures += 1,
            JobState::Queued | JobState::Running => return Ok(Ticket { job, reused: false }),
        }
    }
}

/// Somebody may have tidied up the state folder.
async fn has_audio(state: &State, job: JobId) -> Result<bool> {
    match state.engine.audio(&state.owner, job, Some(0..1)).await {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// What earlier runs left in the state.
#[derive(Debug, Default)]
pub(crate) struct History {
    unfinished: Vec<JobId>,
    made: HashSet<String>,
}

impl History {
    pub(crate) async fn of(state: &State) -> Result<Self> {
        let mut history = Self::default();
        let mut query = JobQuery::of(state.owner.clone());
        loop {
            let page = state.engine.jobs(&query).await?;
            for job in page.items {
                match (&job.spec, job.output) {
                    (_, Some(JobOutput::Speech(spoken))) => drop(history.made.insert(spoken.sha256)),
                    (JobSpec::Speak { .. }, _) if !job.state.is_terminal() => history.unfinished.push(job.id),
                    _ => {}
                }
            }
            if page.next.is_none() {
                return Ok(history);
            }
            query = query.after(page.next);
        }
    }

    /// Stops what an earlier run queued and this one no longer wants: nobody would fetch it.
    pub(crate) async fn stop_others(&self, state: &State, planned: &[Planned<'_>]) -> Result<()> {
        let wanted: HashSet<_> = planned.iter().filter_map(|p| p.ticket.as_ref().ok()).map(|t| t.job.id()).collect();
        for id in self.unfinished.iter().filter(|id| !wanted.contains(id)) {
            state.engine.cancel(&state.owner, *id).await?;
        }
        Ok(())
    }

    /// The hashes of the outputs that are there already, by file name.
    ///
    /// Refuses to go on if one is not the work of an earlier run, which alone may be replaced.
    pub(crate) async fn outputs(&self, lines: &[Line], folder: &Path) -> Result<HashMap<String, String>, Failure> {
        let mut there = HashMap::new();
        for line in lines {
            let path = folder.join(line.file());
            if !path.exists() {
                continue;
            }
            let sha256 = AudioBody::from_file(&path)?.sha256().await?;
            if !self.made.contains(&sha256) {
                return Err(Failure::Usage(format!(
                    "line {}: {} is there and was not made by an earlier run; move it away or choose another folder",
                    line.number,
                    path.display()
                )));
            }
            there.insert(line.file(), sha256);
        }
        Ok(there)
    }
}
