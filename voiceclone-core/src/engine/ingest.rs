//! An upload on its way in: consent, format and length are checked before a byte is stored.
use std::path::Path;

use super::{Engine, JobHandle, Parts, erase::redact, keys, records::checked_name};
use crate::{
    audio::{AudioBody, RawAudio, blocking, probe},
    consent::{Consent, Permit, Purpose},
    domain::{JobSpec, NewJob, Voice, VoiceSample, VoiceState},
    error::{Error, ErrorKind, Result},
    id::{IdempotencyKey, OwnerId, SampleId, VoiceId},
    store::{BlobBody, PutOptions},
};

/// A recording somebody offers, with the consent of the person in it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Upload {
    /// The bytes.
    pub audio: RawAudio,
    /// The consent. No sample without it.
    pub consent: Consent,
    /// What the voice made for it is called; the subject's name unless set.
    pub name: Option<String>,
    /// The voice it is added to, instead of one of its own.
    pub voice: Option<VoiceId>,
}

impl Upload {
    /// Bytes with a consent.
    pub fn new(audio: RawAudio, consent: Consent) -> Self {
        Self { audio, consent, name: None, voice: None }
    }

    /// A file with a consent. It is read while it is ingested.
    ///
    /// # Errors
    /// `InvalidInput` if it cannot be opened or is no regular file.
    pub fn from_file(path: impl AsRef<Path>, consent: Consent) -> Result<Self> {
        let path = path.as_ref();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let audio = RawAudio::new(AudioBody::from_file(path)?);
        Ok(Self::new(name.into_iter().fold(audio, RawAudio::declared), consent))
    }

    /// What the voice made for it is called.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The voice it is added to.
    #[must_use]
    pub fn into_voice(mut self, voice: VoiceId) -> Self {
        self.voice = Some(voice);
        self
    }
}

/// A stored upload and the job that prepares it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ingested {
    /// The sample, as it was stored.
    pub sample: VoiceSample,
    /// Its preparation.
    pub job: JobHandle,
}

impl Engine {
    /// Takes a recording: checks consent, format and length, stores it, and queues its preparation. Nothing of a refused
    /// upload is left behind.
    ///
    /// # Errors
    /// `ConsentRequired`; `InvalidInput` for bytes that are no audio of an accepted kind or outside the limits;
    /// `NotFound` if the voice it should join is not the owner's.
    ///
    /// # Cancel safety
    /// Dropping the future may leave a stored recording without a record; [`Engine::sweep`] removes it.
    pub async fn ingest(&self, owner: &OwnerId, upload: Upload) -> Result<Ingested> {
        let sample = self.0.store_upload(owner, upload).await?;
        self.prepare_soon(sample).await
    }

    /// Queues the preparation of a stored sample; the second time it finds the job of the first.
    pub(super) async fn prepare_soon(&self, sample: VoiceSample) -> Result<Ingested> {
        let job = NewJob::new(sample.owner.clone(), JobSpec::PrepareSample { sample: sample.id })
            .with_key(IdempotencyKey::new(sample.id.to_string())?);
        Ok(Ingested { job: self.enqueue(job).await?, sample })
    }
}

/// An upload whose bytes are stored and which is on no record yet.
pub(super) struct Admitted {
    pub(super) sample: VoiceSample,
    /// What the voice made for it is called, unless it joins another.
    pub(super) name: Option<String>,
}

impl Parts {
    async fn store_upload(&self, owner: &OwnerId, upload: Upload) -> Result<VoiceSample> {
        let admitted = self.admit(owner, SampleId::new(), upload).await?;
        if let Err(error) = self.record(&admitted).await {
            self.abandon(&admitted).await;
            return Err(error);
        }
        Ok(admitted.sample)
    }

    /// Checks an upload and stores its bytes.
    pub(super) async fn admit(&self, owner: &OwnerId, id: SampleId, upload: Upload) -> Result<Admitted> {
        self.permit(owner, std::slice::from_ref(&upload.consent))?;
        let name = checked_name(upload.name.as_deref().unwrap_or(&upload.consent.subject))?;
        if let Some(voice) = upload.voice {
            self.may_join(owner, voice, &upload.consent).await?;
        }
        let (audio, limits) = (upload.audio.clone(), self.limits.decode);
        let clip =
            blocking("check the recording", move || probe(&audio.body, audio.declared.as_deref(), &limits)).await?;
        let sha256 = upload.audio.body.sha256().await?;
        let sample = VoiceSample::received(
            id,
            owner.clone(),
            upload.voice.unwrap_or_else(VoiceId::new),
            keys::original(owner, id, &sha256)?,
            sha256,
            upload.audio.body.len(),
            clip.format,
            upload.consent,
        );
        let options = PutOptions::default().media_type(clip.format.container().media_type());
        self.blobs.put(&sample.original, BlobBody::from(&upload.audio.body), &options).await?;
        Ok(Admitted { sample, name: upload.voice.is_none().then_some(name) })
    }

    pub(super) async fn record(&self, admitted: &Admitted) -> Result<()> {
        self.catalog.insert_sample(&admitted.sample).await?;
        self.enter_voice(admitted).await
    }

    /// Makes the voice of a sample that is on record, or adds the sample to the one it joins. May be repeated.
    pub(super) async fn enter_voice(&self, Admitted { sample, name }: &Admitted) -> Result<()> {
        if let Some(name) = name {
            let voice = Voice::new(sample.voice, sample.owner.clone(), name.clone(), vec![sample.id]);
            return self.catalog.insert_voice(&voice).await;
        }
        let add = |mut voice: Voice| {
            if voice.state() == VoiceState::Deleted {
                return Err(Error::not_found("voice", voice.id));
            }
            if !voice.samples.contains(&sample.id) {
                voice.samples.push(sample.id);
            }
            Ok(voice)
        };
        self.change_voice(&sample.owner, sample.voice, add).await.map(drop)
    }

    /// Takes back an upload that could not be recorded whole. A record may be there although its store said otherwise.
    async fn abandon(&self, Admitted { sample, name }: &Admitted) {
        let (owner, mut left) = (&sample.owner, Vec::new());
        left.extend(self.change_sample(owner, sample.id, redact).await.err());
        if name.is_some() {
            left.extend(self.change_voice(owner, sample.voice, |voice| Ok(voice.deleted())).await.err());
        }
        left.extend(self.blobs.delete(&sample.original).await.err());
        for error in left.into_iter().filter(|e| e.kind() != ErrorKind::NotFound) {
            // What is left the sweep finds: a recording without bytes is rejected, bytes without a record are removed.
            tracing::warn!(sample = %sample.id, error = %error.chain(), "a refused upload could not be taken back");
        }
    }

    async fn may_join(&self, owner: &OwnerId, voice: VoiceId, consent: &Consent) -> Result<()> {
        let voice = self.live_voice(owner, voice).await?;
        let mut consents = vec![consent.clone()];
        for id in voice.samples {
            consents.push(self.catalog.sample(owner, id).await?.consent);
        }
        self.permit(owner, &consents).map(drop)
    }

    /// The permit for speech under these consents.
    pub(crate) fn permit(&self, owner: &OwnerId, consents: &[Consent]) -> Result<Permit> {
        self.consent.permit(owner, consents, Purpose::SpeechSynthesis, chrono::Utc::now())
    }
}
