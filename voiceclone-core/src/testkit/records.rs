//! Records to try the rules on, with times as exact as a store must keep them.
use chrono::{DateTime, SubsecRound as _, Utc};

use super::check::Checked;
use crate::{
    audio::{AudioFormat, Codec, Container},
    consent::Consent,
    domain::{Voice, VoiceSample},
    id::{OwnerId, SampleId, VoiceId},
    store::BlobKey,
};

pub(crate) fn owner(name: &str) -> Checked<OwnerId> {
    Ok(OwnerId::new(name)?)
}

/// Now, as far as a catalog must keep it.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// The sample with the time of its last move as far as a catalog must keep it.
pub(crate) fn to_micros(mut sample: VoiceSample) -> VoiceSample {
    sample.updated_at = sample.updated_at.trunc_subsecs(6);
    sample
}

pub(crate) fn new_sample(owner: &OwnerId) -> Checked<VoiceSample> {
    let format = AudioFormat::new(Container::Flac, Codec::Flac, 48_000, 2)?;
    let mut consent = Consent::by_subject("Ada Lovelace");
    consent.given_at = now();
    let original = BlobKey::new("samples/original")?;
    let (id, voice) = (SampleId::new(), VoiceId::new());
    let mut sample =
        VoiceSample::received(id, owner.clone(), voice, original, "3f".repeat(32), 1 << 33, format, consent);
    (sample.created_at, sample.updated_at) = (now(), now());
    Ok(sample)
}

pub(crate) fn new_voice(owner: &OwnerId, name: &str) -> Voice {
    let mut voice = Voice::new(VoiceId::new(), owner.clone(), name, vec![SampleId::new(), SampleId::new()]);
    (voice.created_at, voice.updated_at) = (now(), now());
    voice
}

/// The voice as it is deleted now.
pub(crate) fn deleted_now(voice: &Voice) -> Voice {
    changed(&voice.clone().deleted(), |voice| voice.updated_at = now())
}

/// The record with a change.
pub(crate) fn changed<T: Clone>(record: &T, change: impl FnOnce(&mut T)) -> T {
    let mut record = record.clone();
    change(&mut record);
    record
}
