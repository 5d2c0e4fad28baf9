//! Takes noise out of speech with RNNoise (J.-M. Valin, "A Hybrid DSP/Deep Learning Approach to Real-Time Full-Band Speech
//! Enhancement", 2018), as the crate nnnoiseless runs it with the weights it carries. The network works at 48 kHz, so the
//! signal is resampled on the way in and out. Knows nothing of where the speech is.
//!
//! The network costs clean speech some of its quality: how much of its result is used depends on the noise.
#![expect(clippy::cast_possible_truncation, reason = "a share of 0 to 1 is f32 like the samples it mixes")]
use nnnoiseless::DenoiseState;
use voiceclone_core::{Error, Result};

use super::{
    resample::{Resampler, Resampling},
    stage::Stage,
};

/// The rate that the network was trained for, hertz.
const RATE: u32 = 48_000;
/// Samples that the network takes at a time. Its result is late by as many.
const FRAME: usize = DenoiseState::FRAME_SIZE;
/// The network expects samples of the size of 16-bit integers.
const SCALE: f32 = 32_768.0;
/// The network hears no more than this, 24 dB over full scale, so that an absurd sample does not overflow its arithmetic.
const LOUDEST: f32 = 16.0;

/// When noise is taken out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Denoise {
    /// Recordings with this signal-to-noise ratio or a better one are left as they are, dB.
    pub(super) off_above_db: f64,
    /// Recordings with this ratio or a worse one are given wholly to the network, dB.
    pub(super) full_below_db: f64,
}

impl Default for Denoise {
    fn default() -> Self {
        Self { off_above_db: 30.0, full_below_db: 20.0 }
    }
}

impl Stage for Denoise {
    const NAME: &'static str = "denoise/1 nnnoiseless-0.5";
}

impl Denoise {
    /// The share of the network's result, 0 (the signal as it is) to 1, for speech this far over its noise. Without speech
    /// nothing is known of the noise, and nothing is done.
    pub(super) fn wet(&self, snr_db: Option<f64>) -> f32 {
        let Some(snr) = snr_db else { return 0.0 };
        if snr >= self.off_above_db {
            return 0.0;
        }
        // Limits in the wrong order leave a step: the upper one has had its say.
        let span = self.off_above_db - self.full_below_db;
        let share = if span > 0.0 { (self.off_above_db - snr) / span } else { 1.0 };
        share.clamp(0.0, 1.0) as f32
    }

    /// A denoiser of one channel between two rates in hertz that gives `wet` of the network's result and the rest of the
    /// signal as it was. With nothing of the network it is a resampler and no more.
    ///
    /// # Errors
    /// `Unexpected` if the share is not within 0 to 1.
    pub(super) fn start(&self, input_rate: u32, output_rate: u32, wet: f32) -> Result<Denoiser> {
        if !(0.0..=1.0).contains(&wet) {
            return Err(Error::unexpected(format!("a share of the denoised signal is within 0 to 1, not {wet}")));
        }
        let resampling = Resampling::default();
        let path = if wet == 0.0 {
            Path::Dry(resampling.start(input_rate, output_rate)?)
        } else {
            Path::Wet(Box::new(Wet {
                before: resampling.start(input_rate, RATE)?,
                network: Network::new(wet),
                after: resampling.start(RATE, output_rate)?,
                wide: Vec::new(),
                mixed: Vec::new(),
            }))
        };
        Ok(Denoiser { path, input_rate, output_rate, taken: 0, given: 0 })
    }
}

/// A running denoiser of one channel.
pub(super) struct Denoiser {
    path: Path,
    input_rate: u32,
    output_rate: u32,
    taken: u64,
    given: u64,
}

enum Path {
    Dry(Resampler),
    Wet(Box<Wet>),
}

impl Denoiser {
    /// Lets the network hear what comes before the signal, so that it knows the noise from the first sample on. Nothing of
    /// it is given out. Only before the first [`Self::push`].
    pub(super) fn prime(&mut self, samples: &[f32]) -> Result<()> {
        let Path::Wet(wet) = &mut self.path else { return Ok(()) };
        let mut resampler = Resampling::default().start(self.input_rate, RATE)?;
        let mut wide = Vec::new();
        resampler.push(samples, &mut wide)?;
        resampler.finish(&mut wide)?;
        wet.network.prime(&wide);
        Ok(())
    }

    /// Takes samples and appends what is ready to `sink`.
    pub(super) fn push(&mut self, samples: &[f32], sink: &mut Vec<f32>) -> Result<()> {
        self.taken += samples.len() as u64;
        let before = sink.len();
        match &mut self.path {
            Path::Dry(resampler) => resampler.push(samples, sink)?,
            Path::Wet(wet) => wet.push(samples, sink)?,
        }
        self.given += (sink.len() - before) as u64;
        Ok(())
    }

    /// Appends the rest, so that in all ⌈n·output/input⌉ samples were given for n taken.
    pub(super) fn finish(&mut self, sink: &mut Vec<f32>) -> Result<()> {
        let before = sink.len();
        match &mut self.path {
            Path::Dry(resampler) => resampler.finish(sink)?,
            Path::Wet(wet) => wet.finish(sink)?,
        }
        // Both resamplers round up, which can be one sample too many.
        let total = (self.taken * u64::from(self.output_rate)).div_ceil(u64::from(self.input_rate));
        let rest = usize::try_from(total - self.given).unwrap_or(usize::MAX);
        sink.truncate(before.saturating_add(rest));
        self.given = total;
        Ok(())
    }
}

/// The way through the network.
struct Wet {
    before: Resampler,
    network: Network,
    after: Resampler,
    /// The signal at the network's rate, not yet mixed.
    wide: Vec<f32>,
    mixed: Vec<f32>,
}

impl Wet {
    fn push(&mut self, samples: &[f32], sink: &mut Vec<f32>) -> Result<()> {
        self.wide.clear();
        self.before.push(samples, &mut self.wide)?;
        self.mixed.clear();
        self.network.push(&self.wide, &mut self.mixed);
        self.after.push(&self.mixed, sink)
    }

    fn finish(&mut self, sink: &mut Vec<f32>) -> Result<()> {
        self.wide.clear();
        self.before.finish(&mut self.wide)?;
        self.mixed.clear();
        self.network.push(&self.wide, &mut self.mixed);
        self.network.finish(&mut self.mixed);
        self.after.push(&self.mixed, sink)?;
        self.after.finish(sink)
    }
}

/// The network at its own rate, and the mix of what goes in with what comes out, sample by sample.
struct Network {
    state: Box<DenoiseState<'static>>,
    wet: f32,
    /// Samples that do not fill a frame yet.
    pending: Vec<f32>,
    /// The frame that the network has taken and not given back, as it was.
    dry: [f32; FRAME],
    /// The first thing that the network gives back belongs to nothing.
    started: bool,
}

impl Network {
    fn new(wet: f32) -> Self {
        Self { state: DenoiseState::new(), wet, pending: Vec::new(), dry: [0.0; FRAME], started: false }
    }

    fn prime(&mut self, samples: &[f32]) {
        // Whole frames that end where the signal begins.
        for frame in samples.rchunks_exact(FRAME).rev() {
            self.run(frame);
        }
    }

    fn push(&mut self, samples: &[f32], sink: &mut Vec<f32>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(samples);
        let frames = pending.chunks_exact(FRAME);
        let rest = frames.remainder().len();
        for frame in frames {
            self.take(frame, sink);
        }
        pending.drain(..pending.len() - rest);
        self.pending = pending;
    }

    /// Appends what is still inside, so that as many samples were given as taken.
    fn finish(&mut self, sink: &mut Vec<f32>) {
        let missing = self.pending.len();
        let inside = missing + if self.started { FRAME } else { 0 };
        let end = sink.len() + inside;
        while sink.len() < end {
            self.push(&vec![0.0; FRAME - self.pending.len()], sink);
        }
        sink.truncate(end);
    }

    /// One frame in, the one before it out.
    fn take(&mut self, frame: &[f32], sink: &mut Vec<f32>) {
        let clean = self.run(frame);
        if self.started {
            let mix = |(dry, clean): (&f32, &f32)| dry + self.wet * (clean / SCALE - dry);
            sink.extend(self.dry.iter().zip(&clean).map(mix));
        }
        self.started = true;
        self.dry.copy_from_slice(frame);
    }

    /// What the network makes of the frame before this one, in its own scale.
    fn run(&mut self, frame: &[f32]) -> [f32; FRAME] {
        let (mut heard, mut clean) = ([0.0; FRAME], [0.0; FRAME]);
        for (heard, sample) in heard.iter_mut().zip(frame) {
            *heard = sample.clamp(-LOUDEST, LOUDEST) * SCALE;
        }
        self.state.process_frame(&mut clean, &heard);
        clean
    }
}
