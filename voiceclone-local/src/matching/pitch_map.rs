//! The base voice's melody in another speaker's register.

use serde::{Deserialize, Serialize};

/// Log pitch of a speaker.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PitchStatistics {
    /// Mean of the natural logarithm of the pitch in hertz.
    pub(super) mean: f32,
    /// Its standard deviation.
    pub(super) deviation: f32,
}

/// Farthest a pitch lies from the median to be counted: the rest is creak and tracking error.
const OUTLIER: f32 = 0.6;
/// Most the melody is widened or flattened.
const MOST_WIDENING: f32 = 1.35;
/// Farthest a converted pitch may stray from the mean, as a logarithm: one octave.
const FARTHEST: f32 = std::f32::consts::LN_2;

impl PitchStatistics {
    /// Statistics of pitches in hertz; `None` when there are none.
    pub(super) fn of(pitches: impl Iterator<Item = f32>) -> Option<Self> {
        let mut logs: Vec<f64> = pitches.map(|pitch| f64::from(pitch).ln()).collect();
        logs.sort_by(f64::total_cmp);
        let median = *logs.get(logs.len() / 2)?;
        logs.retain(|log| (log - median).abs() < f64::from(OUTLIER));
        #[expect(clippy::cast_precision_loss, reason = "a count of frames")]
        let count = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / count;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / count;
        #[expect(clippy::cast_possible_truncation, reason = "kept as f32")]
        Some(Self { mean: mean as f32, deviation: variance.sqrt() as f32 })
    }

    /// The pitch `hertz` of this speaker as `other` would have it.
    pub(super) fn translate(self, other: Self, hertz: f32) -> f32 {
        let widening = (other.deviation / self.deviation.max(1e-3)).clamp(1.0 / MOST_WIDENING, MOST_WIDENING);
        let deviation = (hertz.ln() - self.mean) * widening;
        (other.mean + deviation.clamp(-FARTHEST, FARTHEST)).exp()
    }
}
