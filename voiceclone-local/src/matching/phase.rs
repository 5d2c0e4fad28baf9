//! Minimum phase: the phase of a filter whose energy comes as early as its magnitude allows.
//!
//! A. Oppenheim, R. Schafer, "Discrete-Time Signal Processing": fold the real cepstrum of the log magnitude onto
//! positive time. The network's own phase belongs to its own envelope and pitch and turns rough when they change.

#![expect(clippy::cast_precision_loss, reason = "the transform's size")]

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::vocoder::FFT_SIZE;

pub(super) struct MinimumPhase {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    cepstrum: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl MinimumPhase {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(FFT_SIZE), planner.plan_fft_inverse(FFT_SIZE));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            cepstrum: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: vec![Complex32::default(); scratch],
            forward,
            inverse,
        }
    }

    /// Phase in radians per bin of the filter with this log magnitude.
    pub(super) fn of(&mut self, log_magnitude: &[f32]) -> impl Iterator<Item = f32> + '_ {
        for (bin, log) in self.spectrum.iter_mut().zip(log_magnitude) {
            *bin = Complex32::new(*log, 0.0);
        }
        // Lengths are the plan's own, so the transforms cannot fail.
        let _ = self.inverse.process_with_scratch(&mut self.spectrum, &mut self.cepstrum, &mut self.scratch);
        for (time, value) in self.cepstrum.iter_mut().enumerate() {
            let fold = match time {
                0 => 1.0,
                _ if time < FFT_SIZE / 2 => 2.0,
                _ if time == FFT_SIZE / 2 => 1.0,
                _ => 0.0,
            };
            *value *= fold / FFT_SIZE as f32;
        }
        let _ = self.forward.process_with_scratch(&mut self.cepstrum, &mut self.spectrum, &mut self.scratch);
        self.spectrum.iter().map(|bin| bin.im)
    }
}
