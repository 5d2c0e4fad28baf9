//! Reading and changing samples and voices: owner-scoped, compare-and-set, tried again when another writer was faster.
use std::time::Duration;

use super::{Engine, Parts};
use crate::{
    domain::{SampleState, Voice, VoiceSample, VoiceState},
    error::{Error, ErrorKind, Result, Retry},
    id::{OwnerId, SampleId, VoiceId},
    speak::VoiceTarget,
    store::{Page, PageQuery},
};

const CAS_ATTEMPTS: usize = 16;

/// A voice with its usable recordings; at least one.
#[derive(Debug, Clone)]
pub(crate) struct ReadyVoice {
    pub(crate) voice: Voice,
    pub(crate) samples: Vec<VoiceSample>,
}

impl Parts {
    /// A voice that is not deleted.
    pub(crate) async fn live_voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        let voice = self.catalog.voice(owner, id).await?;
        if voice.state() == VoiceState::Deleted { Err(Error::not_found("voice", id)) } else { Ok(voice) }
    }

    /// A sample that is not deleted.
    pub(crate) async fn live_sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        let sample = self.catalog.sample(owner, id).await?;
        if sample.state() == SampleState::Deleted { Err(Error::not_found("sample", id)) } else { Ok(sample) }
    }

    /// The voice that a request means.
    pub(crate) async fn target_voice(&self, owner: &OwnerId, target: VoiceTarget) -> Result<Voice> {
        let id = match target {
            VoiceTarget::Voice(id) => id,
            VoiceTarget::Sample(id) => self.live_sample(owner, id).await?.voice,
        };
        self.live_voice(owner, id).await
    }

    /// The voice with its ready recordings.
    ///
    /// `Conflict` while its only recordings are still being prepared (see [`is_still_preparing`]); `InvalidInput` if
    /// every one was rejected.
    pub(crate) async fn ready_voice(&self, owner: &OwnerId, target: VoiceTarget) -> Result<ReadyVoice> {
        let voice = self.target_voice(owner, target).await?;
        let mut ready = Vec::new();
        let mut rejections = Vec::new();
        let mut preparing = false;
        for id in &voice.samples {
            let sample = self.catalog.sample(owner, *id).await?;
            match sample.state() {
                SampleState::Ready => ready.push(sample),
                SampleState::Rejected => rejections.extend(sample.rejections),
                SampleState::Received | SampleState::Processing => preparing = true,
                SampleState::Deleted => {}
            }
        }
        if !ready.is_empty() {
            return Ok(ReadyVoice { voice, samples: ready });
        }
        if preparing {
            return Err(still_preparing().with("voice", voice.id));
        }
        let why = if rejections.is_empty() { "it has no recording".to_owned() } else { rejections.join(" ") };
        Err(Error::invalid(format!("this voice cannot be used: {why}")).with("voice", voice.id))
    }

    /// Changes a sample, again from what is kept whenever another writer was faster.
    pub(crate) async fn change_sample(
        &self,
        owner: &OwnerId,
        id: SampleId,
        change: impl Fn(VoiceSample) -> Result<VoiceSample> + Send + Sync,
    ) -> Result<VoiceSample> {
        for _ in 0..CAS_ATTEMPTS {
            let kept = self.catalog.sample(owner, id).await?;
            let changed = change(kept.clone())?;
            if changed == kept {
                return Ok(kept);
            }
            match self.catalog.update_sample(&changed).await {
                Err(e) if e.kind() == ErrorKind::Conflict => {}
                other => return other,
            }
        }
        Err(contended("sample").with("sample", id))
    }

    /// Changes a voice, again from what is kept whenever another writer was faster.
    pub(crate) async fn change_voice(
        &self,
        owner: &OwnerId,
        id: VoiceId,
        change: impl Fn(Voice) -> Result<Voice> + Send + Sync,
    ) -> Result<Voice> {
        for _ in 0..CAS_ATTEMPTS {
            let kept = self.catalog.voice(owner, id).await?;
            let changed = change(kept.clone())?;
            if changed == kept {
                return Ok(kept);
            }
            match self.catalog.update_voice(&changed).await {
                Err(e) if e.kind() == ErrorKind::Conflict => {}
                other => return other,
            }
        }
        Err(contended("voice").with("voice", id))
    }
}

const PREPARING: &str = "wait for the recording";

fn still_preparing() -> Error {
    Error::new(ErrorKind::Conflict, "the recording of this voice is still being prepared")
        .during(PREPARING)
        .with_retry(Retry::After(Some(Duration::from_millis(200))))
}

/// True for the error of a voice whose recording is on its way: nothing failed, and asking again soon helps.
pub(crate) fn is_still_preparing(error: &Error) -> bool {
    error.op() == Some(PREPARING)
}

fn contended(what: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("the {what} is being changed by too many writers at once"))
        .with_retry(Retry::After(None))
}

impl Engine {
    /// One sample. A deleted one is not found.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's sample.
    pub async fn sample(&self, owner: &OwnerId, id: SampleId) -> Result<VoiceSample> {
        self.0.live_sample(owner, id).await
    }

    /// The owner's samples, oldest first.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that no page gave.
    pub async fn samples(&self, query: &PageQuery) -> Result<Page<VoiceSample>> {
        self.0.catalog.samples(query).await
    }

    /// One voice. A deleted one is not found.
    ///
    /// # Errors
    /// `NotFound`, also for another owner's voice.
    pub async fn voice(&self, owner: &OwnerId, id: VoiceId) -> Result<Voice> {
        self.0.live_voice(owner, id).await
    }

    /// The owner's voices, oldest first.
    ///
    /// # Errors
    /// `InvalidInput` for a cursor that no page gave.
    pub async fn voices(&self, query: &PageQuery) -> Result<Page<Voice>> {
        self.0.catalog.voices(query).await
    }

    /// Makes a voice of several recordings of one person.
    ///
    /// # Errors
    /// `InvalidInput` without a sample; `NotFound` for one that is not the owner's; `ConsentRequired` if their consents do
    /// not cover speech or name different people.
    pub async fn create_voice(&self, owner: &OwnerId, name: &str, samples: &[SampleId]) -> Result<Voice> {
        if samples.is_empty() {
            return Err(Error::invalid("a voice is made of at least one sample"));
        }
        let mut consents = Vec::new();
        for id in samples {
            consents.push(self.0.live_sample(owner, *id).await?.consent);
        }
        self.0.permit(owner, &consents)?;
        let voice = Voice::new(VoiceId::new(), owner.clone(), checked_name(name)?, samples.to_vec());
        self.0.catalog.insert_voice(&voice).await?;
        Ok(voice)
    }

    /// Calls a voice something else.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for a name that is empty, over 200 characters or holds control characters.
    pub async fn rename_voice(&self, owner: &OwnerId, id: VoiceId, name: &str) -> Result<Voice> {
        let name = checked_name(name)?;
        self.0.live_voice(owner, id).await?;
        let rename = |mut voice: Voice| {
            voice.name.clone_from(&name);
            Ok(voice)
        };
        self.0.change_voice(owner, id, rename).await
    }
}

/// A voice's name, for people.
pub(crate) fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > 200 || name.chars().any(char::is_control) {
        return Err(Error::invalid("a voice's name has 1 to 200 characters and no control characters")
            .with("characters", chars));
    }
    Ok(name.to_owned())
}
