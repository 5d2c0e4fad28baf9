//! Many channels to one, without losing what a plain average loses: a dead channel would halve the level, a reversed one
//! would cancel the voice.
//!
//! The weights hold for the whole recording, so they are decided on a pass of their own before any sample is mixed.
#![expect(clippy::cast_precision_loss, reason = "counts of frames and channels are far below 2^52")]
#![expect(clippy::indexing_slicing, reason = "channels are at most MAX, the size of every table")]
use voiceclone_core::audio::MAX_CHANNELS;

use super::stage::Stage;

const MAX: usize = MAX_CHANNELS as usize;

/// How channels are judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Downmix {
    /// A channel this far below the loudest one is dead, dB.
    pub(super) dead_below_db: f64,
    /// A channel whose correlation with the loudest one is below this is reversed, −1 to 0.
    pub(super) reversed_below: f64,
}

impl Default for Downmix {
    fn default() -> Self {
        Self { dead_below_db: -40.0, reversed_below: -0.5 }
    }
}

impl Stage for Downmix {
    const NAME: &'static str = "downmix/1";
}

impl Downmix {
    /// Weights for a recording whose channels were surveyed.
    pub(super) fn decide(&self, survey: &Survey) -> Mix {
        let power: Vec<f64> = (0..survey.channels).map(|c| survey.covariance(c, c)).collect();
        // The first of equals keeps its polarity.
        let loudest = (0..survey.channels).rev().max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap_or(0);
        let floor = power[loudest] * 10_f64.powf(self.dead_below_db / 10.0);
        let signs: Vec<f32> = (0..survey.channels)
            .map(|channel| match survey.correlation(channel, loudest) {
                _ if power[channel] <= floor => 0.0,
                Some(correlation) if correlation < self.reversed_below => -1.0,
                _ => 1.0,
            })
            .collect();
        Mix::of_signs(&signs)
    }
}

/// Sums over all frames of a recording.
#[derive(Debug, Clone)]
pub(super) struct Survey {
    channels: usize,
    frames: u64,
    sums: [f64; MAX],
    products: [[f64; MAX]; MAX],
}

impl Survey {
    pub(super) fn new(channels: u16) -> Self {
        let channels = usize::from(channels).clamp(1, MAX);
        Self { channels, frames: 0, sums: [0.0; MAX], products: [[0.0; MAX]; MAX] }
    }

    /// Adds whole frames of interleaved samples.
    pub(super) fn push(&mut self, interleaved: &[f32]) {
        for frame in interleaved.chunks_exact(self.channels) {
            for (a, left) in frame.iter().enumerate() {
                self.sums[a] += f64::from(*left);
                for (product, right) in self.products[a].iter_mut().zip(frame).take(a + 1) {
                    *product += f64::from(*left) * f64::from(*right);
                }
            }
        }
        self.frames += (interleaved.len() / self.channels) as u64;
    }

    fn covariance(&self, a: usize, b: usize) -> f64 {
        let n = self.frames.max(1) as f64;
        self.products[a.max(b)][a.min(b)] / n - self.sums[a] / n * (self.sums[b] / n)
    }

    fn correlation(&self, a: usize, b: usize) -> Option<f64> {
        let scale = (self.covariance(a, a) * self.covariance(b, b)).sqrt();
        (scale > 0.0).then(|| self.covariance(a, b) / scale)
    }
}

/// What a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Sound that is used as it is.
    Live,
    /// Sound of the opposite polarity, which is turned round before it is mixed.
    Reversed,
    /// No sound, or next to none; it is left out.
    Dead,
}

/// The weights of one recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mix {
    weights: Vec<f32>,
}

impl Mix {
    /// One channel as it is.
    pub(super) fn mono() -> Self {
        Self { weights: vec![1.0] }
    }

    fn of_signs(signs: &[f32]) -> Self {
        let live = signs.iter().filter(|sign| **sign != 0.0).count();
        Self { weights: signs.iter().map(|sign| sign / live.max(1) as f32).collect() }
    }

    /// What each channel carries, in their order.
    pub(super) fn channels(&self) -> Vec<Channel> {
        let carried = |weight: &f32| match weight {
            weight if *weight > 0.0 => Channel::Live,
            weight if *weight < 0.0 => Channel::Reversed,
            _ => Channel::Dead,
        };
        self.weights.iter().map(carried).collect()
    }

    /// Mixes whole frames into `mono`, which is overwritten.
    pub(super) fn apply(&self, interleaved: &[f32], mono: &mut Vec<f32>) {
        mono.clear();
        match self.weights.as_slice() {
            [only] => mono.extend(interleaved.iter().map(|s| s * only)),
            // Nearly every recording has one channel or two, and two in this form are mixed several at a time.
            [left, right] => mono.extend(interleaved.as_chunks().0.iter().map(|[l, r]| l * left + r * right)),
            weights => {
                let mix = |frame: &[f32]| frame.iter().zip(weights).map(|(s, w)| s * w).sum::<f32>();
                mono.extend(interleaved.chunks_exact(weights.len()).map(mix));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(n: usize) -> f32 {
        (n as f32 * 0.1).sin() * 0.5
    }

    fn mixed(frame: impl Fn(usize) -> Vec<f32>) -> (Mix, Vec<f32>) {
        let channels = frame(0).len();
        let interleaved: Vec<f32> = (0..10_000).flat_map(frame).collect();
        let mut survey = Survey::new(u16::try_from(channels).unwrap());
        interleaved.chunks(channels * 777).for_each(|block| survey.push(block));
        let mix = Downmix::default().decide(&survey);
        let mut mono = Vec::new();
        mix.apply(&interleaved, &mut mono);
        (mix, mono)
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, s| peak.max(s.abs()))
    }

    #[test]
    fn a_dead_channel_does_not_halve_the_level() {
        for dead in [0.0, 0.2] {
            let (mix, mono) = mixed(|n| vec![tone(n), dead]);
            let found = mix.channels();
            assert_eq!(found, [Channel::Live, Channel::Dead], "a constant channel carries no signal");
            assert!((peak(&mono) - 0.5).abs() < 1e-3);
        }
    }

    #[test]
    fn a_reversed_channel_does_not_cancel_the_voice() {
        let (mix, mono) = mixed(|n| vec![tone(n), -0.9 * tone(n)]);
        assert_eq!(mix.channels(), [Channel::Live, Channel::Reversed]);
        assert!((peak(&mono) - 0.475).abs() < 1e-3, "{}", peak(&mono));
    }

    #[test]
    fn sound_channels_are_averaged() {
        let (mix, mono) = mixed(|n| vec![tone(n), tone(n), tone(n) * 0.5, tone(n) * 0.5]);
        assert_eq!(mix.channels(), [Channel::Live; 4]);
        assert!((peak(&mono) - 0.375).abs() < 1e-3);
    }

    #[test]
    fn silence_in_every_channel_is_silence() {
        let (mix, mono) = mixed(|_| vec![0.0, 0.0]);
        assert_eq!((mix.channels(), mono.len(), peak(&mono)), (vec![Channel::Dead; 2], 10_000, 0.0));
    }
}
