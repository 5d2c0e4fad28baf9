//! From phoneme ids to samples: the acoustic network, the matching and the vocoder in a row.
//!
//! One call makes one phrase. Phrases fade in and out over a few milliseconds, so that they may follow each other
//! directly or after any pause without a click.

use crate::acoustic::{AcousticError, AcousticModel};
use crate::matching::VoiceProfile;
use crate::vocoder::Vocoder;

/// Samples of the fades at either end of a phrase: 5 ms.
const FADE: usize = 120;
/// Magnitude above which peaks are rounded off; they never pass full scale.
const KNEE: f32 = 0.9;

/// Makes one phrase; iterate for its samples, drop it to stop.
///
/// `ids` and `pace` are those of [`AcousticModel::run`] (`pace` is its `speed`); without a `profile` the base voice speaks. The same arguments
/// give the same samples.
///
/// Blocks for some 3 % of the phrase's duration before it returns and less than 1 % while it is iterated.
///
/// # Errors
/// Those of [`AcousticModel::run`].
pub fn render(
    model: &AcousticModel,
    ids: &[i32],
    pace: f32,
    profile: Option<&VoiceProfile>,
    seed: u64,
) -> Result<Phrase, AcousticError> {
    let frames = model.run(ids, pace)?;
    let frames = match profile {
        Some(profile) => profile.apply(frames),
        None => frames,
    };
    Ok(Phrase { vocoder: Vocoder::new(frames, seed), position: 0 })
}

/// A phrase as chunks of mono samples at [`SAMPLE_RATE`](crate::vocoder::SAMPLE_RATE), within -1 to 1.
#[derive(Debug)]
pub struct Phrase {
    vocoder: Vocoder,
    position: usize,
}

impl Phrase {
    /// Samples of all chunks together.
    pub fn total_samples(&self) -> usize {
        self.vocoder.total_samples()
    }
}

impl Iterator for Phrase {
    type Item = Vec<f32>;

    fn next(&mut self) -> Option<Vec<f32>> {
        let mut chunk = self.vocoder.next()?;
        let total = self.total_samples();
        for sample in &mut chunk {
            let to_edge = (self.position + 1).min(total - self.position).min(FADE);
            #[expect(clippy::cast_precision_loss, reason = "at most FADE")]
            let fade = to_edge as f32 / FADE as f32;
            *sample = rounded(*sample) * fade;
            self.position += 1;
        }
        Some(chunk)
    }
}

/// A smooth limiter: the identity up to the knee, then a curve that ends at full scale.
fn rounded(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(sample)
}
