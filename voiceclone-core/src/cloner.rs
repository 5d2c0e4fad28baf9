//! The seam of enrolment: making, finding and removing a voice at a provider. Apart from speech, because some providers
//! only speak and some only enrol.
use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    audio::{BoxStream, EncodedAudio},
    consent::Permit,
    domain::ClipProfile,
    error::Result,
    id::{IdempotencyKey, ProviderVoiceId},
    speak::ProviderOptions,
};

/// Who a cloner is and what it takes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClonerInfo {
    /// The provider's name in logs and metrics.
    pub name: String,
    /// Names the account without giving the key away; empty where there is none.
    pub account: String,
    /// What it wants of a clip.
    pub clip: ClipProfile,
    /// The most clips of one enrolment; at least 1.
    pub max_clips: usize,
    /// Shortest total length of the clips.
    pub min_duration: Duration,
    /// Sending the same idempotency key twice makes one voice. Without it an enrolment with an unknown outcome is looked
    /// up by listing before it is sent again.
    pub idempotent: bool,
}

impl ClonerInfo {
    /// A cloner of this name that takes one clip.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            account: String::new(),
            clip: ClipProfile::master(),
            max_clips: 1,
            min_duration: Duration::ZERO,
            idempotent: false,
        }
    }

    /// Sets further fields.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut Self)) -> Self {
        set(&mut self);
        self
    }
}

/// A voice to be made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EnrollRequest {
    permit: Permit,
    /// The name it gets at the provider: unique to the binding, so that a lost answer can be found again by listing.
    pub name: String,
    /// BCP 47 tag of what is spoken in the clips.
    pub language: Option<String>,
    /// At least one clip, prepared as [`ClonerInfo::clip`] asks.
    pub clips: Arc<[EncodedAudio]>,
    /// Equal for every attempt of one enrolment.
    pub idempotency_key: IdempotencyKey,
    /// Settings by provider.
    pub options: ProviderOptions,
}

impl EnrollRequest {
    /// A request under `permit`. There is no other constructor: no consent, no clone.
    pub fn new(
        permit: Permit,
        name: impl Into<String>,
        clips: impl Into<Arc<[EncodedAudio]>>,
        key: IdempotencyKey,
    ) -> Self {
        Self {
            permit,
            name: name.into(),
            language: None,
            clips: clips.into(),
            idempotency_key: key,
            options: ProviderOptions::new(),
        }
    }

    /// Under which consents.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }
}

/// Where an enrolment stands at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrollmentStatus {
    /// Usable.
    Ready,
    /// Being trained; ask again after this long.
    Training(Duration),
    /// Refused or broken, with the reason in our words.
    Failed(String),
}

/// A voice as its provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderVoice {
    /// The provider's id.
    pub id: ProviderVoiceId,
    /// The name it was given.
    pub name: String,
    /// Where it stands.
    pub status: EnrollmentStatus,
}

impl ProviderVoice {
    /// A voice of this id and name.
    pub fn new(id: ProviderVoiceId, name: impl Into<String>, status: EnrollmentStatus) -> Self {
        Self { id, name: name.into(), status }
    }
}

/// Makes, finds and removes voices at one provider. The seam that every cloning provider implements.
///
/// # Cancel safety
/// Dropping [`VoiceCloner::enroll`] leaves its outcome unknown: the engine finds the voice by name, or removes it.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait VoiceCloner: Debug + Send + Sync + 'static {
    /// Who this is and what it takes. The same answer every time.
    fn info(&self) -> &ClonerInfo;

    /// Makes a voice.
    ///
    /// # Errors
    /// `InvalidInput` for clips it cannot use, `QuotaExceeded` where no slot is left; otherwise whatever it answered.
    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice>;

    /// What the provider knows of a voice.
    ///
    /// # Errors
    /// `NotFound` if it knows none of this id.
    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice>;

    /// Removes a voice. One that is already gone is a success.
    ///
    /// # Errors
    /// Whatever the provider answered.
    async fn remove(&self, id: &ProviderVoiceId) -> Result<()>;

    /// Every voice of the account, in any order.
    fn list(&self) -> BoxStream<Result<ProviderVoice>>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: VoiceCloner + ?Sized> VoiceCloner for Arc<T> {
    fn info(&self) -> &ClonerInfo {
        (**self).info()
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        (**self).enroll(request).await
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        (**self).describe(id).await
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        (**self).remove(id).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        (**self).list()
    }
}
