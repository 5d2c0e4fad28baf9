//! The seam of marking: synthetic speech says that it is synthetic.
//!
//! [`MarkedAudio`] is another type than [`EncodedAudio`]: what the engine stores and hands out has been through a
//! [`Marker`], or it does not compile.
mod metadata;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    audio::EncodedAudio,
    error::Result,
    id::{ConsentId, JobId},
};

pub use metadata::MetadataMarker;

/// Where a piece of synthetic speech comes from: what EU AI Act Art. 50(2) and California SB 942 ask a mark to say, and
/// the consent it rests on. Neither text nor name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// Always true; spelled out for whoever reads the mark.
    pub ai_generated: bool,
    /// IPTC's term for media made by a trained model.
    pub digital_source_type: String,
    /// The software that made it, with its version.
    pub generator: String,
    /// The provider that spoke.
    pub provider: String,
    /// The provider's model, if it names one.
    pub model: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// A unique id of this output: the job's, where there is one.
    pub id: String,
    /// The consents it rests on.
    pub consents: Vec<ConsentId>,
}

/// IPTC `NewsCodes` digital source type of media made by a trained model.
pub const TRAINED_ALGORITHMIC_MEDIA: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

impl Provenance {
    /// Speech by `provider` under `consents`, made now.
    pub fn of_speech(provider: impl Into<String>, model: Option<String>, consents: &[ConsentId]) -> Self {
        Self {
            ai_generated: true,
            digital_source_type: TRAINED_ALGORITHMIC_MEDIA.to_owned(),
            generator: concat!("voiceclone/", env!("CARGO_PKG_VERSION")).to_owned(),
            provider: provider.into(),
            model,
            created_at: Utc::now(),
            id: JobId::new().to_string(),
            consents: consents.to_vec(),
        }
    }

    /// The output's id is that of the job.
    #[must_use]
    pub fn of_job(mut self, job: JobId) -> Self {
        self.id = job.to_string();
        self
    }
}

/// Audio that carries a mark. Made by a [`Marker`].
#[derive(Debug, Clone)]
pub struct MarkedAudio {
    audio: EncodedAudio,
    how: String,
}

impl MarkedAudio {
    /// For markers: `audio` as it is now that it carries the mark, and a word for how, such as `metadata`.
    pub fn attest(audio: EncodedAudio, how: impl Into<String>) -> Self {
        Self { audio, how: how.into() }
    }

    /// The audio.
    pub const fn audio(&self) -> &EncodedAudio {
        &self.audio
    }

    /// How it is marked.
    pub fn how(&self) -> &str {
        &self.how
    }
}

/// Marks speech as synthetic.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Marker: Debug + Send + Sync + 'static {
    /// Marks one piece of audio. It sounds the same.
    ///
    /// # Errors
    /// `Unsupported` for a format that it cannot mark: the audio then goes nowhere.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    async fn mark(&self, audio: EncodedAudio, provenance: &Provenance) -> Result<MarkedAudio>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Marker + ?Sized> Marker for Arc<T> {
    async fn mark(&self, audio: EncodedAudio, provenance: &Provenance) -> Result<MarkedAudio> {
        (**self).mark(audio, provenance).await
    }
}
