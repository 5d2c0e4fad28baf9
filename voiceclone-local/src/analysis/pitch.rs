//! Pitch tracking: YIN candidates, joined over time by a Viterbi search.
//!
//! A. de Cheveigné, H. Kawahara, "YIN, a fundamental frequency estimator", JASA 111 (2002). Choosing a path instead of
//! each frame's best candidate (as in pYIN, M. Mauch, S. Dixon, 2014) is what prevents octave jumps.

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::{HOP, PITCH_RANGE};
use crate::vocoder::SAMPLE_RATE;

/// Samples over which the signal is compared with its shifted self: two periods of the lowest pitch.
const WINDOW: usize = 800;
/// Longest shift, one period of the lowest pitch.
const LONGEST: usize = 400;
const TRANSFORM: usize = 2048;
/// Candidates kept per frame.
const CANDIDATES: usize = 6;
/// Cost of an unvoiced frame; a periodic frame costs its aperiodicity, 0 to about 1.
const UNVOICED: f32 = 0.6;
/// Cost of a change between voiced and unvoiced.
const VOICING_CHANGE: f32 = 0.2;
/// Cost of a pitch change by an octave between frames.
const OCTAVE_CHANGE: f32 = 2.0;
/// Cost per octave below the highest pitch: a sound of period T also repeats after 2T.
const OCTAVE_BIAS: f32 = 0.04;

/// A possible pitch of a frame; `None` is unvoiced.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    pitch: Option<f32>,
    cost: f32,
}

/// Pitch in hertz every [`HOP`] samples.
pub(super) fn track(samples: &[f32]) -> Vec<Option<f32>> {
    let frames = samples.len().div_ceil(HOP);
    let mut yin = Yin::new();
    let lattice: Vec<Vec<Candidate>> = (0..frames).map(|frame| yin.candidates(samples, frame * HOP)).collect();
    best_path(&lattice)
}

struct Yin {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// The frame's samples, `WINDOW + LONGEST` of them.
    frame: Vec<f32>,
    /// Aperiodicity by shift.
    difference: Vec<f32>,
}

impl Yin {
    fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(TRANSFORM),
            inverse: planner.plan_fft_inverse(TRANSFORM),
            frame: vec![0.0; WINDOW + LONGEST],
            difference: vec![0.0; LONGEST + 1],
        }
    }

    fn candidates(&mut self, samples: &[f32], centre: usize) -> Vec<Candidate> {
        self.load(samples, centre);
        let mut found = vec![Candidate { pitch: None, cost: UNVOICED }];
        if self.measure() {
            let mut voiced = self.minima();
            voiced.sort_by(|a, b| a.cost.total_cmp(&b.cost));
            voiced.truncate(CANDIDATES);
            found.extend(voiced);
        }
        found
    }

    /// Copies the samples around `centre`, without their mean.
    fn load(&mut self, samples: &[f32], centre: usize) {
        let start = centre.cast_signed() - (self.frame.len() / 2).cast_signed();
        for (i, slot) in (0..).zip(&mut self.frame) {
            *slot = usize::try_from(start + i).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0);
        }
        let mean = self.frame.iter().sum::<f32>() / self.frame.len() as f32;
        for slot in &mut self.frame {
            *slot -= mean;
        }
    }

    /// Fills `difference` with YIN's cumulative mean normalised difference; false for digital silence.
    fn measure(&mut self) -> bool {
        let energy: f32 = self.frame.iter().map(|x| x * x).sum();
        if energy < 1e-7 {
            return false;
        }
        let correlation = self.correlation();
        let head: f64 = self.frame.iter().take(WINDOW).map(|x| f64::from(x * x)).sum();
        let mut shifted = head;
        let mut total = 0.0_f64;
        let edges = self.frame.iter().zip(self.frame.iter().skip(WINDOW));
        let (first, rest) = self.difference.split_at_mut(1);
        first.fill(1.0);
        for (((slot, r), (leaving, entering)), shift) in
            rest.iter_mut().zip(correlation.iter().skip(1)).zip(edges).zip(1..)
        {
            shifted += f64::from(entering * entering) - f64::from(leaving * leaving);
            let difference = (head + shifted - 2.0 * f64::from(*r)).max(0.0);
            total += difference;
            *slot = if total > 0.0 { (difference * f64::from(shift) / total) as f32 } else { 1.0 };
        }
        true
    }

    /// Correlation of the first [`WINDOW`] samples with the frame, by shift.
    fn correlation(&self) -> Vec<f32> {
        let spectrum = |length: usize| {
            let mut input = self.forward.make_input_vec();
            for (slot, sample) in input.iter_mut().zip(self.frame.iter().take(length)) {
                *slot = *sample;
            }
            let mut output = self.forward.make_output_vec();
            // Lengths are the plan's own, so the transform cannot fail.
            let _ = self.forward.process(&mut input, &mut output);
            output
        };
        let mut product: Vec<Complex32> =
            spectrum(self.frame.len()).iter().zip(spectrum(WINDOW)).map(|(all, head)| all * head.conj()).collect();
        for end in [0, TRANSFORM / 2] {
            if let Some(bin) = product.get_mut(end) {
                bin.im = 0.0;
            }
        }
        let mut correlation = self.inverse.make_output_vec();
        let _ = self.inverse.process(&mut product, &mut correlation);
        correlation.truncate(LONGEST + 1);
        for value in &mut correlation {
            *value /= TRANSFORM as f32;
        }
        correlation
    }

    /// Every local minimum of the difference, refined by a parabola.
    fn minima(&self) -> Vec<Candidate> {
        let shortest = (SAMPLE_RATE as f32 / PITCH_RANGE.end()) as usize;
        let windows = self.difference.windows(3).enumerate().skip(shortest.saturating_sub(1));
        windows
            .filter_map(|(i, window)| {
                let &[left, mid, right] = window else { return None };
                let curvature = left - 2.0 * mid + right;
                (mid <= left && mid < right && curvature > 0.0).then(|| {
                    let offset = 0.5 * (left - right) / curvature;
                    let depth = mid - 0.125 * (left - right) * (left - right) / curvature;
                    let pitch = SAMPLE_RATE as f32 / ((i + 1) as f32 + offset);
                    let octaves = (PITCH_RANGE.end() / pitch).log2();
                    Candidate { pitch: Some(pitch), cost: depth.max(0.0) + OCTAVE_BIAS * octaves }
                })
            })
            .collect()
    }
}

/// The cheapest path through the frames' candidates.
fn best_path(lattice: &[Vec<Candidate>]) -> Vec<Option<f32>> {
    let mut costs: Vec<f32> = Vec::new();
    let mut previous: &[Candidate] = &[];
    let mut back: Vec<Vec<usize>> = Vec::with_capacity(lattice.len());
    for candidates in lattice {
        let (next, from): (Vec<f32>, Vec<usize>) = candidates
            .iter()
            .map(|candidate| {
                let arrivals = previous.iter().zip(&costs).map(|(p, cost)| cost + transition(*p, *candidate));
                let best = arrivals.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                let (from, cost) = best.unwrap_or((0, 0.0));
                (cost + candidate.cost, from)
            })
            .unzip();
        costs = next;
        back.push(from);
        previous = candidates;
    }
    let mut state = costs.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
    let mut path: Vec<Option<f32>> = Vec::with_capacity(lattice.len());
    for (candidates, from) in lattice.iter().zip(&back).rev() {
        path.push(candidates.get(state).and_then(|c| c.pitch));
        state = from.get(state).copied().unwrap_or(0);
    }
    path.reverse();
    path
}

fn transition(from: Candidate, to: Candidate) -> f32 {
    match (from.pitch, to.pitch) {
        (None, None) => 0.0,
        (Some(from), Some(to)) => OCTAVE_CHANGE * (to / from).log2().abs(),
        _ => VOICING_CHANGE,
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// One second of harmonics 1 to 20 of `pitch`, each at the amplitude `weight` gives it.
    fn tone(pitch: f32, weight: impl Fn(f32) -> f32) -> Vec<f32> {
        let partial = |i: f32, h: f32| weight(h) * (TAU * (pitch * h * i / SAMPLE_RATE as f32).fract() + h * h).sin();
        (0..SAMPLE_RATE).map(|i| 0.05 * (1..=20).map(|h| partial(i as f32, h as f32)).sum::<f32>()).collect()
    }

    fn assert_everywhere(samples: &[f32], pitch: f32) {
        let track = track(samples);
        let inner = &track[10..track.len() - 10];
        let wrong = inner.iter().filter(|p| p.is_none_or(|p| (p / pitch).ln().abs() > 0.01)).count();
        assert!(wrong == 0, "{wrong} of {} frames are not {pitch} Hz: {:?}", inner.len(), &inner[..5]);
    }

    #[test]
    fn a_steady_voice_has_its_pitch_in_every_frame() {
        for pitch in [70.0, 110.0, 220.0, 330.0, 450.0] {
            assert_everywhere(&tone(pitch, |h| 1.0 / h), pitch);
        }
    }

    #[test]
    fn a_missing_fundamental_is_heard_and_a_strong_second_harmonic_is_no_octave() {
        assert_everywhere(&tone(120.0, |h| if h < 2.0 { 0.0 } else { 1.0 / h }), 120.0);
        assert_everywhere(&tone(120.0, |h| if (h - 2.0).abs() < 0.5 { 2.0 } else { 0.5 / h }), 120.0);
    }

    #[test]
    fn noise_and_silence_have_no_pitch() {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 16) as u16) / 32_768.0 - 1.0
        });
        assert!(track(&noise.take(24_000).collect::<Vec<f32>>()).iter().all(Option::is_none));
        assert!(track(&vec![0.0; 24_000]).iter().all(Option::is_none));
        assert!(track(&[]).is_empty());
    }
}
