//! Recordings and audio that pass the application by: a browser puts and gets them at the blob store itself, with a
//! request that is good for one object and a while. What was put is looked at like any other upload before it counts.
use std::time::Duration;

use super::{Engine, Ingested, Parts, Upload, ingest::Admitted, keys, records::checked_name};
use crate::{
    audio::{AudioBody, RawAudio},
    consent::Consent,
    domain::{SampleState, VoiceSample},
    error::{Error, ErrorKind, Result},
    id::{JobId, OwnerId, SampleId, VoiceId},
    store::{BlobKey, PresignedRequest, PutOptions},
};

/// Where a recording may be put, once or several times, until the request lapses.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UploadSlot {
    /// The sample that it becomes when it is confirmed.
    pub sample: SampleId,
    /// The request, which its sender completes with the bytes. It is a secret until it lapses.
    pub request: PresignedRequest,
    /// The most bytes that are taken. The request cannot bound them: more is refused when it is confirmed.
    pub max_bytes: u64,
}

/// What is said of a recording that was put at an [`UploadSlot`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DirectUpload {
    /// The sample that the slot named.
    pub sample: SampleId,
    /// The consent of the person in it. No sample without it.
    pub consent: Consent,
    /// What the voice made for it is called; the subject's name unless set.
    pub name: Option<String>,
    /// The voice it is added to, instead of one of its own.
    pub voice: Option<VoiceId>,
    /// The media type or file name the sender gave. Only ever repeated in messages: the bytes decide.
    pub declared: Option<String>,
}

impl DirectUpload {
    /// The recording at the slot of this sample, with a consent.
    pub fn new(sample: SampleId, consent: Consent) -> Self {
        Self { sample, consent, name: None, voice: None, declared: None }
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

    /// What the sender called the bytes.
    #[must_use]
    pub fn declared(mut self, name: impl Into<String>) -> Self {
        self.declared = Some(name.into());
        self
    }

    fn with_audio(&self, body: AudioBody) -> Upload {
        let audio = self.declared.iter().fold(RawAudio::new(body), RawAudio::declared);
        Upload { audio, consent: self.consent.clone(), name: self.name.clone(), voice: self.voice }
    }
}

impl Engine {
    /// Makes room for one recording that somebody without credentials of the store puts there themself, such as a
    /// browser. Nothing is on record until [`Engine::ingest_uploaded`] confirms it; what is not confirmed the sweep
    /// removes. Keep `ttl` to minutes, and below the sweep's grace.
    ///
    /// # Errors
    /// `Unsupported` if the blob store makes no URLs; `InvalidInput` for a time the store does not take.
    pub async fn upload_url(&self, owner: &OwnerId, ttl: Duration) -> Result<UploadSlot> {
        let sample = SampleId::new();
        let key = keys::upload(owner, sample)?;
        let request = self.0.blobs.presign_put(&key, ttl, &PutOptions::default()).await?;
        Ok(UploadSlot { sample, request, max_bytes: self.0.limits.decode.max_bytes })
    }

    /// Takes the recording that was put at a slot, as [`Engine::ingest`] takes one: checks consent, size, format and
    /// length, stores it, and queues its preparation. May be repeated when an answer was lost or may be tried again: the
    /// same sample and the same job are found. What is refused is removed and needs another slot.
    ///
    /// # Errors
    /// `NotFound` if nothing was put there, by this owner, or it was refused or erased before; `ConsentRequired`;
    /// `InvalidInput` for bytes that are no audio of an accepted kind or outside the limits; `Conflict` if it was
    /// confirmed before for another person or voice; `NotFound` if the voice it should join is not the owner's.
    ///
    /// # Cancel safety
    /// Dropping the future leaves what a lost answer leaves: confirm again, or let [`Engine::sweep`] find it.
    pub async fn ingest_uploaded(&self, owner: &OwnerId, upload: DirectUpload) -> Result<Ingested> {
        let key = keys::upload(owner, upload.sample)?;
        match self.0.taken(owner, &key, &upload).await {
            Ok(sample) => {
                let ingested = self.prepare_soon(sample).await?;
                self.0.clear(&key).await;
                Ok(ingested)
            }
            Err(e) => {
                if is_refusal(&e) {
                    self.0.clear(&key).await;
                }
                Err(e)
            }
        }
    }

    /// A request that reads the audio a job made, from the blob store itself.
    ///
    /// # Errors
    /// As [`Engine::audio`]; `Unsupported` if the blob store makes no URLs; `InvalidInput` for a time the store does not
    /// take.
    pub async fn audio_url(&self, owner: &OwnerId, job: JobId, ttl: Duration) -> Result<PresignedRequest> {
        self.0.blobs.presign_get(&self.spoken_key(owner, job).await?, ttl).await
    }
}

impl Parts {
    async fn taken(&self, owner: &OwnerId, key: &BlobKey, upload: &DirectUpload) -> Result<VoiceSample> {
        if let Some(sample) = self.confirm_again(owner, upload).await? {
            return Ok(sample);
        }
        match self.take(owner, key, upload).await {
            // Perhaps another confirmation was faster.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => {
                self.confirm_again(owner, upload).await?.ok_or(e)
            }
            taken => taken,
        }
    }

    async fn take(&self, owner: &OwnerId, key: &BlobKey, upload: &DirectUpload) -> Result<VoiceSample> {
        let (id, limit) = (upload.sample, self.limits.decode.max_bytes);
        let found = self.blobs.head(key).await.map_err(|e| no_upload(e, id))?.size;
        if found > limit {
            return Err(Error::invalid(format!("the upload has {found} bytes; at most {limit} are accepted")));
        }
        let reader = self.blobs.get(key, None).await.map_err(|e| no_upload(e, id))?;
        // It may have been replaced since it was measured.
        let body = AudioBody::spool(reader.chunks, limit).await?;
        let admitted = self.admit(owner, id, upload.with_audio(body)).await?;
        self.record(&admitted).await?;
        Ok(admitted.sample)
    }

    /// The sample if it is on record. Its voice may not be, if the process ended in between.
    async fn confirm_again(&self, owner: &OwnerId, upload: &DirectUpload) -> Result<Option<VoiceSample>> {
        let sample = match self.catalog.sample(owner, upload.sample).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        if sample.state() == SampleState::Deleted {
            return Err(Error::not_found("upload", sample.id));
        }
        if sample.consent.subject != upload.consent.subject || upload.voice.is_some_and(|voice| voice != sample.voice) {
            let message = "this upload was confirmed before, for another person or voice";
            return Err(Error::new(ErrorKind::Conflict, message).with("sample", sample.id));
        }
        let name = match upload.voice {
            Some(_) => None,
            None => Some(checked_name(upload.name.as_deref().unwrap_or(&sample.consent.subject))?),
        };
        let admitted = Admitted { sample, name };
        match self.enter_voice(&admitted).await {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                self.live_voice(&admitted.sample.owner, admitted.sample.voice).await?;
            }
            entered => entered?,
        }
        Ok(Some(admitted.sample))
    }

    /// Removes what was put at a slot. What cannot be removed now the sweep removes.
    async fn clear(&self, key: &BlobKey) {
        if let Err(error) = self.blobs.delete(key).await {
            tracing::warn!(error = %error.chain(), "an upload that was dealt with could not be removed");
        }
    }
}

/// Whether an error is about the upload, and not about a store that may be in order tomorrow.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind::{Conflict, ConsentRequired, InvalidInput, NotFound, Unsupported};
    !error.is_retryable() && matches!(error.kind(), InvalidInput | Unsupported | ConsentRequired | NotFound | Conflict)
}

fn no_upload(error: Error, id: SampleId) -> Error {
    if error.kind() == ErrorKind::NotFound { Error::not_found("upload", id) } else { error }
}
