//! The job that turns a stored upload into a clean clip or a refusal. Every step may be repeated.
use super::{Parts, keys};
use crate::{
    audio::{AudioBody, EncodedAudio, RawAudio},
    domain::{ClipProfile, JobOutput, QualityReport, SampleState, VoiceSample},
    error::{ErrorKind, Result},
    id::{Fingerprint, OwnerId, SampleId},
    observe::{OpInfo, OpOutcome},
    preprocess::Prepared,
    store::{BlobBody, BlobKey, PutOptions},
};

impl Parts {
    /// Prepares one sample; its record says what came of it.
    pub(crate) async fn prepare(&self, owner: &OwnerId, id: SampleId) -> Result<JobOutput> {
        let sample = self.change_sample(owner, id, begin).await?;
        if sample.state() == SampleState::Processing {
            let watch = self.observer.start(&OpInfo::new("prepare", "", None));
            let outcome = self.prepare_now(&sample).await;
            watch.end(outcome.as_ref().map_or_else(OpOutcome::Err, |()| OpOutcome::Ok));
            outcome?;
        }
        Ok(JobOutput::Prepared { sample: id })
    }

    async fn prepare_now(&self, sample: &VoiceSample) -> Result<()> {
        let audio = RawAudio::new(self.fetch(&sample.original).await?);
        match self.preprocessor.process(audio, &ClipProfile::master()).await {
            Ok(Prepared { clip: Some(clip), quality }) => self.keep_clip(sample, &clip, &quality).await,
            Ok(Prepared { clip: None, quality }) => {
                let reasons = quality.rejections();
                let fill = |s: &mut VoiceSample| {
                    s.rejections.clone_from(&reasons);
                    s.quality = Some(quality.clone());
                };
                self.end(sample, SampleState::Rejected, fill).await.map(drop)
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                let fill = |s: &mut VoiceSample| s.rejections = vec![error.message().to_owned()];
                self.end(sample, SampleState::Rejected, fill).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }

    async fn keep_clip(&self, sample: &VoiceSample, clip: &EncodedAudio, quality: &QualityReport) -> Result<()> {
        let sha256 = clip.body.sha256().await?;
        let made_by = self.preprocessor.fingerprint();
        let fingerprint = Fingerprint::of([sha256.as_bytes(), made_by.as_str().as_bytes()]);
        let key = keys::processed(&sample.owner, sample.id, &fingerprint)?;
        let options = PutOptions::default().media_type(clip.format.container().media_type());
        self.blobs.put(&key, BlobBody::from(&clip.body), &options).await?;
        let fill = |s: &mut VoiceSample| {
            s.processed = Some(key.clone());
            s.processed_fingerprint = Some(fingerprint.clone());
            s.quality = Some(quality.clone());
        };
        let kept = self.end(sample, SampleState::Ready, fill).await?;
        // Erased in the meantime: the clip must not outlive its record.
        if kept.state() == SampleState::Deleted { self.blobs.delete(&key).await } else { Ok(()) }
    }

    /// The preparation failed for good: the sample says so, instead of waiting for ever.
    pub(crate) async fn give_up(&self, owner: &OwnerId, id: SampleId, why: &str) -> Result<()> {
        let sample = self.change_sample(owner, id, begin).await?;
        let reason = format!("The recording could not be prepared: {why}");
        self.end(&sample, SampleState::Rejected, |s| s.rejections = vec![reason.clone()]).await.map(drop)
    }

    /// Ends the preparation in `state` unless somebody ended or erased it before.
    async fn end(
        &self,
        sample: &VoiceSample,
        state: SampleState,
        fill: impl Fn(&mut VoiceSample) + Send + Sync,
    ) -> Result<VoiceSample> {
        self.change_sample(&sample.owner, sample.id, |kept| {
            if kept.state() != SampleState::Processing {
                return Ok(kept);
            }
            let mut ended = kept.transition(state)?;
            fill(&mut ended);
            Ok(ended)
        })
        .await
    }

    /// A stored blob as a body that can be read from the start as often as needed.
    pub(crate) async fn fetch(&self, key: &BlobKey) -> Result<AudioBody> {
        let reader = self.blobs.get(key, None).await?;
        AudioBody::spool(reader.chunks, u64::MAX).await
    }
}

fn begin(sample: VoiceSample) -> Result<VoiceSample> {
    match sample.state() {
        SampleState::Received => sample.transition(SampleState::Processing),
        _ => Ok(sample),
    }
}
