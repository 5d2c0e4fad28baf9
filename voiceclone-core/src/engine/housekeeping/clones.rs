//! Clones at providers that no voice has any more: of erased voices, or left over where a newer one took their place.
use chrono::Utc;
use futures_util::TryStreamExt as _;

use crate::{
    cloner::{ProviderVoice, VoiceCloner},
    domain::{BindingState, Voice, VoiceState},
    engine::{Engine, Parts, enroll::voice_of_clone, route::Plugged},
    error::{ErrorKind, Result},
    id::VoiceId,
};

/// What a sweep of clones did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweptClones {
    /// Clones in use, or too young to judge.
    pub kept: u64,
    /// Clones that no voice has any more, removed.
    pub removed: u64,
    /// Clones named as ours are, of voices that the catalog does not know. They are left alone: staging and production may
    /// share an account.
    pub foreign: u64,
    /// Providers that failed before their list was through; the log says why.
    pub failed: u64,
}

/// What becomes of a clone.
enum Fate {
    Kept,
    Stray,
    Foreign,
}

impl Engine {
    /// Removes clones that no voice has any more from the accounts of the plugged-in providers. Only those named as this
    /// library names them are looked at, and of these only those whose voice is known here and either deleted, or bound to
    /// another clone. One that changed within [`EngineLimits::enrolment_patience`](super::EngineLimits) is left alone. A
    /// provider that fails is logged, counted and passed over.
    ///
    /// # Errors
    /// `Unavailable` if the catalog fails.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the rest to the next sweep.
    pub async fn sweep_clones(&self) -> Result<SweptClones> {
        let mut swept = SweptClones::default();
        for provider in &self.0.providers {
            if let Some(cloner) = &provider.cloner {
                self.0.sweep_account(&mut swept, provider, cloner.as_ref()).await?;
            }
        }
        Ok(swept)
    }
}

impl Parts {
    async fn sweep_account(&self, swept: &mut SweptClones, provider: &Plugged, cloner: &dyn VoiceCloner) -> Result<()> {
        let mut listed = cloner.list();
        loop {
            let clone = match listed.try_next().await {
                Ok(Some(clone)) => clone,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::warn!(provider = %provider.id, error = %error.chain(), "clones could not be listed");
                    swept.failed += 1;
                    return Ok(());
                }
            };
            let Some(voice) = voice_of_clone(&clone) else { continue };
            match self.fate(voice, &clone).await? {
                Fate::Kept => swept.kept += 1,
                Fate::Foreign => swept.foreign += 1,
                Fate::Stray => match cloner.remove(&clone.id).await {
                    Ok(()) => swept.removed += 1,
                    Err(error) => {
                        tracing::warn!(provider = %provider.id, error = %error.chain(), "a clone could not be removed");
                        swept.failed += 1;
                        return Ok(());
                    }
                },
            }
        }
    }

    /// The voice is read after the clone was seen. A binding is written before its clone is made, so a clone that is being
    /// made, or was, is found pending or ready here.
    async fn fate(&self, voice: VoiceId, clone: &ProviderVoice) -> Result<Fate> {
        let owner = match self.catalog.voice_owner(voice).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Fate::Foreign),
            owner => owner?,
        };
        let voice = self.catalog.voice(&owner, voice).await?;
        let has = is_young(&voice, self.limits.enrolment_patience) || may_use(&voice, clone);
        Ok(if has { Fate::Kept } else { Fate::Stray })
    }
}

/// Whether the voice speaks through this clone, or may come to. Bindings of every provider count: two may share an account.
fn may_use(voice: &Voice, clone: &ProviderVoice) -> bool {
    voice.state() == VoiceState::Active
        && voice.bindings.values().any(|binding| match binding.state() {
            BindingState::Pending => true,
            BindingState::Ready => binding.voice.as_ref() == Some(&clone.id),
            _ => false,
        })
}

fn is_young(voice: &Voice, patience: std::time::Duration) -> bool {
    let changes = voice.bindings.values().map(|binding| binding.updated_at).chain([voice.updated_at]);
    changes.max().is_some_and(|last| (Utc::now() - last).to_std().unwrap_or_default() < patience)
}
