//! Where somebody speaks: one score and one level per frame of 16 ms, from a small neural network.
use voiceclone_core::{Error, Result};

use super::{
    highpass::{HighPass, HighPassFilter},
    resample::{Resampler, Resampling},
    silero::{BATCH, Silero, SileroError, WINDOW},
    stage::Stage,
};

/// The network's rate in hertz, and the samples of a frame: two make the network's window.
const RATE: u32 = 16_000;
const FRAME: usize = 256;

/// Length of one frame in seconds.
pub(super) const FRAME_SECONDS: f64 = 0.016;

/// One frame of 16 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    /// How sure the network is of a voice, 0 to 1.
    pub(super) voice: f32,
    /// Mean square of the samples below 8 kHz.
    pub(super) power: f32,
    /// The same without the rumble that the chain takes out of clips.
    pub(super) clear: f32,
}

/// The network has no parameter of its own: what its score means is asked elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct VoiceDetection {
    pub(super) resampling: Resampling,
    pub(super) high_pass: HighPass,
}

impl Stage for VoiceDetection {
    const NAME: &'static str = "voice/2 silero-6.2.3";
}

impl VoiceDetection {
    /// A detector for samples at `sample_rate` hertz.
    ///
    /// # Errors
    /// A bug, if the embedded network cannot be read.
    pub(super) fn start(&self, sample_rate: u32) -> Result<VoiceDetector> {
        let resampler = self.resampling.start(sample_rate, RATE)?;
        let network = Silero::start().map_err(unusable)?;
        let high_pass = self.high_pass.start(RATE)?;
        let (pending, scores, frames) = (Vec::new(), Vec::new(), Vec::new());
        Ok(VoiceDetector { resampler, network, high_pass, pending, scores, frames })
    }
}

fn unusable(error: SileroError) -> Error {
    Error::unexpected("voices cannot be detected").with_source(error)
}

/// The running detector. It keeps 12 bytes per frame, under a kilobyte per second.
#[derive(Debug)]
pub(super) struct VoiceDetector {
    resampler: Resampler,
    network: Silero,
    high_pass: HighPassFilter,
    /// Samples that do not fill a batch of windows yet.
    pending: Vec<f32>,
    scores: Vec<f32>,
    frames: Vec<Frame>,
}

impl VoiceDetector {
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<()> {
        self.resampler.push(samples, &mut self.pending)?;
        if self.pending.len() >= BATCH * WINDOW {
            self.detect();
        }
        Ok(())
    }

    /// The frames so far. They are late by up to a batch of the network's windows, a quarter of a second.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// All frames; the last one is completed with silence.
    pub(super) fn finish(mut self) -> Result<Vec<Frame>> {
        self.resampler.finish(&mut self.pending)?;
        let frames = self.frames.len() + self.pending.len().div_ceil(FRAME);
        self.pending.resize(self.pending.len().next_multiple_of(WINDOW), 0.0);
        self.detect();
        self.frames.truncate(frames);
        Ok(self.frames)
    }

    /// Turns the whole windows among the pending samples into frames.
    fn detect(&mut self) {
        let (windows, _) = self.pending.as_chunks_mut::<WINDOW>();
        let done = windows.len() * WINDOW;
        let powers: Vec<f32> = windows.as_flattened().chunks_exact(FRAME).map(mean_square).collect();
        for sample in windows.as_flattened_mut() {
            // The network's state would never recover from a value that is no number.
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let mut clear = windows.as_flattened().to_vec();
        self.high_pass.apply(&mut clear);
        let levels = powers.into_iter().zip(clear.chunks_exact(FRAME).map(mean_square));
        self.scores.clear();
        self.network.listen(windows, &mut self.scores);
        let halves = self.scores.iter().flat_map(|score| [*score; WINDOW / FRAME]);
        self.frames.extend(halves.zip(levels).map(|(voice, (power, clear))| Frame { voice, power, clear }));
        self.pending.drain(..done);
    }
}

fn mean_square(frame: &[f32]) -> f32 {
    frame.iter().map(|s| s * s).sum::<f32>() / 256.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::testing;

    fn frames(samples: &[f32], rate: u32) -> Vec<Frame> {
        let mut detector = VoiceDetection::default().start(rate).unwrap();
        samples.chunks(1_152).for_each(|block| detector.push(block).unwrap());
        detector.finish().unwrap()
    }

    #[test]
    fn a_reader_is_heard_and_silence_is_not() {
        let (speech, rate) = testing::speech();
        let heard = frames(&speech, rate);
        assert_eq!(heard.len(), speech.len().div_ceil(FRAME));
        let voiced = heard.iter().filter(|f| f.voice >= 0.5).count();
        assert!(voiced * 10 > heard.len() * 7, "{voiced} of {}", heard.len());
        assert!(frames(&vec![0.0; 16_000], 16_000).iter().all(|f| f.voice < 0.5 && f.power == 0.0));
    }

    #[test]
    fn a_level_is_the_mean_square() {
        let square: Vec<f32> = (0..16_000).map(|n| if n % 40 < 20 { 0.5 } else { -0.5 }).collect();
        assert!(frames(&square, 16_000).iter().take(62).all(|f| (f.power - 0.25).abs() < 1e-6));
    }
}
