//! Matching as a whole: real and made recordings in, speech out.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_precision_loss, reason = "test helpers")]

use std::f32::consts::TAU;
use std::sync::LazyLock;

use proptest::prelude::*;
use voiceclone_local::acoustic::AcousticModel;
use voiceclone_local::analysis::ClipAnalysis;
use voiceclone_local::matching::{MatchingError, VoiceMatcher, VoiceProfile};
use voiceclone_local::speech::render;
use voiceclone_local::vocoder::{HOP, SAMPLE_RATE};

static MODEL: LazyLock<AcousticModel> = LazyLock::new(|| AcousticModel::load().unwrap());
static MATCHER: LazyLock<VoiceMatcher> = LazyLock::new(|| VoiceMatcher::new(MODEL.clone()));
static MAN: LazyLock<VoiceProfile> = LazyLock::new(|| MATCHER.learn(&man(), 16_000).unwrap());

/// Median pitch of the recording by pyworld 0.3 `harvest` (60 to 500 Hz) over frames within 35 dB of the loudest.
const MAN_PITCH: f32 = 99.6;
/// The same of hibari-tts 0.2.1 saying the sentence below.
const BASE_PITCH: f32 = 193.2;

/// "The boy was there when the sun rose."
const SENTENCE: [i32; 35] = [
    0, 81, 83, 16, 44, 156, 41, 16, 65, 138, 68, 16, 81, 86, 123, 16, 65, 157, 86, 56, 16, 81, 83, 16, 61, 156, 138,
    56, 16, 123, 156, 31, 68, 4, 0,
];

fn man() -> Vec<f32> {
    let mut clip =
        hound::WavReader::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/librivox_sense_01.wav")).unwrap();
    clip.samples::<i16>().map(|x| f32::from(x.unwrap()) / 32_768.0).collect()
}

fn speak(profile: Option<&VoiceProfile>) -> Vec<f32> {
    render(&MODEL, &SENTENCE, 1.0, profile, 1).unwrap().flatten().collect()
}

fn median_pitch(samples: &[f32], rate: u32) -> f32 {
    let mut pitch: Vec<f32> = ClipAnalysis::of(samples, rate).unwrap().pitch().flatten().collect();
    pitch.sort_by(f32::total_cmp);
    pitch[pitch.len() / 2]
}

fn semitones(left: f32, right: f32) -> f32 {
    12.0 * (left / right).log2().abs()
}

#[test]
fn the_pitch_of_a_recording_agrees_with_an_independent_tracker() {
    assert!(semitones(median_pitch(&man(), 16_000), MAN_PITCH) < 0.5);
}

#[test]
fn a_mans_recording_gives_a_mans_voice() {
    let (base, matched) = (median_pitch(&speak(None), SAMPLE_RATE), median_pitch(&speak(Some(&MAN)), SAMPLE_RATE));
    assert!(semitones(base, BASE_PITCH) < 1.0, "the base voice speaks at {base} Hz");
    assert!(semitones(matched, MAN_PITCH) < 1.5, "the matched voice speaks at {matched} Hz");
    assert!((0.8..0.9).contains(&MAN.formant_ratio()), "formants by {}", MAN.formant_ratio());
}

#[test]
fn the_sampling_rate_of_the_recording_hardly_matters() {
    let recording = man();
    let twice: Vec<f32> = recording.iter().flat_map(|x| [*x, *x]).collect();
    let profile = MATCHER.learn(&twice, 32_000).unwrap();
    assert!(semitones(profile.mean_pitch(), MAN.mean_pitch()) < 0.3);
}

#[test]
fn matched_speech_is_as_long_and_about_as_loud_and_never_clips() {
    let (base, matched) = (speak(None), speak(Some(&MAN)));
    assert_eq!(base.len(), matched.len());
    let level = |samples: &[f32]| 10.0 * (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).log10();
    assert!((level(&base) - level(&matched)).abs() < 6.0, "{} dB, {} dB", level(&base), level(&matched));
    assert!(matched.iter().all(|x| x.abs() <= 1.0));
}

#[test]
fn the_base_voice_matched_to_itself_stays_in_its_register() {
    let base = [speak(None), speak(None), speak(None)].concat();
    let profile = MATCHER.learn(&base, SAMPLE_RATE).unwrap();
    assert!((0.96..1.04).contains(&profile.formant_ratio()), "formants by {}", profile.formant_ratio());
    // The sentence lies a semitone below the base voice's average, and the matching lowers it by that again.
    let matched = median_pitch(&speak(Some(&profile)), SAMPLE_RATE);
    assert!(semitones(matched, BASE_PITCH) < 1.5, "{matched} Hz");
}

#[test]
fn speech_is_reproducible_and_its_ends_are_silent() {
    let speech = speak(Some(&MAN));
    assert_eq!(speech, speak(Some(&MAN)));
    assert_eq!(speech.len() % HOP, 0);
    for end in [speech.first(), speech.last()] {
        assert!(end.unwrap().abs() < 1e-4, "{end:?}");
    }
}

#[test]
fn a_profile_survives_storage() {
    let stored = serde_json::to_string(&*MAN).unwrap();
    assert!(stored.len() < 200_000, "{} bytes", stored.len());
    let restored: VoiceProfile = serde_json::from_str(&stored).unwrap();
    assert_eq!(speak(Some(&restored)), speak(Some(&MAN)));
}

#[test]
fn a_profile_of_another_version_or_with_impossible_values_is_refused() {
    let profile = serde_json::to_value(&*MAN).unwrap();
    for (field, value) in [
        ("version", serde_json::json!(2)),
        ("bands", serde_json::json!(0)),
        ("bands", serde_json::json!(65)),
        ("stretch", serde_json::json!(3.5)),
    ] {
        let mut changed = profile.clone();
        changed[field] = value.clone();
        let error = serde_json::from_value::<VoiceProfile>(changed).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains(&value.to_string()), "{error}");
    }
}

#[test]
fn a_recording_without_enough_voice_is_refused_with_what_was_found() {
    let learn = |pcm: &[f32]| MATCHER.learn(pcm, 16_000);
    assert!(matches!(learn(&[]), Err(MatchingError::Silent { .. })));
    assert!(matches!(learn(&vec![0.0; 48_000]), Err(MatchingError::Silent { .. })));
    assert!(matches!(learn(&man()[16_000..19_200]), Err(MatchingError::TooLittleVoice { .. })));
    let mut state = 1_u32;
    let noise: Vec<f32> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 65_536.0 - 0.5
    })
    .take(80_000)
    .collect();
    let refused = learn(&noise).unwrap_err();
    assert!(
        matches!(refused, MatchingError::TooLittleVoice { duration, .. } if (duration - 5.0).abs() < 0.01),
        "{refused}"
    );
    assert!(refused.to_string().contains("1 s are needed"), "{refused}");
}

#[test]
fn unusable_numbers_are_refused() {
    assert!(matches!(MATCHER.learn(&[0.1, f32::NAN], 16_000), Err(MatchingError::NotFinite { index: 1 })));
    assert!(matches!(MATCHER.learn(&man(), 0), Err(MatchingError::Rate { found: 0 })));
    assert!(matches!(MATCHER.learn(&vec![0.1; 121 * 8_000], 8_000), Err(MatchingError::TooLong { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_clip_makes_the_matching_panic(
        pitch in 20.0_f32..2_000.0, level in 0.0_f32..1e6, step in 0.0_f32..1.0, samples in 0_usize..30_000,
        rate in 8_000_u32..48_000,
    ) {
        let clip: Vec<f32> = (0_u16..).take(samples).map(|i| {
            let phase = (pitch * f32::from(i) / f32::from(u16::try_from(rate).unwrap())).fract();
            level * ((TAU * phase).sin() + step * phase)
        }).collect();
        if let Ok(profile) = MATCHER.learn(&clip, rate) {
            let speech = speak(Some(&profile));
            prop_assert!(speech.iter().all(|x| x.abs() <= 1.0));
        }
    }
}
