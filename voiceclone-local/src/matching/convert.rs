//! Moving the vocoder's parameters of the base voice to those of a profile.

use super::base::FrameEnvelopes;
use super::cepstrum::{Cepstra, Cepstrum, ORDER, add};
use super::neighbours::Moment;
use super::phase::MinimumPhase;
use super::profile::{VoiceProfile, half_way};
use super::smoothing::Gaussian;
use crate::analysis::{LogMel, interpolate, stretched};
use crate::vocoder::{BINS, VocoderFrames};

/// Seconds between two vocoder frames.
const FRAME_SECONDS: f32 = 0.0125;
/// How far a voiced envelope is pulled to its neighbours in the recording. More is more alike and less intelligible.
const PULL: f32 = 0.5;
/// Largest change of a band, as a log power: 26 dB.
const MOST: f32 = 6.0;

impl VoiceProfile {
    /// The same speech in this profile's voice. The number of frames stays.
    pub fn apply(&self, frames: VocoderFrames) -> VocoderFrames {
        Conversion::new(self, &frames).apply(frames)
    }
}

/// Frames with the phase a conversion gives them and nothing else changed.
pub(super) fn neutral(mut frames: VocoderFrames) -> VocoderFrames {
    let reader = FrameEnvelopes::new();
    let mut phase = MinimumPhase::new();
    for frame in 0..frames.len() {
        let harmonic = reader.harmonic(&frames, frame);
        replace(&mut frames.harmonic_phase, frame, phase.of(&harmonic));
        replace(&mut frames.harmonic, frame, harmonic.into_iter());
    }
    frames
}

struct Conversion<'a> {
    profile: &'a VoiceProfile,
    cepstrum: Cepstrum,
    reader: FrameEnvelopes,
    /// 1 in voiced frames, 0 in others, gliding between.
    voicing: Vec<f32>,
    /// The base voice's envelopes as they are.
    original: Vec<LogMel>,
}

impl<'a> Conversion<'a> {
    fn new(profile: &'a VoiceProfile, frames: &VocoderFrames) -> Self {
        let reader = FrameEnvelopes::new();
        let voiced: Vec<f32> = frames.pitch().map(|pitch| f32::from(u8::from(pitch.is_some()))).collect();
        Self {
            profile,
            cepstrum: Cepstrum::new(profile.bands),
            voicing: Gaussian::new(1.0).values(&voiced),
            original: (0..frames.len()).map(|frame| reader.of(frames, frame)).collect(),
            reader,
        }
    }

    fn apply(&self, mut frames: VocoderFrames) -> VocoderFrames {
        let moved: Vec<LogMel> =
            self.original.iter().zip(&self.voicing).map(|(e, voicing)| stretched(e, self.stretch(*voicing))).collect();
        let changes: Vec<LogMel> = self.changes(&moved).iter().map(|c| self.bounded(c)).collect();
        let gains = self.gains(&moved, &changes);
        let mut phase = MinimumPhase::new();
        for (frame, ((change, gain), voicing)) in changes.iter().zip(gains).zip(&self.voicing).enumerate() {
            let stretch = self.stretch(*voicing);
            let pitch = frames.pitch_at(frame).map(|pitch| (pitch, self.pitch(pitch)));
            // A lower pitch has more harmonics per hertz: each must be weaker.
            let density = pitch.map_or(0.0, |(from, to)| 0.5 * (to / from).ln());
            let change: Vec<f32> = self.reader.scale().bins(change).map(|c| 0.5 * c + gain).collect();
            let harmonic: Vec<f32> = stretched_bins(&self.reader.harmonic(&frames, frame), stretch)
                .zip(&change)
                .map(|(x, c)| x + c + density)
                .collect();
            replace(&mut frames.harmonic_phase, frame, phase.of(&harmonic));
            replace(&mut frames.harmonic, frame, harmonic.into_iter());
            for spectra in [&mut frames.noise, &mut frames.residual] {
                let row = spectra.get(frame * BINS..(frame + 1) * BINS).unwrap_or_default();
                let row: Vec<f32> = stretched_bins(row, stretch).zip(&change).map(|(x, c)| x + c).collect();
                replace(spectra, frame, row.into_iter());
            }
            if let (Some((_, pitch)), Some(slot)) = (pitch, frames.f0.get_mut(frame)) {
                *slot = pitch;
            }
        }
        frames
    }

    fn stretch(&self, voicing: f32) -> f32 {
        let full = self.profile.stretch;
        voicing * full + (1.0 - voicing) * half_way(full)
    }

    /// The profile's pitch for the base voice's.
    fn pitch(&self, hertz: f32) -> f32 {
        self.profile.base_pitch.translate(self.profile.pitch, hertz)
    }

    /// Cepstral change of every frame.
    fn changes(&self, moved: &[LogMel]) -> Vec<Cepstra> {
        let profile = self.profile;
        let home: Vec<Cepstra> = moved.iter().map(|envelope| self.cepstrum.of(envelope)).collect();
        let mut changes: Vec<Cepstra> = Vec::with_capacity(home.len());
        for (frame, voicing) in home.iter().zip(&self.voicing) {
            let unvoiced = add(&[0.0; ORDER], 1.0 - voicing, &profile.unvoiced);
            let change = add(&unvoiced, *voicing, &profile.voiced);
            let class = profile.clusters.offset(&add(frame, 1.0, &change));
            changes.push(add(&change, *voicing, &class));
        }
        let there: Vec<Cepstra> = home.iter().zip(&changes).map(|(frame, change)| add(frame, 1.0, change)).collect();
        let pulls: Vec<Cepstra> = (0..there.len()).map(|frame| self.pull(&there, frame)).collect();
        let pulls = Gaussian::new(1.0).vectors(&pulls);
        let changes: Vec<Cepstra> = changes.iter().zip(&pulls).map(|(change, pull)| add(change, PULL, pull)).collect();
        Gaussian::new(0.6).vectors(&changes)
    }

    /// From the frame to its neighbours in the recording; nothing where the frame is not voiced.
    fn pull(&self, frames: &[Cepstra], frame: usize) -> Cepstra {
        let voicing = self.voicing.get(frame).copied().unwrap_or(0.0);
        if voicing < 0.5 {
            return [0.0; ORDER];
        }
        let moment = Moment::at(frames, frame, 1, FRAME_SECONDS);
        let target = self.profile.neighbours.mean_of_nearest(&moment);
        target.map_or([0.0; ORDER], |target| add(&[0.0; ORDER], voicing, &add(&target, -1.0, &moment.shape)))
    }

    fn bounded(&self, change: &Cepstra) -> LogMel {
        self.cepstrum.envelope(change).map(|band| band.clamp(-MOST, MOST))
    }

    /// Log amplitude per frame that keeps the base voice's loudness.
    fn gains(&self, moved: &[LogMel], changes: &[LogMel]) -> Vec<f32> {
        let gains: Vec<f32> = (self.original.iter().zip(moved).zip(changes))
            .map(|((original, moved), change)| {
                let converted = moved.iter().zip(change).map(|(m, c)| m + c);
                0.5 * (log_sum(original.iter().copied()) - log_sum(converted))
            })
            .collect();
        Gaussian::new(1.0).values(&gains)
    }
}

fn log_sum(logs: impl Iterator<Item = f32>) -> f32 {
    logs.map(f32::exp).sum::<f32>().max(1e-30).ln()
}

/// A spectrum with its frequency axis stretched.
fn stretched_bins(spectrum: &[f32], stretch: f32) -> impl Iterator<Item = f32> + '_ {
    #[expect(clippy::cast_precision_loss, reason = "a bin's index")]
    (0..BINS).map(move |bin| interpolate(spectrum, bin as f32 / stretch))
}

fn replace(spectra: &mut [f32], frame: usize, values: impl Iterator<Item = f32>) {
    for (slot, value) in spectra.iter_mut().skip(frame * BINS).take(BINS).zip(values) {
        *slot = value;
    }
}
