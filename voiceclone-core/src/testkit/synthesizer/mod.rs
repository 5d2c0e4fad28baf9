//! The rules of [`Synthesizer`], one case each.
mod cancel;
mod refuse;
mod speech;

use std::{num::NonZeroUsize, sync::Arc};

use futures_util::StreamExt as _;

#[allow(clippy::wildcard_imports, reason = "every case of the parts, and nothing else")]
use self::{cancel::*, refuse::*, speech::*};
use super::{
    Case, Failure,
    check::{Checked, cases, in_time},
    fakes::{permit, reference_voice},
};
use crate::{
    audio::{Codec, Container, DecodeLimits, decode, from_s16_bytes},
    error::{Error, Result},
    id::ProviderId,
    speak::Utterance,
    stream::{CollectedAudio, SynthesisEvent},
    synth::{ReferenceVoice, SynthesisCapability, SynthesisRequest, Synthesizer, VoiceRef},
    text::SpeechText,
};

/// A synthesizer to try the rules on, and what it takes to ask it.
#[derive(Debug, Clone)]
pub struct SynthFixture {
    synthesizer: Arc<dyn Synthesizer>,
    voice: VoiceRef,
    reference: Option<ReferenceVoice>,
    unknown: String,
    short: String,
    long: String,
    options: Option<ProviderId>,
    at_once: NonZeroUsize,
}

impl SynthFixture {
    /// The rules are tried on `synthesizer` in `voice`. It is asked as it is, without the engine's layers; what it cannot
    /// do it can refuse with one call of [`check_request`](crate::layers::check_request).
    pub fn new(synthesizer: impl Synthesizer, voice: VoiceRef) -> Self {
        Self {
            synthesizer: Arc::new(synthesizer),
            voice,
            reference: None,
            unknown: "voiceclone-testkit-knows-no-such-voice".to_owned(),
            short: "Good morning.".to_owned(),
            long: "Good morning. It is a fine day, and nobody has to hurry; let us walk to the sea.".to_owned(),
            options: None,
            at_once: NonZeroUsize::MIN.saturating_add(15),
        }
    }

    /// Clips to speak from, instead of a sound that resembles a voice.
    #[must_use]
    pub fn reference(mut self, voice: ReferenceVoice) -> Self {
        self.reference = Some(voice);
        self
    }

    /// An id that the provider does not know, where ours has not the form of its ids.
    #[must_use]
    pub fn unknown_voice(mut self, id: impl Into<String>) -> Self {
        self.unknown = id.into();
        self
    }

    /// A short text and one of at least three times its length, instead of English ones.
    #[must_use]
    pub fn texts(mut self, short: impl Into<String>, long: impl Into<String>) -> Self {
        (self.short, self.long) = (short.into(), long.into());
        self
    }

    /// The name under which it looks for its settings, if not its own.
    #[must_use]
    pub fn options_under(mut self, name: ProviderId) -> Self {
        self.options = Some(name);
        self
    }

    /// How many syntheses run at once, where 16 are too many for the machine or the account.
    #[must_use]
    pub fn at_once(mut self, n: NonZeroUsize) -> Self {
        self.at_once = n;
        self
    }

    fn can(&self) -> &SynthesisCapability {
        &self.synthesizer.info().capability
    }

    fn utterance(text: &str) -> Result<Utterance> {
        Ok(Utterance::new(SpeechText::new(text, usize::MAX)?))
    }

    fn request(&self, utterance: Utterance) -> Result<SynthesisRequest> {
        self.request_in(self.voice.clone(), utterance)
    }

    fn request_in(&self, voice: VoiceRef, utterance: Utterance) -> Result<SynthesisRequest> {
        let none = || Error::unsupported("the capability offers no format");
        let format = *self.can().formats.first().ok_or_else(none)?;
        Ok(SynthesisRequest::new(permit()?, voice, utterance, format))
    }

    fn saying(&self, text: &str) -> Result<SynthesisRequest> {
        self.request(Self::utterance(text)?)
    }

    fn reference_voice(&self) -> Result<ReferenceVoice> {
        let rate = self.synthesizer.info().clip.sample_rate.unwrap_or(24_000);
        self.reference.clone().map_or_else(|| reference_voice(rate), Ok)
    }

    /// Everything of one synthesis.
    async fn collect(&self, request: &SynthesisRequest) -> Checked<CollectedAudio> {
        let synthesis = async { self.synthesizer.synthesize(request).await?.collect_audio(usize::MAX).await };
        Ok(in_time("a synthesis", synthesis).await??)
    }

    /// What comes of a request up to its first audio; the rest is dropped.
    async fn first_audio(&self, request: &SynthesisRequest) -> Checked<Result<()>> {
        let begin = async {
            let mut stream = self.synthesizer.synthesize(request).await?;
            while let Some(event) = stream.next().await {
                if matches!(event?, SynthesisEvent::Audio(_)) {
                    break;
                }
            }
            Ok(())
        };
        in_time("a synthesis", begin).await
    }
}

/// The samples of a synthesis, of all channels.
fn samples(whole: &CollectedAudio) -> Checked<Vec<f32>> {
    match (whole.format.container(), whole.format.codec()) {
        (Container::Raw, Codec::PcmS16Le) => Ok(from_s16_bytes(&whole.audio)?),
        (Container::Raw, Codec::PcmF32Le) => {
            let (samples, _) = whole.audio.as_chunks::<4>();
            Ok(samples.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        }
        (Container::Raw, codec) => Err(Failure(format!("raw {codec:?} has no form that the kit knows"))),
        _ => Ok(decode(&whole.audio.clone().into(), None, &DecodeLimits::unlimited())?.0.into_samples()),
    }
}

/// How long a synthesis plays.
#[expect(clippy::cast_precision_loss, reason = "sample counts, far within the exact range")]
fn seconds(whole: &CollectedAudio) -> Checked<f64> {
    let frames = samples(whole)?.len() as f64 / f64::from(whole.format.channels());
    Ok(frames / f64::from(whole.format.sample_rate()))
}

/// A text of exactly so many characters, made of `words`.
fn text_of(words: &str, chars: usize) -> String {
    let mut text: String = format!("{words} ").chars().cycle().take(chars).collect();
    if text.ends_with(char::is_whitespace) {
        text.pop();
        text.push('.');
    }
    text
}

/// Above this a limit on the text is none that anybody meets.
const NO_LIMIT: usize = 1_000_000;

/// Every rule of the seam.
pub const CASES: &[Case<SynthFixture>] = cases![
    the_capability_can_be_met,
    the_info_is_the_same_every_time,
    a_synthesis_ends_with_one_done_and_whole_frames,
    every_offered_format_is_delivered,
    a_longer_text_has_more_audio,
    the_audio_is_not_silence,
    a_voice_known_by_id_speaks needs "voice_by_id" if |f| f.can().voice_by_id,
    an_unknown_voice_is_not_found needs "voice_by_id" if |f| f.can().voice_by_id,
    a_reference_voice_speaks needs "voice_by_reference" if |f| f.can().voice_by_reference,
    the_same_seed_gives_the_same_bytes needs "deterministic" if |f| f.can().deterministic,
    a_higher_speed_takes_less_time needs "speed" if |f| f.can().speed.is_some(),
    words_come_in_order_and_within_the_audio needs "alignment" if |f| f.can().alignment,
    every_offered_language_is_spoken needs "languages" if |f| !f.can().languages.is_empty(),
    a_session_speaks_what_was_pushed needs "sessions" if |f| f.can().sessions,
    a_text_at_the_limit_is_accepted needs "a text limit" if |f| f.can().max_text_chars < NO_LIMIT,
    a_text_over_the_limit_is_refused needs "a text limit" if |f| f.can().max_text_chars < NO_LIMIT,
    a_format_that_is_not_offered_is_refused,
    unknown_settings_are_refused,
    a_voice_by_id_is_refused_where_none_is_known needs "lacking voice_by_id" if |f| !f.can().voice_by_id,
    a_reference_voice_is_refused_where_none_is_taken needs "lacking voice_by_reference" if |f| !f.can().voice_by_reference,
    a_reference_voice_without_clips_is_refused needs "voice_by_reference" if |f| f.can().voice_by_reference,
    a_speed_is_refused_where_there_is_none needs "lacking speed" if |f| f.can().speed.is_none(),
    a_speed_out_of_range_is_refused needs "speed" if |f| f.can().speed.is_some(),
    a_seed_is_refused_where_nothing_repeats needs "lacking deterministic" if |f| !f.can().deterministic,
    a_language_that_is_not_offered_is_refused needs "languages" if |f| !f.can().languages.is_empty(),
    a_session_is_refused_where_there_is_none needs "lacking sessions" if |f| !f.can().sessions,
    a_dropped_stream_leaves_nothing_running,
    a_dropped_call_leaves_nothing_running,
    many_at_once_speak_as_one_alone,
];

/// Makes one test of every rule of [`Synthesizer`](crate::synth::Synthesizer):
/// `synthesizer_conformance!(module, fixture)`, where the fixture is an expression, evaluated anew in async context for
/// every test.
///
/// ```
/// use voiceclone_core::{synth::VoiceRef, testkit::{fakes::{ToneSynthesizer, reference_voice}, synthesizer::SynthFixture}};
/// voiceclone_core::synthesizer_conformance!(
///     tone,
///     SynthFixture::new(ToneSynthesizer::by_reference(), VoiceRef::Reference(reference_voice(24_000).unwrap()))
/// );
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! synthesizer_conformance {
    ($module:ident, $fixture:expr) => {
        $crate::__conformance_tests!(
            $module,
            $crate::testkit::synthesizer::CASES,
            $fixture,
            [
                the_capability_can_be_met,
                the_info_is_the_same_every_time,
                a_synthesis_ends_with_one_done_and_whole_frames,
                every_offered_format_is_delivered,
                a_longer_text_has_more_audio,
                the_audio_is_not_silence,
                a_voice_known_by_id_speaks,
                an_unknown_voice_is_not_found,
                a_reference_voice_speaks,
                the_same_seed_gives_the_same_bytes,
                a_higher_speed_takes_less_time,
                words_come_in_order_and_within_the_audio,
                every_offered_language_is_spoken,
                a_session_speaks_what_was_pushed,
                a_text_at_the_limit_is_accepted,
                a_text_over_the_limit_is_refused,
                a_format_that_is_not_offered_is_refused,
                unknown_settings_are_refused,
                a_voice_by_id_is_refused_where_none_is_known,
                a_reference_voice_is_refused_where_none_is_taken,
                a_reference_voice_without_clips_is_refused,
                a_speed_is_refused_where_there_is_none,
                a_speed_out_of_range_is_refused,
                a_seed_is_refused_where_nothing_repeats,
                a_language_that_is_not_offered_is_refused,
                a_session_is_refused_where_there_is_none,
                a_dropped_stream_leaves_nothing_running,
                a_dropped_call_leaves_nothing_running,
                many_at_once_speak_as_one_alone,
            ]
        );
    };
}
