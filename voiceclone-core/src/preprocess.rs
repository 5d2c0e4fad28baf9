//! The seam of preparation: an untrusted upload in, a clean clip and its quality report out.
use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

use crate::{
    audio::{EncodedAudio, RawAudio},
    domain::{ClipProfile, QualityReport},
    error::Result,
    id::Fingerprint,
};

/// A clean clip, or the verdict that there is none to be had.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Prepared {
    /// The clip; `None` if the report rejects the recording.
    pub clip: Option<EncodedAudio>,
    /// What was measured of the input.
    pub quality: QualityReport,
}

impl Prepared {
    /// A clip and what was measured.
    pub fn new(clip: EncodedAudio, quality: QualityReport) -> Self {
        Self { clip: Some(clip), quality }
    }

    /// No clip, and why.
    pub fn rejected(quality: QualityReport) -> Self {
        Self { clip: None, quality }
    }
}

/// Turns a recording into what a provider wants of one. The seam may be arithmetic on this machine or a remote service;
/// a provider's own preprocessor wraps another one and adds its checks.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Preprocessor: Debug + Send + Sync + 'static {
    /// Names the algorithm and every parameter that changes its result. It enters every key that names a clip.
    fn fingerprint(&self) -> Fingerprint;

    /// Prepares one recording to `profile`. A recording that can be read but is of no use is a rejected report, not an
    /// error.
    ///
    /// # Errors
    /// `InvalidInput` for bytes that are no audio of an accepted kind, or outside the limits; `Config` for a profile that no
    /// clip can meet, such as a loudness above full scale; `Timeout` for bytes that take too long to decode.
    ///
    /// # Cancel safety
    /// Dropping the future stops the work at the next block and leaves nothing behind.
    async fn process(&self, input: RawAudio, profile: &ClipProfile) -> Result<Prepared>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Preprocessor + ?Sized> Preprocessor for Arc<T> {
    fn fingerprint(&self) -> Fingerprint {
        (**self).fingerprint()
    }

    async fn process(&self, input: RawAudio, profile: &ClipProfile) -> Result<Prepared> {
        (**self).process(input, profile).await
    }
}
