//! The job that speaks a text into one stored artefact.
//!
//! Segments are spoken with a look-ahead and kept in the blob store one by one, so that a later attempt pays only for
//! what is missing. One provider speaks all of an artefact. It is assembled only when the spans of the segments that
//! have audio are exactly the text.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::watch;

use super::{
    Parts,
    join::{Joints, common_loudness, level, loudness, pause_len, trim},
    keys,
    route::Plugged,
    segments::{Speaker, text_of},
};
use crate::{
    audio::{AudioWriter, EncodedAudio, blocking, from_s16_bytes, to_s16_bytes},
    domain::{Job, JobOutput, Progress, SpokenAudio},
    error::{Error, ErrorKind, Result},
    id::LeaseId,
    layers::{Candidate, first_that_starts},
    speak::SpeakRequest,
    store::{BlobBody, BlobKey, PutOptions},
    text::{Coverage, Segment},
};

/// Where an attempt tells how far it is.
pub(crate) type ProgressSink = watch::Sender<Option<Progress>>;

/// One attempt at one artefact by one provider.
struct Rendering<'a> {
    parts: &'a Parts,
    job: &'a Job,
    request: &'a SpeakRequest,
    speaker: Speaker,
    progress: &'a ProgressSink,
    characters_done: AtomicU64,
}

/// A segment whose audio is in the blob store.
struct Kept {
    segment: Segment,
    key: BlobKey,
    loudness: Option<f64>,
    warnings: Vec<String>,
}

impl Parts {
    pub(crate) async fn render(
        self: &Arc<Self>,
        lease: LeaseId,
        job: &Job,
        request: &SpeakRequest,
        progress: &ProgressSink,
    ) -> Result<JobOutput> {
        self.check_length(&request.utterance.text)?;
        let ready = &self.ready_voice(&job.owner, request.target).await?;
        let render = |provider: Plugged| async move {
            let speaker = Speaker::new(self, &job.owner, request, ready, &provider).await?;
            let characters_done = AtomicU64::new(0);
            let rendering = Rendering { parts: self.as_ref(), job, request, speaker, progress, characters_done };
            rendering.run(lease).await
        };
        let candidates = self.candidates(request)?.into_iter().cloned();
        let started = first_that_starts(candidates.map(|p| Candidate::new(p.id.clone(), render(p)))).await?;
        let mut spoken = started.speech;
        spoken.instead_of = started.passed_over.into_iter().next().map(|p| p.provider);
        Ok(JobOutput::Speech(spoken))
    }

    /// Removes what a job kept, except its result.
    pub(crate) async fn tidy(&self, job: &Job) -> Result<u64> {
        let result = match &job.output {
            Some(JobOutput::Speech(spoken)) => Some(&spoken.key),
            _ => None,
        };
        let mut blobs = self.blobs.list(&keys::job(&job.owner, job.id)?);
        let mut removed = 0;
        while let Some(blob) = blobs.try_next().await? {
            if Some(&blob.key) != result {
                self.blobs.delete(&blob.key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Rendering<'_> {
    async fn run(&self, lease: LeaseId) -> Result<SpokenAudio> {
        let segments = self.speaker.segments(&self.request.utterance.text)?;
        let spoken = stream::iter(segments).map(|segment| self.segment(segment));
        let kept: Vec<Kept> = spoken.buffered(self.speaker.look_ahead()).try_collect().await?;
        let audio = self.assemble(&kept).await?;
        let provenance = self.speaker.provenance().of_job(self.job.id);
        let marked = self.parts.marker.mark(audio, &provenance).await?;
        let audio = marked.audio();
        let key = keys::result(&self.job.owner, self.job.id, lease, audio.format.container().extension())?;
        let options = PutOptions::default().media_type(audio.format.container().media_type());
        self.parts.blobs.put(&key, BlobBody::from(&audio.body), &options).await?;
        Ok(SpokenAudio {
            key,
            format: audio.format,
            bytes: audio.body.len(),
            sha256: audio.body.sha256().await?,
            duration: audio.duration,
            provider: self.speaker.provider().id.clone(),
            instead_of: None,
            warnings: distinct(kept.into_iter().flat_map(|k| k.warnings)),
        })
    }

    /// One segment with its audio in the blob store: found there, or spoken now.
    async fn segment(&self, segment: Segment) -> Result<Kept> {
        let text = text_of(&self.request.utterance.text, &segment)?;
        let characters = text.char_count() as u64;
        let utterance = self.request.utterance.with_text(text);
        let named = self.speaker.key(&utterance)?;
        let key = keys::segment(&self.job.owner, self.job.id, named.content())?;
        let rate = self.speaker.format().sample_rate();
        let (samples, warnings) = if let Some(samples) = self.stored(&key).await? {
            (samples, self.warned(&key).await?)
        } else {
            let spoken = self.speak(&utterance).await?;
            self.warn(&key, &spoken.summary.warnings).await?;
            let bytes = to_s16_bytes(&spoken.samples).into();
            self.parts.blobs.put(&key, BlobBody::Bytes(bytes), &PutOptions::default()).await?;
            (spoken.samples, spoken.summary.warnings)
        };
        let loudness = blocking("measure", move || Ok(loudness(&samples, rate))).await?;
        self.advance(characters);
        Ok(Kept { segment, key, loudness, warnings })
    }

    /// A segment that fails is spoken again, alone.
    async fn speak(&self, utterance: &crate::speak::Utterance) -> Result<super::segments::Spoken> {
        let mut attempt = 1;
        loop {
            match self.speaker.speak_whole(utterance).await {
                Err(e) if e.is_retryable() && attempt < self.parts.limits.segment_attempts => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Keeps the warnings of a segment beside it, and before it: whoever finds the segment finds them.
    async fn warn(&self, segment: &BlobKey, warnings: &[String]) -> Result<()> {
        if warnings.is_empty() {
            return Ok(());
        }
        let json = serde_json::to_vec(warnings)
            .map_err(|e| Error::unexpected("warnings cannot be written as JSON").with_source(e))?;
        let (key, options) = (keys::warnings(segment)?, PutOptions::default());
        self.parts.blobs.put(&key, BlobBody::Bytes(json.into()), &options).await.map(drop)
    }

    async fn warned(&self, segment: &BlobKey) -> Result<Vec<String>> {
        let body = match self.parts.fetch(&keys::warnings(segment)?).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            body => body?,
        };
        let json = body.bytes(self.parts.limits.segment_bytes as u64).await?;
        serde_json::from_slice(&json).map_err(|e| Error::unexpected("stored warnings are damaged").with_source(e))
    }

    /// The samples under a key; `None` if there is nothing, or nothing whole.
    async fn stored(&self, key: &BlobKey) -> Result<Option<Vec<f32>>> {
        match self.parts.fetch(key).await {
            Ok(body) => {
                let bytes = body.bytes(self.parts.limits.segment_bytes as u64).await?;
                Ok(from_s16_bytes(&bytes).ok().filter(|samples| !samples.is_empty()))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn advance(&self, characters: u64) {
        let total = self.request.utterance.text.char_count() as u64;
        let done = self.characters_done.fetch_add(characters, Ordering::Relaxed) + characters;
        self.progress.send_replace(Some(Progress::new("speaking", done, total)));
    }

    /// All segments as one file: one loudness, pauses between, nothing missing.
    async fn assemble(&self, kept: &[Kept]) -> Result<EncodedAudio> {
        let rate = self.speaker.format().sample_rate();
        let target = common_loudness(kept.iter().map(|k| k.loudness));
        let container = self.request.container;
        let mut writer = blocking("assemble", move || AudioWriter::create(container, rate, 1)).await?;
        let mut coverage = Coverage::of(&self.request.utterance.text);
        for (i, part) in kept.iter().enumerate() {
            let Some(mut samples) = self.stored(&part.key).await? else { continue };
            coverage.add(part.segment.span.clone())?;
            let joints = Joints { before: i > 0, after: i + 1 < kept.len() };
            let (from, pause) = (part.loudness, part.segment.pause);
            writer = blocking("assemble", move || {
                level(&mut samples, from, target);
                trim(&mut samples, rate, joints);
                if joints.after {
                    samples.extend(std::iter::repeat_n(0.0, pause_len(pause, rate)));
                }
                writer.write(&samples)?;
                Ok(writer)
            })
            .await?;
        }
        if !coverage.is_complete() {
            let words = coverage.missing_words();
            return Err(Error::new(ErrorKind::Protocol, format!("there is no speech for a part of the text: {words}"))
                .with_retry(crate::error::Retry::After(None)));
        }
        blocking("assemble", move || writer.finish()).await
    }
}

fn distinct(warnings: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for warning in warnings {
        if !seen.contains(&warning) {
            seen.push(warning);
        }
    }
    seen
}
