//! Hum of the mains: a steady tone of 50 or 60 Hz with its harmonics, found where nobody speaks.
//!
//! Only pauses are heard, since a low voice has its own lines near 100 and 120 Hz. Their spectrum is averaged as a logarithm:
//! a steady tone keeps its level, while the tail of a word or a knock, loud but rare, hardly counts.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "bins and counts are small and positive"
)]
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

use super::stage::Stage;

/// How hum is told from other noise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HumRule {
    /// A line is this far above the spectrum on both its sides, dB.
    pub(super) line_above_db: f64,
    /// A line's level spreads by no more than this from block to block (standard deviation), dB: noise has 5.6, speech more.
    pub(super) steady_db: f64,
    /// Fewer blocks of pause (of a quarter of a second, every eighth) say nothing.
    pub(super) min_blocks: u32,
    /// Lines up to here are hum, hertz; it is also where the rest of the noise that it is compared with ends.
    pub(super) highest_hz: f64,
}

impl Default for HumRule {
    fn default() -> Self {
        Self { line_above_db: 7.0, steady_db: 4.0, min_blocks: 6, highest_hz: 1_000.0 }
    }
}

impl Stage for HumRule {
    const NAME: &'static str = "hum/1";
}

/// Bins are this wide, hertz: wide enough that a quarter of a second of pause is of use.
const BIN_HZ: f64 = 4.0;
/// Where the rest of the noise starts: rumble below it is no hum and is hardly heard.
const LOWEST_HZ: f64 = 40.0;
/// Half the width of a line behind a Hann window, bins.
const LOBE: usize = 2;
/// Power that a Hann window spreads over its lobe, against the power of its middle bin.
const LOBE_POWER: f64 = 1.5;
/// The mean logarithm of a noise's power lies this much below the logarithm of its mean: Euler's constant, in nepers.
const NOISE_BIAS: f64 = 0.577_215_664_901_532_9;
/// Powers below this are digital silence.
const SILENCE: f32 = 1e-20;

/// Hum that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hum {
    /// The mains: 50 or 60.
    pub(super) hertz: u32,
    /// All its lines together over the rest of the pauses between 40 Hz and 1 kHz, dB.
    pub(super) above_db: f64,
    /// Level of all its lines together, dBFS RMS.
    pub(super) level_db: f64,
}

impl HumRule {
    /// A meter for samples at `sample_rate` hertz.
    pub(super) fn start(&self, sample_rate: u32) -> HumMeter {
        let size = ((f64::from(sample_rate) / BIN_HZ).round() as usize).next_multiple_of(2).max(2);
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        let turn = std::f32::consts::TAU / size as f32;
        let bins = ((self.highest_hz / BIN_HZ) as usize + 4 * LOBE).min(size / 2 + 1);
        HumMeter {
            rule: self.clone(),
            bin_hz: f64::from(sample_rate) / size as f64,
            window: (0..size).map(|n| 0.5 - 0.5 * (turn * n as f32).cos()).collect(),
            pending: Vec::with_capacity(size),
            block: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            logs: vec![(0.0, 0.0); bins],
            blocks: 0,
            fft,
        }
    }
}

/// The running meter.
pub(super) struct HumMeter {
    rule: HumRule,
    bin_hz: f64,
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    pending: Vec<f32>,
    block: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    /// Sums of the logarithms of power and of their squares.
    logs: Vec<(f64, f64)>,
    blocks: u32,
}

impl HumMeter {
    /// Adds samples; `speech` says what is heard among them. A block never reaches across speech.
    pub(super) fn push(&mut self, samples: &[f32], speech: bool) {
        if speech {
            self.pending.clear();
            return;
        }
        self.pending.extend_from_slice(samples);
        let (size, mut done) = (self.window.len(), 0);
        while let Some(block) = self.pending.get(done..done + size) {
            self.block.iter_mut().zip(block.iter().zip(&self.window)).for_each(|(out, (s, w))| *out = s * w);
            done += size / 2;
            // Only wrong lengths can fail, and these come from the transform itself.
            if self.fft.process_with_scratch(&mut self.block, &mut self.spectrum, &mut self.scratch).is_ok() {
                let powers = self.spectrum.iter().map(|bin| f64::from(bin.norm_sqr().max(SILENCE).ln()));
                self.logs.iter_mut().zip(powers).for_each(|((sum, squares), log)| {
                    *sum += log;
                    *squares += log * log;
                });
                self.blocks += 1;
            }
        }
        self.pending.drain(..done);
    }

    /// The hum, or `None` if there is none or too little pause to tell.
    pub(super) fn finish(self) -> Option<Hum> {
        if self.blocks < self.rule.min_blocks {
            return None;
        }
        let blocks = f64::from(self.blocks);
        let power = self.logs.iter().map(|(sum, _)| (sum / blocks).exp()).collect();
        let spread = self.logs.iter().map(|(sum, squares)| (squares / blocks - (sum / blocks).powi(2)).max(0.0).sqrt());
        // A sine of power p has p·(Σw)²/2 in its middle bin, and Σw of a Hann window is half its length.
        let scale = 8.0 / (self.window.len() as f64).powi(2) / LOBE_POWER;
        let spectrum = Spectrum { power, spread: spread.collect(), bin_hz: self.bin_hz, rule: &self.rule };
        let found = [50, 60].into_iter().filter_map(|mains| spectrum.hum(mains));
        let (hertz, hum, rest) = found.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Hum { hertz, above_db: db(hum / rest), level_db: db(hum * scale) })
    }
}

/// The pauses.
struct Spectrum<'a> {
    /// Mean power of each bin.
    power: Vec<f64>,
    /// Standard deviation of its logarithm, nepers.
    spread: Vec<f64>,
    bin_hz: f64,
    rule: &'a HumRule,
}

impl Spectrum<'_> {
    /// The mains frequency, the power of its lines and that of everything else, if there is hum at all.
    fn hum(&self, mains: u32) -> Option<(u32, f64, f64)> {
        let (mut hum, mut lines, mut low) = (0.0, Vec::new(), false);
        for harmonic in 1..=(self.rule.highest_hz / f64::from(mains)) as u32 {
            let Some((middle, line)) = self.line(f64::from(mains), f64::from(harmonic)) else { continue };
            // A buzz without its first two harmonics is another machine's.
            low |= harmonic <= 2;
            hum += line;
            lines.push(middle);
        }
        let first = (LOWEST_HZ / self.bin_hz) as usize;
        let noise = self.power.iter().enumerate().take((self.rule.highest_hz / self.bin_hz) as usize).skip(first);
        let beside = |at: usize| lines.iter().all(|line| at.abs_diff(*line) > LOBE);
        let (rest, free) = noise.clone().filter(|(at, _)| beside(*at)).fold((0.0, 0), |(s, n), (_, p)| (s + p, n + 1));
        let all = noise.count() as f64 / f64::from(free.max(1)) * NOISE_BIAS.exp();
        low.then_some((mains, hum, (rest * all).max(f64::MIN_POSITIVE)))
    }

    /// The bin and the power of a harmonic, if it is there: a steady peak that stands out from both its sides.
    fn line(&self, mains: f64, harmonic: f64) -> Option<(usize, f64)> {
        let expected = mains * harmonic / self.bin_hz;
        let at = |bin: usize| self.power.get(bin).copied();
        let middle = (expected.round() as usize).checked_sub(1)?;
        let middle = (middle..middle + 3).max_by(|a, b| at(*a).unwrap_or(0.0).total_cmp(&at(*b).unwrap_or(0.0)))?;
        let side = |from: usize| Some(f64::midpoint(at(from)?, at(from + 1)?));
        let (below, above) = (side(middle.checked_sub(LOBE + 2)?)?, side(middle + LOBE + 1)?);
        let stands_out = at(middle)? > below.max(above) * 10_f64.powf(self.rule.line_above_db / 10.0);
        let steady = *self.spread.get(middle)? * 10.0 * std::f64::consts::LOG10_E <= self.rule.steady_db;
        // The top of the parabola through the logarithms of the peak and its neighbours.
        let (left, top, right) = (at(middle - 1)?.ln(), at(middle)?.ln(), at(middle + 1)?.ln());
        let place = middle as f64 + 0.5 * (left - right) / (left - 2.0 * top + right);
        // The mains keep to half a hertz; half a hertz more is what noise does to the reading.
        let in_place = (place - expected).abs() * self.bin_hz <= 0.5 + 0.5 * harmonic;
        let power = self.power.get(middle - LOBE..=middle + LOBE)?.iter().sum();
        (stands_out && steady && in_place).then_some((middle, power))
    }
}

fn db(power: f64) -> f64 {
    10.0 * power.log10()
}

impl std::fmt::Debug for HumMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HumMeter").field("rule", &self.rule).field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{resample::resampled, testing};

    /// Noise of falling spectrum (−3 dB per octave) with an RMS of one: Paul Kellet's filter of white noise.
    fn pink(n: usize) -> Vec<f32> {
        let mut state = [0.0_f32; 7];
        let mut out = Vec::with_capacity(n);
        for white in testing::noise(n, 1.0) {
            let poles = [
                (0.998_86, 0.055_517_9),
                (0.993_32, 0.075_075_9),
                (0.969, 0.153_852),
                (0.866_5, 0.310_485_6),
                (0.55, 0.532_952_2),
                (-0.761_6, -0.016_898),
            ];
            state.iter_mut().zip(poles).for_each(|(s, (pole, gain))| *s = pole * *s + gain * white);
            out.push(state.iter().sum::<f32>() + white * 0.536_2);
            state[6] = white * 0.115_926;
        }
        let rms = (out.iter().map(|s| s * s).sum::<f32>() / n as f32).sqrt();
        out.iter().map(|s| s / rms).collect()
    }

    fn found(pause: &[f32], rate: u32) -> Option<Hum> {
        let mut meter = HumRule::default().start(rate);
        pause.chunks(1_000).for_each(|block| meter.push(block, false));
        meter.finish()
    }

    /// The power of `samples` between 40 Hz and 1 kHz, by one transform of all of it.
    fn band_power(samples: &[f32], rate: u32) -> f64 {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(samples.len());
        let (mut input, mut spectrum) = (samples.to_vec(), fft.make_output_vec());
        fft.process(&mut input, &mut spectrum).unwrap();
        let hertz = |bin: usize| bin as f64 * f64::from(rate) / samples.len() as f64;
        let band = spectrum.iter().enumerate().filter(|(bin, _)| (40.0..1_000.0).contains(&hertz(*bin)));
        2.0 * band.map(|(_, s)| f64::from(s.norm_sqr())).sum::<f64>() / (samples.len() as f64).powi(2)
    }

    #[test]
    fn hum_is_named_and_measured_at_every_rate() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000, 96_000] {
            let noise: Vec<f32> = pink(rate as usize * 4).iter().map(|s| s * 0.003).collect();
            for (mains, wanted) in [(50, 0.0), (60, 10.0), (50, 20.0), (60, 5.0)] {
                let power = band_power(&noise, rate) * 10_f64.powf(wanted / 10.0);
                let mut signal = noise.clone();
                // Half the power in the second harmonic, a tenth in the fifth.
                for (harmonic, share) in [(1.0, 0.4), (2.0, 0.5), (5.0, 0.1)] {
                    let peak = (2.0 * power * share).sqrt() as f32;
                    let tone = testing::tone(f64::from(mains) * harmonic, rate, 4.0, peak);
                    signal.iter_mut().zip(tone).for_each(|(s, t)| *s += t);
                }
                let hum = found(&signal, rate).unwrap();
                assert_eq!(hum.hertz, mains, "{rate} Hz: {hum:?}");
                assert!((hum.above_db - wanted).abs() < 1.5, "{rate} Hz, {wanted} dB: {hum:?}");
                assert!((hum.level_db - db(power)).abs() < 1.0, "{rate} Hz, {} dBFS: {hum:?}", db(power));
            }
        }
    }

    #[test]
    fn a_mains_a_fifth_of_a_hertz_off_is_still_hum() {
        for off in [0.996, 1.004] {
            let tone = testing::tone(100.0 * off, 48_000, 3.0, 0.01);
            let signal: Vec<f32> = tone.iter().zip(pink(144_000)).map(|(t, n)| t + n * 0.001).collect();
            assert_eq!(found(&signal, 48_000).unwrap().hertz, 50);
        }
    }

    #[test]
    fn other_noise_is_no_hum() {
        for rate in [8_000, 16_000, 48_000] {
            let pink = pink(rate as usize * 8);
            assert_eq!(found(&pink, rate), None, "pink noise at {rate} Hz");
            assert_eq!(found(&testing::noise(pink.len(), 0.1), rate), None, "white noise at {rate} Hz");
            assert_eq!(found(&vec![0.0; pink.len()], rate), None, "silence at {rate} Hz");
            for hertz in [54.0, 70.0, 90.0, 110.0, 131.0, 300.0, 440.0] {
                let tone = testing::tone(hertz, rate, 8.0, 0.1);
                let signal: Vec<f32> = tone.iter().zip(&pink).map(|(t, n)| t + n * 0.001).collect();
                assert_eq!(found(&signal, rate), None, "{hertz} Hz at {rate} Hz");
            }
        }
    }

    /// This reader's room has a hum of 60 Hz, at 60 Hz only, 13 dB over its surroundings and steady within 3 dB (by numpy, a
    /// quarter of a second at a time).
    #[test]
    fn the_hum_of_a_real_room_is_found_even_under_the_voice() {
        let (speech, rate) = testing::speech();
        assert_eq!(found(&speech, rate).unwrap().hertz, 60);
    }

    #[test]
    fn a_voice_does_not_hum_however_low_even_where_it_is_mistaken_for_pause() {
        let (mut speech, rate) = testing::speech();
        // Without the room's hum: four times a first-order high-pass at 150 Hz leaves 60 Hz 34 dB lower.
        let step = 1.0 - (-std::f32::consts::TAU * 150.0 / rate as f32).exp();
        for _ in 0..4 {
            let mut level = 0.0;
            for s in &mut speech {
                level += step * (*s - level);
                *s -= level;
            }
        }
        for slower in [80, 90, 95, 100, 105, 110, 120, 140] {
            // Played at another speed, its lines pass 100 and 120 Hz.
            let played = resampled(&speech, rate, rate * slower / 100).unwrap();
            assert_eq!(found(&played, rate), None, "{slower} %");
        }
    }

    #[test]
    fn speech_is_not_heard_and_too_little_pause_says_nothing() {
        let tone = testing::tone(50.0, 16_000, 4.0, 0.1);
        let mut meter = HumRule::default().start(16_000);
        tone.chunks(3_000).enumerate().for_each(|(n, block)| meter.push(block, n % 2 == 1));
        assert_eq!(meter.finish(), None, "no pause is as long as a block");
        assert_eq!(found(&tone[..8_000], 16_000), None);
        assert!(found(&tone, 16_000).is_some());
    }
}
