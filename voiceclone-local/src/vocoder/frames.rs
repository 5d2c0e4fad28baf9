//! The vocoder's parameters for one sentence.

use super::BINS;

/// Pitch below which a frame is unvoiced, in hertz.
const VOICED_ABOVE: f32 = 40.0;

/// What the vocoder needs per 12.5 ms frame. Spectra are frame-major, [`BINS`](super::BINS) values a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VocoderFrames {
    /// Log magnitude of the filter on the pulse train.
    pub(crate) harmonic: Vec<f32>,
    /// Phase of that filter, radians.
    pub(crate) harmonic_phase: Vec<f32>,
    /// Log magnitude of the random noise.
    pub(crate) noise: Vec<f32>,
    /// Log magnitude of everything that is not pitch-synchronous.
    pub(crate) residual: Vec<f32>,
    /// Phase of the residual, radians.
    pub(crate) residual_phase: Vec<f32>,
    /// Pitch in hertz; 40 or less is unvoiced.
    pub(crate) f0: Vec<f32>,
}

impl VocoderFrames {
    /// Number of frames.
    pub fn len(&self) -> usize {
        self.f0.len()
    }

    /// Whether there is nothing to render.
    pub fn is_empty(&self) -> bool {
        self.f0.is_empty()
    }

    /// The pitch of each frame in hertz, `None` where the frame is unvoiced.
    pub fn pitch(&self) -> impl Iterator<Item = Option<f32>> + '_ {
        self.f0.iter().map(|f0| audible(*f0))
    }

    pub(crate) fn pitch_at(&self, frame: usize) -> Option<f32> {
        self.f0.get(frame).and_then(|f0| audible(*f0))
    }

    pub(crate) fn harmonic(&self, frame: usize) -> &[f32] {
        row(&self.harmonic, frame)
    }

    pub(crate) fn harmonic_phase(&self, frame: usize) -> &[f32] {
        row(&self.harmonic_phase, frame)
    }

    pub(crate) fn noise(&self, frame: usize) -> &[f32] {
        row(&self.noise, frame)
    }

    pub(crate) fn residual(&self, frame: usize) -> &[f32] {
        row(&self.residual, frame)
    }

    pub(crate) fn residual_phase(&self, frame: usize) -> &[f32] {
        row(&self.residual_phase, frame)
    }
}

fn audible(f0: f32) -> Option<f32> {
    (f0 > VOICED_ABOVE).then_some(f0)
}

fn row(spectra: &[f32], frame: usize) -> &[f32] {
    spectra.get(frame * BINS..(frame + 1) * BINS).unwrap_or_default()
}
