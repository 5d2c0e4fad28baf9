//! One recording, from upload to clean clip or refusal.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{QualityReport, Version, no_such_move};
use crate::{
    audio::AudioFormat,
    consent::Consent,
    error::Result,
    id::{Fingerprint, OwnerId, SampleId, VoiceId},
    store::BlobKey,
};

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SampleState {
    /// Stored, not yet looked at.
    Received,
    /// A worker prepares it.
    Processing,
    /// A clean clip exists.
    Ready,
    /// No use; the quality report says why and what to do.
    Rejected,
    /// Erased. Only the row is left, so that nothing brings it back.
    Deleted,
}

impl SampleState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Received, Self::Processing, Self::Ready, Self::Rejected, Self::Deleted];

    /// The only table of moves. `Processing → Received` is an attempt that is to be made again.
    pub const fn can_become(self, next: Self) -> bool {
        use SampleState::{Deleted, Processing, Ready, Received, Rejected};
        match self {
            Received => matches!(next, Processing | Deleted),
            Processing => matches!(next, Ready | Rejected | Received | Deleted),
            Ready | Rejected => matches!(next, Deleted),
            Deleted => false,
        }
    }
}

/// One recording of one person, with the consent it came with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VoiceSample {
    /// Its id.
    pub id: SampleId,
    /// Who may see it.
    pub owner: OwnerId,
    /// The voice it belongs to: one made for it alone unless the upload named another.
    pub voice: VoiceId,
    state: SampleState,
    /// The upload as it came.
    pub original: BlobKey,
    /// SHA-256 of the upload, in hexadecimal.
    pub original_sha256: String,
    /// The upload's size in bytes.
    pub original_bytes: u64,
    /// What the upload was found to be.
    pub format: AudioFormat,
    /// The clean clip, once it is ready.
    pub processed: Option<BlobKey>,
    /// Names the clean clip's bytes and how they were made; part of every binding's key.
    pub processed_fingerprint: Option<Fingerprint>,
    /// What was measured, once it was.
    pub quality: Option<QualityReport>,
    /// Why it was refused, in plain sentences.
    pub rejections: Vec<String>,
    /// The consent it came with.
    pub consent: Consent,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Its version for compare-and-set.
    pub version: Version,
}

impl VoiceSample {
    /// A sample that was just stored.
    #[expect(clippy::too_many_arguments, reason = "the record's required fields, each of another type")]
    pub fn received(
        id: SampleId,
        owner: OwnerId,
        voice: VoiceId,
        original: BlobKey,
        original_sha256: String,
        original_bytes: u64,
        format: AudioFormat,
        consent: Consent,
    ) -> Self {
        let now = Utc::now();
        Self {
            id,
            owner,
            voice,
            state: SampleState::Received,
            original,
            original_sha256,
            original_bytes,
            format,
            processed: None,
            processed_fingerprint: None,
            quality: None,
            rejections: Vec::new(),
            consent,
            created_at: now,
            updated_at: now,
            version: Version(1),
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> SampleState {
        self.state
    }

    /// Moves to `next`.
    ///
    /// # Errors
    /// `Conflict` if [`SampleState::can_become`] denies it.
    pub fn transition(mut self, next: SampleState) -> Result<Self> {
        if !self.state.can_become(next) {
            return Err(no_such_move("sample", self.state, next).with("sample", self.id));
        }
        self.state = next;
        self.updated_at = Utc::now();
        Ok(self)
    }
}
