//! Takes noise out of speech with `RNNoise` (J.-M. Valin, "A Hybrid DSP/Deep Learning Approach to Real-Time Full-Band Speech
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

/// When noise is taken out. The ratios are those after the high-pass: rumble below any voice is none of the network's matter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Denoise {
    /// Recordings with this signal-to-noise ratio or a better one are left as they are, dB.
    pub(super) off_above_db: f64,
    /// Recordings with this ratio or a worse one are given wholly to the network, dB.
    pub(super) full_below_db: f64,
    /// To the network's rate and back.
    pub(super) resampling: Resampling,
}

impl Default for Denoise {
    fn default() -> Self {
        Self { off_above_db: 45.0, full_below_db: 25.0, resampling: Resampling::default() }
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
        let resampling = &self.resampling;
        let path = if wet == 0.0 {
            Path::Dry(Box::new(resampling.start(input_rate, output_rate)?))
        } else {
            Path::Wet(Box::new(Wet {
                resampling: resampling.clone(),
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
    Dry(Box<Resampler>),
    Wet(Box<Wet>),
}

impl Denoiser {
    /// Lets the network hear what comes before the signal, so that it knows the noise from the first sample on. Nothing of
    /// it is given out.
    ///
    /// # Errors
    /// `Unexpected` after the first [`Self::push`].
    pub(super) fn prime(&mut self, samples: &[f32]) -> Result<()> {
        if self.taken > 0 {
            return Err(Error::unexpected("the denoiser was primed after the signal had begun"));
        }
        let Path::Wet(wet) = &mut self.path else { return Ok(()) };
        let mut resampler = wet.resampling.start(self.input_rate, RATE)?;
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
        let rest = usize::try_from(total.saturating_sub(self.given)).unwrap_or(usize::MAX);
        sink.truncate(before.saturating_add(rest));
        self.given = total;
        Ok(())
    }
}

/// The way through the network.
struct Wet {
    resampling: Resampling,
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

#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "test signals; a bypass is exact")]
mod tests {
    use realfft::RealFftPlanner;

    use super::{super::resample::resampled, super::testing, *};

    fn denoised(samples: &[f32], (from, to): (u32, u32), wet: f32, block: usize) -> Vec<f32> {
        let mut out = Vec::new();
        let mut denoiser = Denoise::default().start(from, to, wet).unwrap();
        samples.chunks(block).for_each(|block| denoiser.push(block, &mut out).unwrap());
        denoiser.finish(&mut out).unwrap();
        out
    }

    /// The fixture at the network's rate, so that no resampler is in the way.
    fn wide_speech() -> Vec<f32> {
        let (speech, rate) = testing::speech();
        resampled(&speech, rate, RATE).unwrap()
    }

    fn power(samples: &[f32]) -> f64 {
        samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    fn db(ratio: f64) -> f64 {
        10.0 * ratio.log10()
    }

    /// Noise that falls by 3 dB per octave: white noise through the three-pole filter of P. Kellet.
    fn pink(n: usize) -> Vec<f32> {
        let (mut a, mut b, mut c) = (0.0, 0.0, 0.0);
        let shaped = testing::noise(n, 1.0).into_iter().map(|white| {
            a = 0.997_65 * a + white * 0.099_046;
            b = 0.963 * b + white * 0.296_516_4;
            c = 0.57 * c + white * 1.052_691_3;
            a + b + c + white * 0.184_8
        });
        shaped.collect()
    }

    #[test]
    fn the_share_falls_in_a_line_between_the_limits() {
        let rule = Denoise { off_above_db: 30.0, full_below_db: 20.0, ..Denoise::default() };
        let cases = [(10.0, 1.0), (20.0, 1.0), (22.5, 0.75), (25.0, 0.5), (30.0, 0.0), (80.0, 0.0)];
        for (snr, expected) in cases {
            assert!((rule.wet(Some(snr)) - expected).abs() < 1e-6, "{snr} dB");
        }
        assert_eq!(rule.wet(None), 0.0);
        assert_eq!(rule.wet(Some(f64::INFINITY)), 0.0);
        let step = Denoise { off_above_db: 20.0, full_below_db: 20.0, ..Denoise::default() };
        assert_eq!((step.wet(Some(19.9)), step.wet(Some(20.0))), (1.0, 0.0));
    }

    #[test]
    fn noise_in_pauses_falls_and_the_voice_keeps_its_level() {
        let (speech, rate) = testing::speech();
        let pause = rate as usize * 3 / 2;
        let hiss = pink(speech.len() + 2 * pause);
        let gain = (power(&speech) / power(&hiss) / 10.0).sqrt() as f32;
        let mut noisy: Vec<f32> = hiss.iter().map(|n| n * gain).collect();
        noisy[pause..].iter_mut().zip(&speech).for_each(|(n, s)| *n += s);
        let out = denoised(&noisy, (rate, rate), 1.0, 4_096);
        for quiet in [rate as usize / 2..pause - 800, pause + speech.len() + 800..noisy.len()] {
            let fall = db(power(&noisy[quiet.clone()]) / power(&out[quiet]));
            assert!(fall >= 10.0, "{fall} dB");
        }
        let voice = db(power(&out[pause..pause + speech.len()]) / power(&speech));
        assert!(voice.abs() < 1.0, "{voice} dB");
    }

    #[test]
    fn nothing_is_late_or_early() {
        let mut speech = wide_speech();
        speech.truncate(RATE as usize * 2);
        let out = denoised(&speech, (RATE, RATE), 1.0, 1_000);
        let (edge, middle) = (600, 600..speech.len() - 600);
        let match_at = |lag: usize| -> f64 {
            let shifted = &out[lag..lag + middle.len()];
            speech[middle.clone()].iter().zip(shifted).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let best = (0..=2 * edge).max_by(|a, b| match_at(*a).total_cmp(&match_at(*b))).unwrap();
        assert_eq!(best, edge);
    }

    #[test]
    fn the_mix_is_of_equal_instants_and_makes_no_comb() {
        let speech = wide_speech();
        let (half, full) = (denoised(&speech, (RATE, RATE), 0.5, 999), denoised(&speech, (RATE, RATE), 1.0, 4_800));
        for ((half, full), dry) in half.iter().zip(&full).zip(&speech) {
            assert!((half - f32::midpoint(*full, *dry)).abs() < 1e-6);
        }
        let (before, after) = (spectrum(&speech), spectrum(&half));
        // Two copies that are a frame apart would cancel each other every 100 Hz.
        for (at, (before, after)) in before.iter().zip(&after).enumerate().take(100).skip(4) {
            assert!(db(after / before).abs() < 2.0, "{} Hz: {} dB", at * 25, db(after / before));
        }
    }

    /// Power in bands of 25 Hz.
    fn spectrum(samples: &[f32]) -> Vec<f64> {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(RATE as usize / 25);
        let mut sums = vec![0.0; fft.complex_len()];
        let mut bins = fft.make_output_vec();
        for frame in samples.chunks_exact(fft.len()) {
            fft.process(&mut frame.to_vec(), &mut bins).unwrap();
            sums.iter_mut().zip(&bins).for_each(|(sum, bin)| *sum += f64::from(bin.norm_sqr()));
        }
        sums
    }

    #[test]
    fn without_the_network_it_is_a_resampler_and_no_more() {
        let (speech, rate) = testing::speech();
        assert_eq!(denoised(&speech, (rate, rate), 0.0, 1_001), speech);
        assert_eq!(denoised(&speech, (rate, 24_000), 0.0, 1_001), resampled(&speech, rate, 24_000).unwrap());
    }

    #[test]
    fn the_length_is_exact_for_every_length() {
        for (from, to) in [(8_000, 24_000), (44_100, 22_050), (44_100, 48_000), (48_000, 48_000), (96_000, 16_001)] {
            for n in [0, 1, 479, 480, 481, 10_007] {
                for wet in [0.0, 0.3, 1.0] {
                    let got = denoised(&testing::noise(n, 0.1), (from, to), wet, 777).len() as u64;
                    let expected = (n as u64 * u64::from(to)).div_ceil(u64::from(from));
                    assert_eq!(got, expected, "{n} from {from} to {to}, {wet}");
                }
            }
        }
    }

    #[test]
    fn equal_samples_give_equal_results_however_they_are_cut() {
        let (speech, rate) = testing::speech();
        let whole = denoised(&speech, (rate, 24_000), 0.7, speech.len());
        assert_eq!(whole, denoised(&speech, (rate, 24_000), 0.7, 313));
    }

    #[test]
    fn absurd_samples_leave_finite_ones_and_a_network_that_still_works() {
        let mut samples = wide_speech();
        samples.truncate(RATE as usize * 3);
        let sane = denoised(&samples, (RATE, RATE), 1.0, 4_800);
        samples[4_800..4_900].iter_mut().for_each(|s| *s = s.signum() * 1e30);
        let out = denoised(&samples, (RATE, RATE), 1.0, 4_800);
        assert!(out.iter().all(|s| s.is_finite()));
        let late = RATE as usize * 2..RATE as usize * 3;
        let change = db(power(&out[late.clone()]) / power(&sane[late]));
        assert!(change.abs() < 1.0, "{change} dB");
    }

    #[test]
    fn a_primed_network_knows_the_noise_and_gives_nothing_of_what_it_heard() {
        let noise: Vec<f32> = pink(RATE as usize * 2).iter().map(|n| n * 0.01).collect();
        let (heard, signal) = noise.split_at(RATE as usize);
        let fresh = denoised(signal, (RATE, RATE), 1.0, 4_800);
        let mut primed = Vec::new();
        let mut denoiser = Denoise::default().start(RATE, RATE, 1.0).unwrap();
        denoiser.prime(heard).unwrap();
        denoiser.push(signal, &mut primed).unwrap();
        assert!(denoiser.prime(heard).is_err());
        denoiser.finish(&mut primed).unwrap();
        assert_eq!(primed.len(), signal.len());
        let first = ..RATE as usize / 20;
        let gain = db(power(&fresh[first]) / power(&primed[first]));
        assert!(gain > 3.0, "{gain} dB");
        // As if the signal had never been cut: whole frames were heard before it.
        let whole = denoised(&noise, (RATE, RATE), 1.0, 4_800);
        assert_eq!(primed, whole[RATE as usize..]);
    }

    #[test]
    fn a_share_that_is_none_is_an_error() {
        for wet in [-0.1, 1.1, f32::NAN] {
            assert!(Denoise::default().start(RATE, RATE, wet).is_err());
        }
    }
}
