//! Where somebody speaks: one score and one level per frame of 16 ms, from a small neural detector.
use earshot::Detector;
use voiceclone_core::Result;

use super::{
    resample::{Resampler, Resampling},
    stage::Stage,
};

/// The detector's rate in hertz and its frame in samples; both are fixed by the detector.
const RATE: u32 = 16_000;
const FRAME: usize = 256;

/// Length of one frame in seconds.
pub(super) const FRAME_SECONDS: f64 = 0.016;

/// One frame of 16 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    /// How sure the detector is of a voice, 0 to 1.
    pub(super) voice: f32,
    /// Mean square of the samples below 8 kHz.
    pub(super) power: f32,
}

/// The detector has no parameter of its own: what its score means is asked elsewhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct VoiceDetection {
    pub(super) resampling: Resampling,
}

impl Stage for VoiceDetection {
    const NAME: &'static str = "voice/1 earshot-1.2";
}

impl VoiceDetection {
    /// A detector for samples at `sample_rate` hertz.
    pub(super) fn start(&self, sample_rate: u32) -> Result<VoiceDetector> {
        let resampler = self.resampling.start(sample_rate, RATE)?;
        Ok(VoiceDetector { resampler, detector: Box::default(), pending: Vec::new(), frames: Vec::new() })
    }
}

/// The running detector.
pub(super) struct VoiceDetector {
    resampler: Resampler,
    detector: Box<Detector>,
    pending: Vec<f32>,
    frames: Vec<Frame>,
}

impl VoiceDetector {
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<()> {
        self.resampler.push(samples, &mut self.pending)?;
        self.detect();
        Ok(())
    }

    /// The latest score, or 0 before the first frame.
    pub(super) fn latest(&self) -> f32 {
        self.frames.last().map_or(0.0, |frame| frame.voice)
    }

    /// All frames; the last one is completed with silence.
    pub(super) fn finish(mut self) -> Result<Vec<Frame>> {
        let rest = std::mem::replace(&mut self.resampler, Resampling::default().start(RATE, RATE)?);
        rest.finish(&mut self.pending)?;
        let whole = self.pending.len().next_multiple_of(FRAME);
        self.pending.resize(whole, 0.0);
        self.detect();
        Ok(self.frames)
    }

    fn detect(&mut self) {
        let (frames, _) = self.pending.as_chunks_mut::<FRAME>();
        let done = frames.len() * FRAME;
        for frame in frames {
            let power = frame.iter().map(|s| s * s).sum::<f32>() / 256.0;
            for sample in frame.iter_mut() {
                *sample = sample.clamp(-1.0, 1.0);
            }
            self.frames.push(Frame { voice: self.detector.predict_f32(frame), power });
        }
        self.pending.drain(..done);
    }
}

impl std::fmt::Debug for VoiceDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceDetector").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
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
