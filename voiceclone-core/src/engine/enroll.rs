//! Clones at providers: made once at first use, found again after a lost answer, remade when forgotten, removed when
//! stale. An enrolment may cost money and a slot, so it is never blindly sent twice.
use std::{future::Future, sync::Arc, time::Duration};

use chrono::Utc;
use futures_util::TryStreamExt as _;

use super::{Parts, route::Plugged};
use crate::{
    cloner::{EnrollRequest, EnrollmentStatus, ProviderVoice, VoiceCloner},
    consent::Permit,
    domain::{Binding, BindingKey, BindingState, JobOutput, Voice, VoiceState},
    error::{Error, ErrorKind, Result, Retry},
    id::{Fingerprint, IdempotencyKey, OwnerId, ProviderId, ProviderVoiceId, VoiceId},
    layers::Flights,
    synth::ReferenceVoice,
};

/// One enrolment of a voice at a provider at a time, in this process. Across processes the pending binding decides.
pub(crate) type Enrolments = Flights;

const ELSEWHERE: &str = "wait for the enrolment";

/// True for the error of a clone that is being made: nothing failed, and asking again later helps.
pub(crate) fn is_still_enrolling(error: &Error) -> bool {
    error.op() == Some(ELSEWHERE)
}

fn still_enrolling(message: &str, wait: Duration) -> Error {
    Error::new(ErrorKind::Conflict, message).during(ELSEWHERE).with_retry(Retry::After(Some(wait)))
}

/// The name of a clone at its provider: tells which voice and which clips it is of, so that it can be found again.
fn clone_name(voice: VoiceId, clips: &Fingerprint) -> String {
    format!("{voice}-{}", clips.as_str().get(..12).unwrap_or(clips.as_str()))
}

/// True of a clone of this voice, of whichever clips.
pub(crate) fn is_clone_of(voice: VoiceId, clone: &ProviderVoice) -> bool {
    clone.name.strip_prefix(&voice.to_string()).is_some_and(|rest| rest.starts_with('-'))
}

/// The voice that a clone is of, if its name is one that [`clone_name`] gives.
pub(crate) fn voice_of_clone(clone: &ProviderVoice) -> Option<VoiceId> {
    let (voice, clips) = clone.name.split_once('-')?;
    let ours = clips.len() == 12 && clips.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    voice.parse().ok().filter(|_| ours)
}

/// One clone to be made.
struct Making<'a> {
    voice: &'a Voice,
    provider: &'a ProviderId,
    cloner: &'a Arc<dyn VoiceCloner>,
    permit: &'a Permit,
    key: BindingKey,
    name: String,
}

impl Parts {
    /// The provider's id of a voice, making the clone if there is none.
    pub(crate) async fn bound_voice<F>(
        &self,
        voice: &Voice,
        provider: &Plugged,
        cloner: &Arc<dyn VoiceCloner>,
        permit: &Permit,
        clips: Fingerprint,
        make_clips: impl FnOnce() -> F + Send,
    ) -> Result<ProviderVoiceId>
    where
        F: Future<Output = Result<ReferenceVoice>> + Send,
    {
        let name = clone_name(voice.id, &clips);
        let key = BindingKey { provider: provider.id.clone(), account: cloner.info().account.clone(), clips };
        if let Some(id) = usable(voice, &key) {
            return Ok(id);
        }
        let both = [voice.id.to_string(), provider.id.to_string()];
        let _turn = self.enrolments.enter(&Fingerprint::of(both.iter().map(String::as_bytes))).await;
        let voice = self.live_voice(&voice.owner, voice.id).await?;
        if let Some(id) = usable(&voice, &key) {
            return Ok(id);
        }
        let making = Making { voice: &voice, provider: &provider.id, cloner, permit, key, name };
        if let Some(found) = self.unfinished(&making).await? {
            return self.settle(&making, found).await;
        }
        let clips = make_clips().await?;
        self.claim_binding(&making).await?;
        let made = self.make(&making, clips).await?;
        self.settle(&making, made).await
    }

    /// What became of an enrolment that was begun before, by us or by another process.
    async fn unfinished(&self, making: &Making<'_>) -> Result<Option<ProviderVoice>> {
        let Some(begun) = making.voice.bindings.get(making.provider) else { return Ok(None) };
        if begun.key != making.key || begun.state() != BindingState::Pending {
            return Ok(None);
        }
        if let Some(id) = &begun.voice {
            return match making.cloner.describe(id).await {
                Ok(voice) => Ok(Some(voice)),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
                Err(e) => Err(e),
            };
        }
        let found = find_by_name(making).await?;
        if found.is_none() && !making.cloner.info().idempotent && self.is_fresh(begun) {
            return Err(still_enrolling("the voice is being made at the provider", Duration::from_secs(2)));
        }
        Ok(found)
    }

    fn is_fresh(&self, binding: &Binding) -> bool {
        (Utc::now() - binding.updated_at).to_std().is_ok_and(|age| age < self.limits.enrolment_patience)
    }

    /// Writes down that a clone is about to be made, before it is. Of several processes one gets through.
    async fn claim_binding(&self, making: &Making<'_>) -> Result<()> {
        let seen = making.voice.bindings.get(making.provider).cloned();
        let claim = |mut voice: Voice| {
            if voice.state() == VoiceState::Deleted {
                return Err(Error::not_found("voice", voice.id));
            }
            if voice.bindings.get(making.provider) != seen.as_ref() {
                let wait = Duration::from_secs(2);
                return Err(still_enrolling("the voice is being made at the provider by another worker", wait));
            }
            voice.bindings.insert(making.provider.clone(), Binding::pending(making.key.clone()));
            Ok(voice)
        };
        self.change_voice(&making.voice.owner, making.voice.id, claim).await?;
        // A clone of other clips is stale from here on. If its removal fails, the provider's list still names our voice.
        if let Some(stale) = seen.and_then(|b| b.voice)
            && let Err(error) = making.cloner.remove(&stale).await
        {
            tracing::warn!(provider = %making.provider, error = %error.chain(), "a stale clone could not be removed");
        }
        Ok(())
    }

    async fn make(&self, making: &Making<'_>, clips: ReferenceVoice) -> Result<ProviderVoice> {
        let key = IdempotencyKey::new(&making.name)?;
        let request = EnrollRequest::new(making.permit.clone(), &making.name, clips.clips, key);
        let error = match making.cloner.enroll(&request).await {
            Ok(voice) => return Ok(voice),
            Err(error) => error,
        };
        let unknown = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Protocol);
        if unknown && let Some(found) = find_by_name(making).await? {
            return Ok(found);
        }
        // The provider may still be at it: the binding stays pending, and is looked for again before it is asked again.
        if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Protocol) {
            return Err(error);
        }
        self.change_binding(making, |binding| {
            let mut failed = binding.transition(BindingState::Failed)?;
            failed.failure = Some(error.message().to_owned());
            Ok(failed)
        })
        .await?;
        Err(error)
    }

    /// Writes down what the provider made of it.
    async fn settle(&self, making: &Making<'_>, made: ProviderVoice) -> Result<ProviderVoiceId> {
        let kept = self
            .change_binding(making, |binding| {
                let mut settled = match &made.status {
                    EnrollmentStatus::Ready => binding.transition(BindingState::Ready)?,
                    EnrollmentStatus::Training(_) => binding,
                    EnrollmentStatus::Failed(reason) => {
                        let mut failed = binding.transition(BindingState::Failed)?;
                        failed.failure = Some(reason.clone());
                        failed
                    }
                };
                settled.voice = Some(made.id.clone());
                Ok(settled)
            })
            .await;
        if kept.as_ref().is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            making.cloner.remove(&made.id).await?;
        }
        kept?;
        match made.status {
            EnrollmentStatus::Ready => Ok(made.id),
            EnrollmentStatus::Training(wait) => Err(still_enrolling("the provider is training the voice", wait)),
            EnrollmentStatus::Failed(reason) => {
                making.cloner.remove(&made.id).await?;
                Err(Error::invalid(format!("{} could not make the voice: {reason}", making.provider)))
            }
        }
    }

    async fn change_binding(
        &self,
        making: &Making<'_>,
        change: impl Fn(Binding) -> Result<Binding> + Send + Sync,
    ) -> Result<Voice> {
        self.change_voice(&making.voice.owner, making.voice.id, |mut voice| {
            if voice.state() == VoiceState::Deleted {
                return Err(Error::not_found("voice", voice.id));
            }
            if let Some(binding) = voice.bindings.get(making.provider).filter(|b| b.key == making.key) {
                let changed = change(binding.clone())?;
                voice.bindings.insert(making.provider.clone(), changed);
            }
            Ok(voice)
        })
        .await
    }

    /// Makes a voice at a provider ahead of its first use.
    pub(crate) async fn enroll_ahead(
        &self,
        owner: &OwnerId,
        voice: VoiceId,
        provider: &ProviderId,
    ) -> Result<JobOutput> {
        let ready = self.ready_voice(owner, voice.into()).await?;
        let consents: Vec<_> = ready.samples.iter().map(|s| s.consent.clone()).collect();
        let permit = self.permit(owner, &consents)?;
        self.voice_ref(&ready, self.provider(provider)?, &permit).await?;
        Ok(JobOutput::Enrolled { provider: provider.clone() })
    }

    /// The provider no longer knows a clone: the next use makes it again.
    pub(crate) async fn forget(&self, voice: &Voice, provider: &ProviderId, id: &ProviderVoiceId) -> Result<Voice> {
        self.change_voice(&voice.owner, voice.id, |mut voice| {
            let known = voice.bindings.get(provider).filter(|b| b.voice.as_ref() == Some(id));
            if let Some(binding) = known.filter(|b| b.state() == BindingState::Ready).cloned() {
                voice.bindings.insert(provider.clone(), binding.transition(BindingState::Revoked)?);
            }
            Ok(voice)
        })
        .await
    }
}

fn usable(voice: &Voice, key: &BindingKey) -> Option<ProviderVoiceId> {
    let binding = voice.bindings.get(&key.provider)?;
    let usable = binding.key == *key && binding.state() == BindingState::Ready;
    usable.then(|| binding.voice.clone()).flatten()
}

async fn find_by_name(making: &Making<'_>) -> Result<Option<ProviderVoice>> {
    let mut voices = making.cloner.list();
    while let Some(voice) = voices.try_next().await? {
        if voice.name == making.name {
            return Ok(Some(voice));
        }
    }
    Ok(None)
}
