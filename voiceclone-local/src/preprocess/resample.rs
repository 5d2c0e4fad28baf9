//! Another sample rate, block by block: exact length, no delay. The filter is rubato's synchronous FFT resampler.
use audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};
use voiceclone_core::{Error, Result};

use super::stage::Stage;

/// The resampler's parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resampling {
    /// Frames of one FFT block at the lower rate, about: more is steeper.
    pub(super) block: usize,
    /// The highest rate that a clip keeps unasked, hertz. More holds no speech, and a recording at 384 kHz would cost eight
    /// times the memory.
    pub(super) highest_kept: u32,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { block: 1024, highest_kept: 48_000 }
    }
}

impl Stage for Resampling {
    const NAME: &'static str = "resample/1 rubato-5.0 fft blackman-harris2";
}

impl Resampling {
    /// A resampler between two rates in hertz; equal rates pass every sample as it is.
    pub(super) fn start(&self, from: u32, to: u32) -> Result<Resampler> {
        let fft = (from != to).then(|| self.fft(from, to)).transpose()?;
        let skip = fft.as_ref().map_or(0, rubato::Resampler::output_delay);
        let out = vec![0.0; fft.as_ref().map_or(0, rubato::Resampler::output_frames_max)];
        Ok(Resampler { fft, from, to, skip, pending: Vec::new(), out, taken: 0, given: 0 })
    }

    /// The block is an even multiple of the smallest one that both rates allow: an odd one would delay by half a sample.
    fn fft(&self, from: u32, to: u32) -> Result<Fft<f32>> {
        let common = gcd(from, to);
        let (unit, least) = ((from / common) as usize, (from.min(to) / common) as usize);
        let chunk = unit * self.block.div_ceil(least).next_multiple_of(2);
        let window = WindowFunction::BlackmanHarris2;
        Fft::new_custom(from as usize, to as usize, chunk, 1, 1, window, FixedSync::Both)
            .map_err(|e| Error::unexpected("the resampler could not be made").with_source(e))
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A running resampler of one channel.
#[derive(Debug)]
pub(super) struct Resampler {
    fft: Option<Fft<f32>>,
    from: u32,
    to: u32,
    /// Delay still to be dropped from the output.
    skip: usize,
    pending: Vec<f32>,
    out: Vec<f32>,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// Takes samples and appends what is ready to `sink`.
    pub(super) fn push(&mut self, samples: &[f32], sink: &mut Vec<f32>) -> Result<()> {
        self.taken += samples.len() as u64;
        let Some(fft) = &self.fft else {
            sink.extend_from_slice(samples);
            return Ok(());
        };
        let need = fft.input_frames_next();
        self.pending.extend_from_slice(samples);
        let mut done = 0;
        while let Some(chunk) = self.pending.get(done..done + need) {
            let ready = convert(self.fft.as_mut(), chunk, &mut self.out)?;
            done += need;
            self.give(ready, u64::MAX, sink);
        }
        self.pending.drain(..done);
        Ok(())
    }

    /// Appends the rest, so that in all ⌈n·to/from⌉ samples were given for n taken.
    pub(super) fn finish(&mut self, sink: &mut Vec<f32>) -> Result<()> {
        if self.fft.is_none() {
            return Ok(());
        }
        let total = (self.taken * u64::from(self.to)).div_ceil(u64::from(self.from));
        let mut rest = std::mem::take(&mut self.pending);
        while self.given < total {
            let ready = convert(self.fft.as_mut(), &rest, &mut self.out)?;
            rest.clear();
            self.give(ready, total, sink);
        }
        Ok(())
    }

    fn give(&mut self, ready: usize, total: u64, sink: &mut Vec<f32>) {
        let skipped = self.skip.min(ready);
        self.skip -= skipped;
        let room = usize::try_from(total - self.given).unwrap_or(usize::MAX);
        let fresh = self.out.get(skipped..ready).unwrap_or_default();
        let fresh = fresh.get(..room).unwrap_or(fresh);
        sink.extend_from_slice(fresh);
        self.given += fresh.len() as u64;
    }
}

/// One chunk, padded with silence if it is short. Returns how many samples of `out` are ready.
fn convert(fft: Option<&mut Fft<f32>>, chunk: &[f32], out: &mut [f32]) -> Result<usize> {
    let Some(fft) = fft else { return Ok(0) };
    let room = out.len();
    let partial = Indexing::new().partial_len(chunk.len());
    let input = SequentialSlice::new(chunk, 1, chunk.len())
        .map_err(|e| Error::unexpected("the resampler refused its input").with_source(e))?;
    let mut output = SequentialSlice::new_mut(out, 1, room)
        .map_err(|e| Error::unexpected("the resampler refused its output").with_source(e))?;
    let (_, ready) = fft
        .process_into_buffer(&input, &mut output, Some(&partial))
        .map_err(|e| Error::unexpected("the resampler failed").with_source(e))?;
    Ok(ready)
}

/// A whole mono signal at another rate.
pub(crate) fn resampled(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>> {
    let mut out = Vec::new();
    let mut resampler = Resampling::default().start(from, to)?;
    for block in samples.chunks(1_500) {
        resampler.push(block, &mut out)?;
    }
    resampler.finish(&mut out)?;
    Ok(out)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test signals"
)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(hertz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let n = (seconds * f64::from(rate)) as usize;
        (0..n).map(|i| (0.5 * (TAU * hertz * i as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    fn db(power: f64) -> f64 {
        10.0 * power.max(1e-30).log10()
    }

    /// The least squares fit of a sine of known frequency, and what is left of the signal, both as power.
    fn fit(signal: &[f32], hertz: f64, rate: u32) -> (f64, f64) {
        let (mut s, mut c, mut total) = (0.0, 0.0, 0.0);
        for (i, x) in signal.iter().enumerate() {
            let (sin, cos) = (TAU * hertz * i as f64 / f64::from(rate)).sin_cos();
            s += sin * f64::from(*x);
            c += cos * f64::from(*x);
            total += f64::from(*x) * f64::from(*x);
        }
        let n = signal.len() as f64;
        let power = 2.0 * (s * s + c * c) / (n * n);
        (power, total / n - power)
    }

    const PAIRS: [(u32, u32); 9] = [
        (44_100, 48_000),
        (48_000, 16_000),
        (48_000, 24_000),
        (44_100, 16_000),
        (44_100, 24_000),
        (16_000, 48_000),
        (96_000, 44_100),
        (22_050, 48_000),
        (8_000, 48_000),
    ];

    /// One second from the middle of a resampled tone, away from the edges, where the signal stops.
    fn middle(hertz: f64, (from, to): (u32, u32)) -> Vec<f32> {
        let out = resampled(&tone(hertz, from, 2.0), from, to).unwrap();
        out[to as usize / 2..to as usize * 3 / 2].to_vec()
    }

    #[test]
    fn the_length_is_exact_for_every_length() {
        for (from, to) in PAIRS {
            for n in [0, 1, 255, 1_024, 10_007] {
                let got = resampled(&vec![0.1; n], from, to).unwrap().len() as u64;
                assert_eq!(got, (n as u64 * u64::from(to)).div_ceil(u64::from(from)), "{n} from {from} to {to}");
            }
        }
    }

    #[test]
    fn a_tone_keeps_its_level_and_phase_and_gains_no_noise() {
        for pair in PAIRS {
            let to = pair.1;
            let got = middle(997.0, pair);
            let (power, rest) = fit(&got, 997.0, to);
            assert!(db(power / 0.125).abs() < 0.001, "{pair:?}: {} dB", db(power / 0.125));
            assert!(db(rest / power) < -120.0, "{pair:?}: distortion and noise {} dB", db(rest / power));
            let expected = tone(997.0, to, 2.0);
            let worst = got.iter().zip(&expected[to as usize / 2..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-6, "{pair:?}: delayed or turned by {worst}");
        }
    }

    #[test]
    fn the_pass_band_is_flat_to_nine_tenths() {
        for pair in PAIRS {
            for place in [0.01, 0.25, 0.5, 0.75, 0.85, 0.9] {
                let hertz = (place * 0.5 * f64::from(pair.0.min(pair.1))).round();
                let (power, rest) = fit(&middle(hertz, pair), hertz, pair.1);
                assert!(db(power / 0.125).abs() < 0.1, "{hertz} Hz, {pair:?}: {} dB", db(power / 0.125));
                assert!(db(rest / power) < -120.0, "{hertz} Hz, {pair:?}: an image of {} dB", db(rest / power));
            }
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_does_not_come_back_as_an_alias() {
        for pair in PAIRS.into_iter().filter(|(from, to)| from > to) {
            for place in [1.01, 1.02, 1.06, 1.2, 1.4, 1.7, 2.0, 2.5] {
                let hertz = place * 0.5 * f64::from(pair.1);
                if hertz > 0.49 * f64::from(pair.0) {
                    continue;
                }
                let got = middle(hertz, pair);
                let power = got.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / got.len() as f64;
                assert!(db(power / 0.125) < -120.0, "{hertz} Hz, {pair:?}: {} dB", db(power / 0.125));
            }
        }
    }
}
