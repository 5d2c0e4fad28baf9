//! Joins spoken segments: one loudness, short natural pauses, no clicks. Arithmetic on mono samples, nothing else.
//!
//! Loudness is integrated loudness by ITU-R BS.1770. Silence at a joint is cut to a margin that no word reaches into, so
//! that the pause is ours and not the provider's, and both edges of a cut are faded.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sample counts and levels, far within the exact range"
)]
use crate::text::Pause;

/// Silence kept at a joint, seconds.
const MARGIN: f64 = 0.03;
/// Fade at a cut, seconds.
const FADE: f64 = 0.005;
/// What counts as silence, below the segment's peak: −60 dB.
const SILENCE: f32 = 0.001;
/// The most that a segment is turned up or down, dB: more would be another way of speaking.
const MAX_GAIN_DB: f64 = 6.0;
/// No sample is turned up beyond this: −1 dBFS.
const CEILING: f32 = 0.891_25;

/// The pause after a segment, in samples.
pub(crate) fn pause_len(pause: Pause, rate: u32) -> usize {
    let seconds = match pause {
        Pause::Sentence => 0.25,
        Pause::Paragraph => 0.6,
        _ => 0.08,
    };
    samples(seconds, rate)
}

fn samples(seconds: f64, rate: u32) -> usize {
    (seconds * f64::from(rate)) as usize
}

/// Integrated loudness in LUFS; `None` for what is too short or too quiet to have one.
pub(crate) fn loudness(audio: &[f32], rate: u32) -> Option<f64> {
    let mut meter = ebur128::EbuR128::new(1, rate, ebur128::Mode::I).ok()?;
    meter.add_frames_f32(audio).ok()?;
    meter.loudness_global().ok().filter(|lufs| lufs.is_finite())
}

/// The loudness that segments are brought to: the median, which one odd segment does not move.
pub(crate) fn common_loudness(segments: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let mut known: Vec<f64> = segments.into_iter().flatten().collect();
    known.sort_by(f64::total_cmp);
    known.get(known.len() / 2).copied()
}

/// Brings `audio` from its loudness to `target`, within the bounds above.
pub(crate) fn level(audio: &mut [f32], from: Option<f64>, target: Option<f64>) {
    let (Some(from), Some(target)) = (from, target) else { return };
    let wanted = 10f64.powf((target - from).clamp(-MAX_GAIN_DB, MAX_GAIN_DB) / 20.0) as f32;
    let peak = peak(audio);
    let gain = if wanted > 1.0 { wanted.min((CEILING / peak.max(f32::MIN_POSITIVE)).max(1.0)) } else { wanted };
    for sample in audio {
        *sample *= gain;
    }
}

/// Which edges of a segment are joints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joints {
    pub(crate) before: bool,
    pub(crate) after: bool,
}

/// Cuts the silence at the joints to the margin and fades the cuts. Returns how many samples went at the start.
pub(crate) fn trim(audio: &mut Vec<f32>, rate: u32, joints: Joints) -> usize {
    let silence = peak(audio) * SILENCE;
    let (margin, fade) = (samples(MARGIN, rate), samples(FADE, rate));
    let loud = |s: &f32| s.abs() > silence;
    if joints.after {
        let end = audio.iter().rposition(loud).map_or(0, |at| at + 1);
        audio.truncate((end + margin).min(audio.len()));
        for (i, sample) in audio.iter_mut().rev().take(fade).enumerate() {
            *sample *= i as f32 / fade as f32;
        }
    }
    if !joints.before {
        return 0;
    }
    let cut = audio.iter().position(loud).unwrap_or(audio.len()).saturating_sub(margin);
    audio.drain(..cut);
    for (i, sample) in audio.iter_mut().take(fade).enumerate() {
        *sample *= i as f32 / fade as f32;
    }
    cut
}

fn peak(audio: &[f32]) -> f32 {
    audio.iter().fold(0.0, |peak, s| peak.max(s.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 24_000;

    fn tone(seconds: f64, amplitude: f32) -> Vec<f32> {
        let step = 2.0 * std::f32::consts::PI * 440.0 / RATE as f32;
        (0..samples(seconds, RATE)).map(|i| amplitude * (i as f32 * step).sin()).collect()
    }

    #[test]
    fn levelled_segments_have_the_common_loudness() {
        let mut segments = [tone(2.0, 0.2), tone(2.0, 0.3), tone(2.0, 0.25)];
        let measured: Vec<_> = segments.iter().map(|s| loudness(s, RATE)).collect();
        let target = common_loudness(measured.iter().copied());
        assert_eq!(target, measured[2], "the median of the three");
        for (segment, from) in segments.iter_mut().zip(measured) {
            level(segment, from, target);
            assert!((loudness(segment, RATE).unwrap() - target.unwrap()).abs() < 0.05);
        }
    }

    #[test]
    fn nothing_is_turned_up_into_clipping_or_beyond_recognition() {
        let mut spiky = tone(2.0, 0.05);
        spiky[1000] = 0.8;
        let from = loudness(&spiky, RATE);
        level(&mut spiky, from, Some(-10.0));
        assert!(peak(&spiky) <= CEILING + 1e-4);
        let mut quiet = tone(2.0, 0.01);
        let from = loudness(&quiet, RATE);
        level(&mut quiet, from, Some(-10.0));
        assert!((peak(&quiet) / 0.01 - 1.995).abs() < 0.01, "6 dB at most");
    }

    #[test]
    fn trimming_keeps_every_loud_sample_and_leaves_no_step_at_a_cut() {
        let word = tone(0.5, 0.5);
        let quiet = vec![0.0; samples(0.4, RATE)];
        let whole = [quiet.as_slice(), &word, &quiet].concat();
        let mut cut = whole.clone();
        trim(&mut cut, RATE, Joints { before: true, after: true });
        let margin = samples(MARGIN, RATE);
        assert!(cut.len() <= word.len() + 2 * margin + 2 && cut.len() >= word.len());
        let energy = |s: &[f32]| s.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        assert!((energy(&cut) / energy(&word) - 1.0).abs() < 1e-6, "the word is whole");
        let mut outer = whole.clone();
        trim(&mut outer, RATE, Joints { before: false, after: false });
        assert_eq!(outer, whole, "the ends of the text are not touched");
    }

    #[test]
    fn a_cut_in_loud_sound_is_faded() {
        let mut loud = tone(0.2, 0.5).iter().map(|s| s + 0.3).collect();
        trim(&mut loud, RATE, Joints { before: true, after: true });
        assert_eq!((loud[0], loud[loud.len() - 1]), (0.0, 0.0));
    }

    #[test]
    fn silence_has_no_loudness_and_survives() {
        let mut silence = vec![0.0; 1000];
        assert_eq!(loudness(&silence, RATE), None);
        level(&mut silence, None, Some(-20.0));
        trim(&mut silence, RATE, Joints { before: true, after: true });
        assert!(silence.iter().all(|s| *s == 0.0));
    }
}
