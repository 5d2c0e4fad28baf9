//! A named identity made of recordings, and its disposable clones at providers.
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Version, no_such_move};
use crate::{
    error::Result,
    id::{Fingerprint, OwnerId, ProviderId, ProviderVoiceId, SampleId, VoiceId},
};

/// Whether a voice may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VoiceState {
    /// In use.
    Active,
    /// Being erased or erased. There is no way back.
    Deleted,
}

/// Where a clone at a provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BindingState {
    /// Asked for; the outcome may be unknown.
    Pending,
    /// Usable.
    Ready,
    /// Refused; it may be tried again.
    Failed,
    /// Removed, or forgotten by the provider.
    Revoked,
}

impl BindingState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Ready, Self::Failed, Self::Revoked];

    /// The only table of moves.
    pub const fn can_become(self, next: Self) -> bool {
        use BindingState::{Failed, Pending, Ready, Revoked};
        match self {
            Pending => matches!(next, Ready | Failed | Revoked),
            Ready => matches!(next, Revoked),
            Failed => matches!(next, Pending),
            Revoked => false,
        }
    }
}

/// What makes a clone the clone of this voice: the provider, the account there, and the clips it was made from. A change
/// of any makes another binding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BindingKey {
    /// The provider.
    pub provider: ProviderId,
    /// The account at the provider, as a fingerprint of its key; empty where there is none.
    pub account: String,
    /// The clips and how they were prepared.
    pub clips: Fingerprint,
}

/// A clone at a provider: derived, disposable, remade when the provider has forgotten it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Binding {
    /// What it is a clone of, and where.
    pub key: BindingKey,
    /// The provider's id, once there is one.
    pub voice: Option<ProviderVoiceId>,
    state: BindingState,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Binding {
    /// A binding that is about to be made.
    pub fn pending(key: BindingKey) -> Self {
        Self { key, voice: None, state: BindingState::Pending, failure: None, updated_at: Utc::now() }
    }

    /// Where it stands.
    pub const fn state(&self) -> BindingState {
        self.state
    }

    /// Moves to `next`.
    ///
    /// # Errors
    /// `Conflict` if [`BindingState::can_become`] denies it.
    pub fn transition(mut self, next: BindingState) -> Result<Self> {
        if !self.state.can_become(next) {
            return Err(no_such_move("binding", self.state, next).with("provider", &self.key.provider));
        }
        self.state = next;
        self.updated_at = Utc::now();
        Ok(self)
    }
}

/// A named identity made of one or more recordings. The recordings are its root; no provider's id ever is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Voice {
    /// Its id.
    pub id: VoiceId,
    /// Who may see it.
    pub owner: OwnerId,
    /// What people call it.
    pub name: String,
    /// Its recordings, in the order they were added.
    pub samples: Vec<SampleId>,
    state: VoiceState,
    /// Its clones, at most one per provider.
    pub bindings: BTreeMap<ProviderId, Binding>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Its version for compare-and-set.
    pub version: Version,
}

impl Voice {
    /// A new voice.
    pub fn new(id: VoiceId, owner: OwnerId, name: impl Into<String>, samples: Vec<SampleId>) -> Self {
        let now = Utc::now();
        Self {
            id,
            owner,
            name: name.into(),
            samples,
            state: VoiceState::Active,
            bindings: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            version: Version(1),
        }
    }

    /// Whether it may still be used.
    pub const fn state(&self) -> VoiceState {
        self.state
    }

    /// Marks it erased; doing so again changes nothing.
    #[must_use]
    pub fn deleted(mut self) -> Self {
        self.state = VoiceState::Deleted;
        self.updated_at = Utc::now();
        self
    }
}
