//! A cloner with one fault.
use std::sync::Mutex;

use futures_util::StreamExt as _;
use voiceclone_core::{
    Error, ErrorKind, Result, async_trait,
    audio::BoxStream,
    cloner::{ClonerInfo, EnrollRequest, EnrollmentStatus, ProviderVoice, VoiceCloner},
    id::{IdempotencyKey, JobId, ProviderVoiceId},
    testkit::{
        cloner::{CASES, ClonerFixture},
        fakes::{FakeAccount, FakeCloner, voice_like},
    },
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ChangesItsInfo,
    FailsGoodClips,
    CutsNames,
    ListsTwo,
    KeepsWhatIsRemoved,
    FailsASecondRemoval,
    RemovesAll,
    FindsUnknownVoices,
    MakesOneVoice,
    IgnoresTheKey,
    TakesOneClip,
    IgnoresFurtherClips,
    TakesNoClip,
    TakesShortClips,
    TakesAnyBytes,
    LeavesATaskBehind,
}

#[derive(Debug)]
struct Faulty {
    inner: FakeCloner,
    account: FakeAccount,
    info: ClonerInfo,
    later: ClonerInfo,
    fault: Fault,
    made: Mutex<Vec<ProviderVoice>>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let account = FakeAccount::new();
        let inner = FakeCloner::new(&account).with(|info| {
            info.idempotent = true;
            info.max_clips = 3;
            info.min_duration = std::time::Duration::from_secs(4);
        });
        let info = inner.info().clone();
        let later = info.clone().with(|info| info.max_clips += 1);
        Self { inner, account, info, later, fault, made: Mutex::default() }
    }

    fn misread(&self, request: &EnrollRequest) -> EnrollRequest {
        let mut request = request.clone();
        let good = || voice_like(std::time::Duration::from_secs(6), 24_000).unwrap();
        match self.fault {
            Fault::CutsNames => request.name.truncate(10),
            Fault::IgnoresTheKey => request.idempotency_key = IdempotencyKey::new(JobId::new().to_string()).unwrap(),
            Fault::IgnoresFurtherClips => request.clips = request.clips.iter().take(3).cloned().collect(),
            Fault::TakesNoClip if request.clips.is_empty() => request.clips = [good()].into(),
            Fault::TakesShortClips | Fault::TakesAnyBytes => {
                request.clips = request.clips.iter().map(|_| good()).collect();
            }
            _ => {}
        }
        request
    }
}

#[async_trait]
impl VoiceCloner for Faulty {
    fn info(&self) -> &ClonerInfo {
        let called = !self.made.lock().unwrap().is_empty();
        if self.fault == Fault::ChangesItsInfo && called { &self.later } else { &self.info }
    }

    async fn enroll(&self, request: &EnrollRequest) -> Result<ProviderVoice> {
        if self.fault == Fault::TakesOneClip && request.clips.len() > 1 {
            return Err(Error::invalid("one clip only"));
        }
        let first = self.made.lock().unwrap().first().cloned();
        if let (Fault::MakesOneVoice, Some(first)) = (self.fault, first) {
            return Ok(first);
        }
        if self.fault == Fault::LeavesATaskBehind {
            leave_a_task_behind();
        }
        let mut voice = self.inner.enroll(&self.misread(request)).await?;
        if self.fault == Fault::FailsGoodClips {
            voice.status = EnrollmentStatus::Failed("a fault".into());
        }
        self.made.lock().unwrap().push(voice.clone());
        Ok(voice)
    }

    async fn describe(&self, id: &ProviderVoiceId) -> Result<ProviderVoice> {
        match self.inner.describe(id).await {
            Err(e) if self.fault == Fault::FindsUnknownVoices && e.kind() == ErrorKind::NotFound => {
                Ok(ProviderVoice::new(id.clone(), "", EnrollmentStatus::Ready))
            }
            described => described,
        }
    }

    async fn remove(&self, id: &ProviderVoiceId) -> Result<()> {
        match self.fault {
            Fault::KeepsWhatIsRemoved => return Ok(()),
            Fault::FailsASecondRemoval => drop(self.inner.describe(id).await?),
            Fault::RemovesAll => self.account.forget_all(),
            _ => {}
        }
        self.inner.remove(id).await
    }

    fn list(&self) -> BoxStream<Result<ProviderVoice>> {
        let all = self.inner.list();
        if self.fault == Fault::ListsTwo { all.take(2).boxed() } else { all }
    }
}

#[expect(clippy::disallowed_methods, reason = "the fault that is to be caught")]
fn leave_a_task_behind() {
    drop(tokio::spawn(std::future::pending::<()>()));
}

#[test]
fn every_faulty_cloner_is_caught() {
    for (fault, case) in [
        (Fault::ChangesItsInfo, "the_info_is_the_same_every_time"),
        (Fault::FailsGoodClips, "an_enrolled_voice_is_described_and_listed"),
        (Fault::CutsNames, "a_name_is_kept"),
        (Fault::ListsTwo, "a_list_finds_every_voice"),
        (Fault::KeepsWhatIsRemoved, "a_removed_voice_is_gone"),
        (Fault::FailsASecondRemoval, "removing_is_done_once_and_succeeds_twice"),
        (Fault::RemovesAll, "removing_one_voice_leaves_the_others"),
        (Fault::FindsUnknownVoices, "an_unknown_voice_is_not_found"),
        (Fault::MakesOneVoice, "another_key_makes_another_voice"),
        (Fault::IgnoresTheKey, "the_same_key_makes_one_voice"),
        (Fault::TakesOneClip, "as_many_clips_as_offered_are_taken"),
        (Fault::IgnoresFurtherClips, "too_many_clips_are_refused"),
        (Fault::TakesNoClip, "no_clip_is_refused"),
        (Fault::TakesShortClips, "too_short_clips_are_refused"),
        (Fault::TakesAnyBytes, "bytes_that_are_no_audio_are_refused"),
        (Fault::LeavesATaskBehind, "a_dropped_enrolment_leaves_nothing_running"),
    ] {
        super::assert_caught(CASES, &format!("{fault:?}"), case, || ClonerFixture::new(Faulty::new(fault)));
    }
}
