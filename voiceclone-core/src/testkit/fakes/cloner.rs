//! A cloning provider's account in memory, and the cloner that works on it.
use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use super::{lock, script::Script, script::When};
use crate::{
    audio::{BoxStream, DecodeLimits, blocking, probe},
    cloner::{ClonerInfo, EnrollRequest, EnrollmentStatus, ProviderVoice, VoiceCloner},
    error::{Error, ErrorKind, Result},
    id::{IdempotencyKey, ProviderVoiceId},
};

/// How long a voice in training asks to be left alone.
const TRAINING: Duration = Duration::from_secs(5);

/// The voices of one account. Clones are the same account.
#[derive(Debug, Clone, Default)]
pub struct FakeAccount(Arc<Mutex<BTreeMap<ProviderVoiceId, Kept>>>);

#[derive(Debug, Clone)]
struct Kept {
    name: String,
    key: Option<IdempotencyKey>,
    /// Descriptions until it is trained.
    polls: usize,
}

impl FakeAccount {
    /// An account without voices.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same account with one voice more, ready to speak.
    #[must_use]
    pub fn with_voice(self, id: ProviderVoiceId) -> Self {
        lock(&self.0).insert(id, Kept { name: String::new(), key: None, polls: 0 });
        self
    }

    /// True if a trained voice has this id.
    pub fn knows(&self, id: &ProviderVoiceId) -> bool {
        lock(&self.0).get(id).is_some_and(|voice| voice.polls == 0)
    }

    /// The ids of all voices, in order.
    pub fn voices(&self) -> Vec<ProviderVoiceId> {
        lock(&self.0).keys().cloned().collect()
    }

    /// Loses every voice, as a provider does that evicts what was not used for long.
    pub fn forget_all(&self) {
        lock(&self.0).clear();
    }

    fn voice(&self, id: &ProviderVoiceId) -> Option<ProviderVoice> {
        lock(&self.0).get(id).map(|voice| voice.told(id))
    }
}

impl Kept {
    fn told(&self, id: &ProviderVoiceId) -> ProviderVoice {
        let status = if self.polls == 0 { EnrollmentStatus::Ready } else { EnrollmentStatus::Training(TRAINING) };
        ProviderVoice::new(id.clone(), self.name.clone(), status)
    }
}

/// What can go wrong in an enrolment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CloneFault {
    /// Fails and makes nothing.
    Fails(Error),
    /// Makes the voice, and its answer is lost: `Timeout`.
    LosesAnswer,
    /// Never answers, and makes nothing.
    Hang,
    /// Answers that the training failed, with this reason.
    Rejects(String),
}

/// Makes voices in a [`FakeAccount`] out of clips that can be decoded. Clones share the plan and the counts.
#[derive(Debug, Clone)]
pub struct FakeCloner {
    info: ClonerInfo,
    account: FakeAccount,
    quota: usize,
    training: usize,
    script: Arc<Mutex<Script<CloneFault>>>,
}

impl FakeCloner {
    /// A cloner of this account: one clip, no quota, no training, not idempotent.
    pub fn new(account: &FakeAccount) -> Self {
        let (account, script) = (account.clone(), Arc::default());
        Self { info: ClonerInfo::new("fake cloner"), account, quota: usize::MAX, training: 0, script }
    }

    /// Changes what it takes; `idempotent` makes it so.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut ClonerInfo)) -> Self {
        self.info = self.info.with(set);
        self
    }

    /// The most voices of the account.
    #[must_use]
    pub fn with_quota(mut self, voices: usize) -> Self {
        self.quota = voices;
        self
    }

    /// New voices are in training until they were described so often.
    #[must_use]
    pub fn training(mut self, polls: usize) -> Self {
        self.training = polls;
        self
    }

    /// Plans a fault of an enrolment; its text is the name asked for.
    #[must_use]
    pub fn with_fault(self, when: When, fault: CloneFault) -> Self {
        lock(&self.script).plan(when, fault);
        self
    }

    /// How many enrolments were asked for, the refused ones left out.
    pub fn enrolments(&self) -> usize {
        lock(&self.script).calls()
    }

    async fn check(&self, request: &EnrollRequest) -> Result<()> {
        let (found, most) = (request.clips.len(), self.info.max_clips);
        if found == 0 || found > most {
            return Err(Error::invalid(format!("there are {found} clips; 1 to {most} are taken")));
        }
        let clips = Arc::clone(&request.clips);
        let heard = blocking("check clips", move || {
            clips.iter().map(|clip| probe(&clip.body, None, &DecodeLimits::unlimited())).collect::<Result<Vec<_>>>()
        });
        let length: Duration = heard.await?.iter().map(|clip| clip.duration).sum();
        if length < self.info.min_duration {
            return Err(Error::invalid(format!(
                "the clips have {length:?}; at least {:?} are needed",
                self.info.min_duration
            )));
        }
        Ok(())
    }

    fn make(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        let mut voices = lock(&self.account.0);
        let known = |voice: &Kept| voice.key.as_ref() == Some(&request.idempotency_key);
        if self.info.idempotent
            && let Some((id, voice)) = voices.iter().find(|(_, voice)| known(voice))
        {
            return Ok(voice.told(id));
        }
        if voices.len() >= self.quota {
            return Err(Error::new(ErrorKind::QuotaExceeded, format!("all {} voices are taken", self.quota)));
        }
        let id = ProviderVoiceId::new(format!("fake-{}", uuid::Uuid::now_v7().simple()))?;
        let key = Some(request.idempotency_key.clone());
        let voice = Kept { name: request.name.clone(), key, polls: self.training };
        let told = voice.told(&id);
        voices.insert(id, voice);
        Ok(told)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VoiceCloner for FakeCloner {
    fn info(&self) -> &ClonerInfo {
        &self.info
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        self.check(request).await?;
        let fault = lock(&self.script).call(&request.name);
        match fault {
            None => self.make(request),
            Some(CloneFault::Fails(error)) => Err(error),
            Some(CloneFault::Hang) => pending().await,
            Some(CloneFault::LosesAnswer) => {
                self.make(request)?;
                Err(Error::new(ErrorKind::Timeout, "the provider did not answer in time"))
            }
            Some(CloneFault::Rejects(reason)) => {
                let voice = self.make(request)?;
                Ok(ProviderVoice { status: EnrollmentStatus::Failed(reason), ..voice })
            }
        }
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        if let Some(voice) = lock(&self.account.0).get_mut(id) {
            voice.polls = voice.polls.saturating_sub(1);
        }
        self.account.voice(id).ok_or_else(|| Error::not_found("voice", id))
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        lock(&self.account.0).remove(id);
        Ok(())
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        let voices: Vec<_> = lock(&self.account.0).iter().map(|(id, voice)| Ok(voice.told(id))).collect();
        stream::iter(voices).boxed()
    }
}
