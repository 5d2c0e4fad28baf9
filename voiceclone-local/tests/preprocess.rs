//! The whole chain through the seam, on a real reader placed at known positions.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test signals"
)]
use std::{num::NonZeroUsize, time::Duration};

use proptest::prelude::*;
use voiceclone_core::{
    ErrorKind,
    audio::{Container, DecodeLimits, Pcm, RawAudio, decode, encode},
    domain::{ClipProfile, Measure, NoiseReduction, Verdict},
    preprocess::{Prepared, Preprocessor as _},
};
use voiceclone_local::preprocess::{LocalPreprocessor, generic};

const RATE: u32 = 16_000;

fn reader() -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/librivox_sense_01.wav");
    let mut wav = hound::WavReader::open(path).unwrap();
    wav.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
}

/// Uniform noise with this RMS, the same on every run.
fn noise(seconds: f64, rms: f32) -> Vec<f32> {
    let mut state = 7_u32;
    let n = (seconds * f64::from(RATE)) as usize;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..n).map(|_| next() * rms * 3_f32.sqrt()).collect()
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// The reader between `before` and `after` seconds of background, which also runs under the voice.
fn placed(before: f64, after: f64, background: f32) -> Vec<f32> {
    let voice = reader();
    let start = (before * f64::from(RATE)) as usize;
    let mut out = noise(before + after + voice.len() as f64 / f64::from(RATE), background);
    out.iter_mut().skip(start).zip(&voice).for_each(|(out, s)| *out += s);
    out
}

fn wav(samples: Vec<f32>, rate: u32, channels: u16) -> RawAudio {
    RawAudio::new(encode(&Pcm::new(samples, rate, channels).unwrap(), Container::Wav).unwrap().body)
}

async fn prepare(input: RawAudio, profile: &ClipProfile) -> Prepared {
    LocalPreprocessor::new().process(input, profile).await.unwrap()
}

fn samples(prepared: &Prepared) -> Pcm {
    let clip = prepared.clip.as_ref().unwrap_or_else(|| panic!("{:#?}", prepared.quality));
    decode(&clip.body, None, &DecodeLimits::unlimited()).unwrap().0
}

fn loudness_and_peak(pcm: &Pcm) -> (f64, f64) {
    let mode = ebur128::Mode::I | ebur128::Mode::TRUE_PEAK;
    let mut meter = ebur128::EbuR128::new(1, pcm.sample_rate(), mode).unwrap();
    meter.add_frames_f32(pcm.samples()).unwrap();
    (meter.loudness_global().unwrap(), 20.0 * meter.true_peak(0).unwrap().log10())
}

/// Where `needle` lies in `hay`, by the highest normalised correlation, and that correlation.
fn find(needle: &[f32], hay: &[f32]) -> (usize, f32) {
    let energy = needle.iter().map(|s| s * s).sum::<f32>();
    hay.windows(needle.len())
        .map(|part| part.iter().zip(needle).fold((0.0, 0.0), |(dot, power), (a, b)| (dot + a * b, power + a * a)))
        .map(|(dot, power)| dot / (energy * power).sqrt().max(f32::MIN_POSITIVE))
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 0.0))
}

#[tokio::test]
async fn the_whole_voice_is_inside_the_clip_and_the_background_around_it_is_not() {
    for (before, after, background) in [(3.0, 4.0, 0.0), (0.0, 5.0, 0.001), (2.5, 0.3, 0.003), (6.0, 6.0, 0.008)] {
        let input = placed(before, after, background);
        let whole = input.len() as f64 / f64::from(RATE);
        let profile = ClipProfile::master().noise_reduction(NoiseReduction::Never);
        let prepared = prepare(wav(input, RATE, 1), &profile).await;
        let clip = samples(&prepared);
        let length = clip.duration().as_secs_f64();
        // The reader's first and last audible words lie at 0.25 to 6.85 s of the recording.
        let voice = reader();
        let (first, last) = (&voice[4_000..6_000], &voice[105_600..107_600]);
        let (start, sure) = find(first, clip.samples());
        let (end, sure_too) = find(last, clip.samples());
        assert!(sure > 0.8 && sure_too > 0.8, "{before} {after} {background}: {sure} {sure_too}");
        assert_eq!(end - start, 101_600, "nothing is cut out between");
        assert!(length < 7.1 + 0.6 && length < whole, "{length} of {whole}");
    }
}

#[tokio::test]
async fn the_clip_has_the_profiles_rate_loudness_and_peak() {
    for (rate, target, peak) in [(None, -20.0, -1.0), (Some(24_000), -23.0, -1.0), (Some(44_100), -16.0, -3.0)] {
        let mut profile = ClipProfile::master();
        (profile.sample_rate, profile.loudness_lufs, profile.true_peak_dbtp) = (rate, target, peak);
        let clip = samples(&prepare(wav(placed(1.0, 1.0, 0.002), RATE, 1), &profile).await);
        let (loudness, true_peak) = loudness_and_peak(&clip);
        assert_eq!((clip.sample_rate(), clip.channels()), (rate.unwrap_or(RATE), 1));
        assert!((loudness - target).abs() <= 0.3, "{loudness} for {target}");
        assert!(true_peak <= peak + 0.1, "{true_peak} for {peak}");
    }
}

#[tokio::test]
async fn a_clip_keeps_its_rate_up_to_what_speech_needs() {
    for (recorded, kept) in [(RATE, RATE), (48_000, 48_000), (96_000, 48_000), (192_000, 48_000)] {
        let times = usize::try_from(recorded / RATE).unwrap();
        let voice = reader().into_iter().flat_map(|s| std::iter::repeat_n(s, times)).collect();
        let clip = prepare(wav(voice, recorded, 1), &ClipProfile::master()).await;
        assert_eq!(samples(&clip).sample_rate(), kept, "recorded at {recorded} Hz");
    }
}

/// What `ffmpeg -af ebur128=peak=true` (5.1.9) reads of the recording and of the clips made of it.
#[tokio::test]
async fn loudness_and_peak_are_those_that_ffmpeg_reads() {
    let preprocessor = LocalPreprocessor::new();
    let input = wav(reader(), RATE, 1);
    let report = preprocessor.inspect(input.clone()).await.unwrap();
    assert!((report.value(Measure::Loudness).unwrap() + 24.6).abs() <= 0.1);
    assert!((report.value(Measure::TruePeak).unwrap() + 7.5).abs() <= 0.2);
    let master = ClipProfile::master();
    let as_recorded = master.clone().noise_reduction(NoiseReduction::Never);
    for (profile, peak) in [(master.clone(), -1.3), (master.at_rate(24_000), -1.3), (as_recorded, -2.8)] {
        let (loudness, true_peak) = loudness_and_peak(&samples(&prepare(input.clone(), &profile).await));
        assert!((loudness + 20.0).abs() <= 0.1 && (true_peak - peak).abs() <= 0.2, "{loudness} {true_peak}");
    }
}

#[tokio::test]
async fn long_pauses_become_short_and_the_words_around_them_stay() {
    let voice = reader();
    let pause = noise(6.0, 0.0005);
    let input = [voice.as_slice(), &pause, &voice].concat();
    let shortened = samples(&prepare(wav(input.clone(), RATE, 1), &generic()).await);
    let whole = generic().pauses_at_most(None);
    let kept = samples(&prepare(wav(input, RATE, 1), &whole).await);
    let removed = kept.duration().as_secs_f64() - shortened.duration().as_secs_f64();
    // The reader's own pauses at both ends add to the six seconds, and a splice takes 20 ms.
    assert!((5.3..6.8).contains(&removed), "{removed} s");
}

#[tokio::test]
async fn of_a_long_recording_the_cleanest_part_is_taken() {
    let (voice, second) = (reader(), noise(1.5, 0.0));
    let hiss = noise(voice.len() as f64 / f64::from(RATE), 0.01);
    let noisy: Vec<f32> = voice.iter().zip(&hiss).map(|(s, n)| s + n).collect();
    let profile = generic().at_rate(RATE).at_most(Duration::from_secs(8)).noise_reduction(NoiseReduction::Never);
    for clean_first in [true, false] {
        let (first, last) = if clean_first { (&voice, &noisy) } else { (&noisy, &voice) };
        let input = [first.as_slice(), &second, last].concat();
        let clip = samples(&prepare(wav(input, RATE, 1), &profile).await);
        assert!(clip.duration() <= Duration::from_secs(8));
        // In the clean part the reader's pauses are quiet.
        let quietest = clip.samples().chunks(800).map(rms).fold(f32::MAX, f32::min);
        assert!(quietest < 0.008, "{quietest}, clean first: {clean_first}");
    }
}

#[tokio::test]
async fn noise_is_reduced_where_there_is_some_and_only_if_that_is_wanted() {
    let quietest = |pcm: &Pcm| pcm.samples().chunks(1_600).map(rms).fold(f32::MAX, f32::min);
    let input = wav(placed(1.0, 1.0, 0.01), RATE, 1);
    let reduced = samples(&prepare(input.clone(), &ClipProfile::master()).await);
    let kept = samples(&prepare(input, &ClipProfile::master().noise_reduction(NoiseReduction::Never)).await);
    let db = 20.0 * (quietest(&reduced) / quietest(&kept)).log10();
    assert!(db < -10.0, "{db} dB");
    assert_eq!(reduced.frames(), kept.frames());
}

#[tokio::test]
async fn a_clip_can_be_flac_of_the_same_samples() {
    let input = wav(placed(1.0, 1.0, 0.002), RATE, 1);
    let as_wav = prepare(input.clone(), &generic()).await;
    let as_flac = prepare(input, &generic().in_container(Container::Flac)).await;
    assert_eq!(as_flac.clip.as_ref().unwrap().format.container(), Container::Flac);
    assert_eq!(samples(&as_flac).samples(), samples(&as_wav).samples());
}

#[tokio::test]
async fn a_profile_that_no_clip_can_meet_is_refused_by_name() {
    let impossible = [
        (generic().at_rate(1), "the clip's sample rate is 1 Hz"),
        (generic().at_loudness(3.0), "the clip's loudness is 3 LUFS"),
        (generic().peak_at_most(1.0), "the clip's true peak is 1 dBTP"),
        (generic().at_most(Duration::from_millis(10)), "the clip's longest duration"),
        (generic().pauses_at_most(Some(Duration::ZERO)), "the clip's longest pause is 0 seconds"),
        (generic().in_container(Container::Mp3), "the clip's container is Mp3"),
    ];
    for (profile, words) in impossible {
        let error = LocalPreprocessor::new().process(wav(reader(), RATE, 1), &profile).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{words}");
        assert!(error.message().contains(words), "{}", error.message());
    }
}

#[tokio::test]
async fn preparing_a_clip_again_changes_little() {
    let profile = ClipProfile::master();
    let once = prepare(wav(placed(2.0, 2.0, 0.002), RATE, 1), &profile).await;
    let again = prepare(RawAudio::new(once.clip.clone().unwrap().body), &profile).await;
    let (first, second) = (samples(&once), samples(&again));
    assert!((loudness_and_peak(&first).0 - loudness_and_peak(&second).0).abs() < 0.3);
    assert!((first.duration().as_secs_f64() - second.duration().as_secs_f64()).abs() < 0.1);
}

#[tokio::test]
async fn equal_bytes_give_equal_clips() {
    let (profile, input) = (ClipProfile::master().at_rate(24_000), wav(placed(1.0, 1.0, 0.002), RATE, 1));
    let (one, two) = tokio::join!(prepare(input.clone(), &profile), prepare(input, &profile));
    assert_eq!(samples(&one), samples(&two));
    assert_eq!(one.quality, two.quality);
}

#[tokio::test]
async fn a_dead_or_reversed_channel_gives_the_clip_of_one_channel() {
    let voice = placed(0.5, 0.5, 0.001);
    let alone = samples(&prepare(wav(voice.clone(), RATE, 1), &ClipProfile::master()).await);
    for (right, live) in [(0.0, 1.0), (-1.0, 2.0)] {
        let stereo = voice.iter().flat_map(|s| [*s, right * s]).collect();
        let prepared = prepare(wav(stereo, RATE, 2), &ClipProfile::master()).await;
        assert_eq!(prepared.quality.value(Measure::Channels), Some(live));
        let clip = samples(&prepared);
        let worst = clip.samples().iter().zip(alone.samples()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(clip.frames() == alone.frames() && worst < 0.001, "right × {right}: {worst}");
    }
}

#[tokio::test]
async fn a_long_recording_is_cut_to_the_limit() {
    let twice: Vec<f32> = [placed(1.0, 2.0, 0.001), placed(2.0, 1.0, 0.001)].concat();
    let profile = ClipProfile::master().at_most(Duration::from_secs(8));
    let clip = samples(&prepare(wav(twice, RATE, 1), &profile).await);
    let length = clip.duration().as_secs_f64();
    assert!((6.0..=8.0).contains(&length), "{length}");
}

async fn rejection(samples: Vec<f32>) -> String {
    let prepared = prepare(wav(samples, RATE, 1), &ClipProfile::master()).await;
    assert!(prepared.clip.is_none(), "{:#?}", prepared.quality);
    assert_eq!(prepared.quality.verdict(), Verdict::Reject);
    prepared.quality.rejections().join(" ")
}

#[tokio::test]
async fn what_holds_no_speech_is_rejected_with_its_own_sentence() {
    let seconds = |n: u32| (0..n * RATE).map(|i| i as f32 / RATE as f32);
    let tone = |hertz: f32, t: f32| (std::f32::consts::TAU * hertz * t).sin();
    assert!(rejection(vec![0.0; 80_000]).await.starts_with("The recording is silent."));
    for rms in [0.001, 0.01, 0.05, 0.2] {
        let sentence = rejection(noise(5.0, rms)).await;
        assert!(sentence.starts_with("No speech was found"), "{rms}: {sentence}");
    }
    let whistle = seconds(5).map(|t| 0.5 * tone(1_000.0, t)).collect();
    assert!(rejection(whistle).await.starts_with("No speech was found"));
    let brief = reader()[8_000..32_000].to_vec();
    assert!(rejection([vec![0.0; 32_000], brief, vec![0.0; 32_000]].concat()).await.starts_with("Only 1."));
}

#[tokio::test]
async fn a_voice_in_loud_noise_is_rejected_as_drowned() {
    let background = rms(&reader());
    let sentence = rejection(placed(3.0, 3.0, background)).await;
    assert!(sentence.contains("drowned") || sentence.contains("speech"), "{sentence}");
}

#[tokio::test]
async fn the_ratio_of_voice_to_noise_is_that_of_the_mix() {
    let voice = rms(&reader()[4_000..109_600]);
    for db in [10.0_f32, 20.0, 30.0] {
        let input = wav(placed(3.0, 3.0, voice * 10_f32.powf(-db / 20.0)), RATE, 1);
        let report = LocalPreprocessor::new().inspect(input).await.unwrap();
        let found = report.value(Measure::Snr).unwrap();
        assert!((found - f64::from(db)).abs() < 3.0, "{found} for {db}");
    }
}

#[tokio::test]
async fn inspecting_says_what_preparing_says() {
    let input = wav(placed(1.0, 1.0, 0.002), RATE, 1);
    let report = LocalPreprocessor::new().inspect(input.clone()).await.unwrap();
    assert_eq!(report, prepare(input, &ClipProfile::master()).await.quality);
    assert!(report.verdict() < Verdict::Reject, "{report:#?}");
}

#[tokio::test]
async fn what_is_no_recording_or_too_short_is_an_error() {
    let preprocessor = LocalPreprocessor::new();
    let text = RawAudio::new(bytes::Bytes::from_static(b"this is a letter, not a recording")).declared("a.wav");
    for input in [text, wav(vec![0.1; 3_200], RATE, 1), RawAudio::new(bytes::Bytes::new())] {
        let error = preprocessor.process(input.clone(), &ClipProfile::master()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!(preprocessor.inspect(input).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_profile_that_cannot_be_met_is_refused() {
    let mut profile = ClipProfile::master();
    profile.true_peak_dbtp = 3.0;
    let input = wav(placed(0.0, 0.0, 0.0), RATE, 1);
    let error = LocalPreprocessor::new().process(input.clone(), &profile).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let error = LocalPreprocessor::new().process(input, &ClipProfile::master().at_rate(100)).await.unwrap_err();
    assert!(error.message().contains("sample rate"), "{error}");
}

#[tokio::test]
async fn an_abandoned_preparation_gives_its_place_to_the_next() {
    let one = LocalPreprocessor::new().with_concurrency(NonZeroUsize::MIN);
    let long = wav([noise(60.0, 0.05), reader()].concat(), RATE, 1);
    let profile = ClipProfile::master();
    let mut first = Box::pin(one.process(long, &profile));
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(first);
    assert!(one.process(wav(placed(0.0, 0.0, 0.0), RATE, 1), &profile).await.unwrap().clip.is_some());
}

#[test]
fn a_fingerprint_names_every_parameter() {
    let base = LocalPreprocessor::new().fingerprint();
    assert_eq!(base, LocalPreprocessor::new().with_concurrency(NonZeroUsize::MIN).fingerprint());
    let mut policy = voiceclone_local::preprocess::QualityPolicy::default();
    policy.warn_snr_below = 16.0;
    assert_ne!(base, LocalPreprocessor::new().with_policy(policy).fingerprint());
    assert_ne!(base, LocalPreprocessor::new().with_limits(DecodeLimits::unlimited()).fingerprint());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_sound_makes_it_panic(
        seed in proptest::collection::vec(-1.0_f32..1.0, 1..400),
        rate in prop_oneof![Just(8_000_u32), Just(16_000), Just(44_100), Just(48_000), 4_000_u32..50_000],
        channels in 1_u16..=8,
        out_rate in proptest::option::of(prop_oneof![Just(16_000_u32), Just(24_000), 4_000_u32..50_000]),
        with_voice in any::<bool>(),
        loudness in -40.0_f64..0.0,
    ) {
        let frames = rate as usize * 3 / 2;
        let voice = reader();
        let samples: Vec<f32> = (0..frames * usize::from(channels))
            .map(|n| if with_voice { voice[n % voice.len()] } else { 0.0 } + seed[n % seed.len()] * 0.5)
            .collect();
        let mut profile = ClipProfile::master();
        (profile.sample_rate, profile.loudness_lufs) = (out_rate, loudness);
        let mut policy = voiceclone_local::preprocess::QualityPolicy::default();
        (policy.reject_speech_below, policy.reject_snr_below) = (0.0, f64::NEG_INFINITY);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let preprocessor = LocalPreprocessor::new().with_policy(policy);
        let prepared = runtime.block_on(preprocessor.process(wav(samples, rate, channels), &profile)).unwrap();
        if let Some(clip) = prepared.clip {
            let pcm = decode(&clip.body, None, &DecodeLimits::unlimited()).unwrap().0;
            prop_assert!(loudness_and_peak(&pcm).1 <= profile.true_peak_dbtp + 0.1);
        }
    }
}
