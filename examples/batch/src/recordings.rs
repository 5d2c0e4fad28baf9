//! The recordings of a manifest in the state: each distinct one once, those of an earlier run found again.
use std::{collections::HashMap, path::PathBuf};

use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::AudioBody,
    domain::{JobSpec, NewJob, SampleState, VoiceSample},
    engine::{JobHandle, Upload},
    id::{IdempotencyKey, SampleId},
    store::PageQuery,
};

use crate::{consent, failure::Failure, manifest::Line, state::State};

/// A recording in the state, with its preparation.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The first file it was found in.
    pub(crate) path: PathBuf,
    pub(crate) sample: VoiceSample,
    pub(crate) prepared: JobHandle,
}

/// What became of every recording that a manifest names.
#[derive(Debug, Default)]
pub(crate) struct Recordings {
    hashes: HashMap<PathBuf, Result<String>>,
    by_hash: HashMap<String, Result<SampleId>>,
    pub(crate) kept: Vec<Recording>,
    /// The removal of recordings that turned out to be of no use in an earlier run.
    pub(crate) removals: Vec<JobHandle>,
}

impl Recordings {
    /// Finds or takes in every recording of `lines`. One that cannot be taken is an error of its lines only.
    pub(crate) async fn take_in(state: &State, lines: &[Line]) -> Result<Self, Failure> {
        let hashes = hash(lines).await;
        check_subjects(lines, &hashes)?;
        let mut known = known(state).await?;
        let mut recordings = Self { hashes, ..Self::default() };
        for line in lines {
            let Some(Ok(sha256)) = recordings.hashes.get(&line.sample).cloned() else { continue };
            if recordings.by_hash.contains_key(&sha256) {
                continue;
            }
            let earlier = known.remove(&(sha256.clone(), line.subject.clone())).unwrap_or_default();
            let sample = recordings.find_or_ingest(state, line, earlier).await;
            recordings.by_hash.insert(sha256, sample);
        }
        Ok(recordings)
    }

    /// The sample that a line speaks in.
    pub(crate) fn sample(&self, line: &Line) -> Result<SampleId> {
        let missing = || Error::unexpected("a recording was not taken in");
        let sha256 = self.hashes.get(&line.sample).ok_or_else(missing)?.as_ref().map_err(Error::clone)?;
        self.by_hash.get(sha256).ok_or_else(missing)?.clone()
    }

    async fn find_or_ingest(&mut self, state: &State, line: &Line, earlier: Vec<VoiceSample>) -> Result<SampleId> {
        for sample in earlier {
            if let Some(recording) = self.usable(state, line, sample).await? {
                return Ok(self.keep(recording));
            }
        }
        let upload = Upload::from_file(&line.sample, consent::of(&line.subject))?;
        let ingested = state.engine.ingest(&state.owner, upload).await?;
        Ok(self.keep(Recording { path: line.sample.clone(), sample: ingested.sample, prepared: ingested.job }))
    }

    fn keep(&mut self, recording: Recording) -> SampleId {
        let id = recording.sample.id;
        self.kept.push(recording);
        id
    }

    /// A recording of an earlier run, unless that run rejected it or was killed before it was whole.
    async fn usable(&mut self, state: &State, line: &Line, sample: VoiceSample) -> Result<Option<Recording>> {
        match state.engine.voice(&state.owner, sample.voice).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            voice => voice?,
        };
        // The key is the one under which the engine queues a preparation, so this finds it, or makes up for a lost one.
        let job = NewJob::new(state.owner.clone(), JobSpec::PrepareSample { sample: sample.id });
        let prepared = state.engine.enqueue(job.with_key(IdempotencyKey::new(sample.id.to_string())?)).await?;
        let ended = state.engine.job(&state.owner, prepared.id()).await?.state.is_terminal();
        if sample.state() == SampleState::Ready || !ended {
            return Ok(Some(Recording { path: line.sample.clone(), sample, prepared }));
        }
        self.removals.push(state.engine.erase(&state.owner, sample.voice).await?);
        Ok(None)
    }
}

/// The hash of every distinct file.
async fn hash(lines: &[Line]) -> HashMap<PathBuf, Result<String>> {
    let mut hashes = HashMap::new();
    for line in lines {
        if !hashes.contains_key(&line.sample) {
            let hash = match AudioBody::from_file(&line.sample) {
                Ok(body) => body.sha256().await,
                Err(error) => Err(error),
            };
            hashes.insert(line.sample.clone(), hash);
        }
    }
    hashes
}

/// One recording is of one person.
fn check_subjects(lines: &[Line], hashes: &HashMap<PathBuf, Result<String>>) -> Result<(), Failure> {
    let mut subjects: HashMap<&str, &Line> = HashMap::new();
    for line in lines {
        let Some(Ok(sha256)) = hashes.get(&line.sample) else { continue };
        let first = subjects.entry(sha256).or_insert(line);
        if first.subject != line.subject {
            return Err(Failure::Usage(format!(
                "line {} gives another consent_subject for the recording of line {}: {:?} and {:?}",
                line.number, first.number, line.subject, first.subject
            )));
        }
    }
    Ok(())
}

/// The recordings of earlier runs by hash and subject, oldest first.
async fn known(state: &State) -> Result<HashMap<(String, String), Vec<VoiceSample>>> {
    let mut known: HashMap<_, Vec<_>> = HashMap::new();
    let mut query = PageQuery::of(state.owner.clone());
    loop {
        let page = state.engine.samples(&query).await?;
        for sample in page.items {
            let key = (sample.original_sha256.clone(), sample.consent.subject.clone());
            known.entry(key).or_default().push(sample);
        }
        if page.next.is_none() {
            return Ok(known);
        }
        query.after = page.next;
    }
}
