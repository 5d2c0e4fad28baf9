//! What the capability denies is refused and not silently ignored. A refusal may come from the call or before the first
//! audio.
use serde_json::json;

use super::{Checked, SynthFixture, text_of};
use crate::{
    audio::AudioFormat,
    error::{ErrorKind, Result},
    id::{Fingerprint, ProviderId, ProviderVoiceId},
    synth::{ReferenceVoice, SynthesisRequest, VoiceRef},
    testkit::{
        Failure,
        check::{ensure_kind, in_time},
    },
};

/// Fails unless `outcome` is one of the two refusals.
fn ensure_refused<T>(outcome: Result<T>, what: &str) -> Checked {
    match outcome {
        Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => Ok(()),
        Err(e) => Err(Failure(format!("{what}: expected Unsupported or InvalidInput, found {e:?}"))),
        Ok(_) => Err(Failure(format!("{what}: expected a refusal, found success"))),
    }
}

async fn refused(f: &SynthFixture, what: &str, change: impl FnOnce(&mut SynthesisRequest)) -> Checked {
    let mut request = f.saying(&f.short)?;
    change(&mut request);
    ensure_refused(f.first_audio(&request).await?, what)
}

pub(super) async fn a_text_over_the_limit_is_refused(f: SynthFixture) -> Checked {
    let text = text_of(&f.short, f.can().max_text_chars + 1);
    let outcome = f.first_audio(&f.saying(&text)?).await?;
    ensure_kind(outcome, ErrorKind::InvalidInput, "a text of one character too many")
}

pub(super) async fn a_format_that_is_not_offered_is_refused(f: SynthFixture) -> Checked {
    let odd = AudioFormat::raw_s16(12_345)?;
    refused(&f, "a format that is not offered", |request| request.format = odd).await
}

pub(super) async fn unknown_settings_are_refused(f: SynthFixture) -> Checked {
    let name = f.options.clone().map_or_else(|| ProviderId::new(&f.synthesizer.info().name), Ok)?;
    let mut request = f.saying(&f.short)?;
    request.utterance.options.insert(name, json!({ "no_such_setting_of_any_provider": 1 }));
    ensure_kind(f.first_audio(&request).await?, ErrorKind::InvalidInput, "a setting that does not exist")
}

pub(super) async fn a_voice_by_id_is_refused_where_none_is_known(f: SynthFixture) -> Checked {
    let id = VoiceRef::Provider(ProviderVoiceId::new(&f.unknown)?);
    refused(&f, "a voice by id", |request| request.voice = id).await
}

pub(super) async fn a_reference_voice_is_refused_where_none_is_taken(f: SynthFixture) -> Checked {
    let voice = VoiceRef::Reference(f.reference_voice()?);
    refused(&f, "a reference voice", |request| request.voice = voice).await
}

pub(super) async fn a_reference_voice_without_clips_is_refused(f: SynthFixture) -> Checked {
    let nobody = VoiceRef::Reference(ReferenceVoice::new([], Fingerprint::of([b"nobody".as_slice()])));
    refused(&f, "a reference voice without clips", |request| request.voice = nobody).await
}

pub(super) async fn a_speed_is_refused_where_there_is_none(f: SynthFixture) -> Checked {
    refused(&f, "a speed", |request| request.utterance.speed = Some(1.1)).await
}

pub(super) async fn a_speed_out_of_range_is_refused(f: SynthFixture) -> Checked {
    let Some(range) = f.can().speed.clone() else { return Ok(()) };
    for speed in [range.start() * 0.9, range.end() * 1.1, f32::NAN] {
        refused(&f, &format!("a speed of {speed}"), |request| request.utterance.speed = Some(speed)).await?;
    }
    Ok(())
}

pub(super) async fn a_seed_is_refused_where_nothing_repeats(f: SynthFixture) -> Checked {
    refused(&f, "a seed", |request| request.utterance.seed = Some(7)).await
}

pub(super) async fn a_language_that_is_not_offered_is_refused(f: SynthFixture) -> Checked {
    // ISO 639-2 keeps qaa to qtz for nobody's use.
    refused(&f, "a language that is not offered", |request| request.utterance.language = Some("qqx".into())).await
}

pub(super) async fn a_session_is_refused_where_there_is_none(f: SynthFixture) -> Checked {
    let request = f.saying(&f.short)?;
    ensure_refused(in_time("a session", f.synthesizer.open_session(&request)).await?, "a session")
}
