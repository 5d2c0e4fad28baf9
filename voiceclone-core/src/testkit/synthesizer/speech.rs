//! What speech is like: its end, its format, its length, its voice.
use std::time::Duration;

use futures_util::StreamExt as _;

use super::{SynthFixture, samples, seconds, text_of};
use crate::{
    error::ErrorKind,
    id::ProviderVoiceId,
    stream::SynthesisEvent,
    synth::VoiceRef,
    testkit::{
        Failure,
        check::{Checked, ensure, ensure_eq, ensure_kind, in_time},
    },
};

pub(super) async fn the_capability_can_be_met(f: SynthFixture) -> Checked {
    let can = f.can();
    ensure(!f.synthesizer.info().name.trim().is_empty(), "the provider has no name")?;
    ensure(can.voice_by_id || can.voice_by_reference, "the capability offers no way to name a voice")?;
    ensure(!can.formats.is_empty(), "the capability offers no format")?;
    ensure(can.max_text_chars > 0, "the capability takes no text")?;
    let Some(speed) = &can.speed else { return Ok(()) };
    ensure(0.0 < *speed.start() && speed.start() < speed.end(), format!("{speed:?} is no range of speeds"))
}

pub(super) async fn the_info_is_the_same_every_time(f: SynthFixture) -> Checked {
    let before = f.synthesizer.info().clone();
    f.collect(&f.saying(&f.short)?).await?;
    ensure_eq(f.synthesizer.info(), &before, "the info after a synthesis")
}

pub(super) async fn a_synthesis_ends_with_one_done_and_whole_frames(f: SynthFixture) -> Checked {
    // The stream's type turns an early end, an end without audio and a partial frame into errors.
    let request = f.saying(&f.short)?;
    let whole = async {
        let mut stream = f.synthesizer.synthesize(&request).await?;
        let mut ends = 0;
        while let Some(event) = stream.next().await {
            ends += usize::from(matches!(event?, SynthesisEvent::Done(_)));
        }
        Checked::Ok(ends)
    };
    ensure_eq(in_time("a synthesis", whole).await??, 1, "how often the synthesis said that it is done")
}

pub(super) async fn every_offered_format_is_delivered(f: SynthFixture) -> Checked {
    for format in &f.can().formats {
        let mut request = f.saying(&f.short)?;
        request.format = *format;
        let whole = f.collect(&request).await?;
        ensure_eq(whole.format, *format, "the stream's format")?;
        ensure(seconds(&whole)? > 0.0, format!("there is no audio in {format}"))?;
    }
    Ok(())
}

pub(super) async fn a_longer_text_has_more_audio(f: SynthFixture) -> Checked {
    let short = seconds(&f.collect(&f.saying(&f.short)?).await?)?;
    let long = seconds(&f.collect(&f.saying(&f.long)?).await?)?;
    ensure(long > short * 1.5, format!("the short text takes {short:.2} s and the long one {long:.2} s"))
}

pub(super) async fn the_audio_is_not_silence(f: SynthFixture) -> Checked {
    let samples = samples(&f.collect(&f.saying(&f.short)?).await?)?;
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    ensure(samples.iter().all(|sample| sample.is_finite()), "a sample is no number")?;
    ensure(peak > 0.001, format!("the loudest sample is {peak}: that is silence"))
}

pub(super) async fn a_voice_known_by_id_speaks(f: SynthFixture) -> Checked {
    let VoiceRef::Provider(_) = &f.voice else {
        return Err(Failure("the capability has voice_by_id, but the fixture's voice is none known by id".into()));
    };
    f.collect(&f.saying(&f.short)?).await.map(drop)
}

pub(super) async fn an_unknown_voice_is_not_found(f: SynthFixture) -> Checked {
    let unknown = VoiceRef::Provider(ProviderVoiceId::new(&f.unknown)?);
    let request = f.request_in(unknown, SynthFixture::utterance(&f.short)?)?;
    ensure_kind(f.first_audio(&request).await?, ErrorKind::NotFound, "an unknown voice")
}

pub(super) async fn a_reference_voice_speaks(f: SynthFixture) -> Checked {
    let voice = VoiceRef::Reference(f.reference_voice()?);
    let whole = f.collect(&f.request_in(voice, SynthFixture::utterance(&f.short)?)?).await?;
    ensure(seconds(&whole)? > 0.0, "there is no audio")
}

pub(super) async fn the_same_seed_gives_the_same_bytes(f: SynthFixture) -> Checked {
    let mut request = f.saying(&f.short)?;
    request.utterance.seed = Some(7);
    let (first, second) = (f.collect(&request).await?, f.collect(&request).await?);
    ensure(first.audio == second.audio, "the same request with the same seed gives other bytes")
}

pub(super) async fn a_higher_speed_takes_less_time(f: SynthFixture) -> Checked {
    let Some(range) = f.can().speed.clone() else { return Ok(()) };
    let mut lengths = Vec::new();
    for speed in [*range.start(), *range.end()] {
        let mut request = f.saying(&f.long)?;
        request.utterance.speed = Some(speed);
        lengths.push(seconds(&f.collect(&request).await?)?);
    }
    let [slow, fast] = lengths[..] else { return Ok(()) };
    let least = 1.0 + f64::from(range.end() / range.start() - 1.0) / 4.0;
    ensure(slow > fast * least, format!("{} takes {slow:.2} s and {} takes {fast:.2} s", range.start(), range.end()))
}

pub(super) async fn words_come_in_order_and_within_the_audio(f: SynthFixture) -> Checked {
    let whole = f.collect(&f.saying(&f.long)?).await?;
    // A twentieth of a second: alignments are told in steps of the model's frames.
    let end = Duration::from_secs_f64(seconds(&whole)? + 0.05);
    ensure(!whole.words.is_empty(), "no word was told")?;
    let mut last = Duration::ZERO;
    for word in &whole.words {
        ensure(word.start <= word.end && word.end <= end, format!("{word:?} is not within the {end:?} of audio"))?;
        ensure(last <= word.start, format!("{word:?} begins before the word before it"))?;
        last = word.start;
    }
    Ok(())
}

pub(super) async fn every_offered_language_is_spoken(f: SynthFixture) -> Checked {
    for language in &f.can().languages {
        let mut request = f.saying(&f.short)?;
        request.utterance.language = Some(language.clone());
        let begun = f.first_audio(&request).await?;
        begun.map_err(|error| Failure(format!("{language} is offered and refused: {}", error.chain())))?;
    }
    Ok(())
}

pub(super) async fn a_session_speaks_what_was_pushed(f: SynthFixture) -> Checked {
    let alone = seconds(&f.collect(&f.saying(&f.short)?).await?)?;
    let request = f.saying(&format!("{} ", f.short))?;
    let session = async {
        let mut session = f.synthesizer.open_session(&request).await?;
        session.push(&f.long).await?;
        session.finish().await?.collect_audio(usize::MAX).await
    };
    let whole = seconds(&in_time("a session", session).await??)?;
    ensure(whole > alone * 1.5, format!("the first piece alone takes {alone:.2} s and all of it {whole:.2} s"))
}

pub(super) async fn a_text_at_the_limit_is_accepted(f: SynthFixture) -> Checked {
    let text = text_of(&f.short, f.can().max_text_chars);
    Ok(f.first_audio(&f.saying(&text)?).await??)
}
