//! Counts samples in runs at full scale: one such sample is a loud peak, three in a row are a flattened one.
#![expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^52")]
use super::stage::Stage;

/// What counts as clipped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClipRule {
    /// Full scale, less the last step of 8 bits.
    pub(super) full_scale: f32,
    /// Shortest run, samples.
    pub(super) run: u32,
}

impl Default for ClipRule {
    fn default() -> Self {
        Self { full_scale: 0.992, run: 3 }
    }
}

impl Stage for ClipRule {
    const NAME: &'static str = "clipping/1";
}

impl ClipRule {
    /// A counter for interleaved samples.
    pub(super) fn start(&self, channels: u16) -> ClipCounter {
        let runs = vec![Run::default(); usize::from(channels.max(1))];
        ClipCounter { rule: self.clone(), runs, clipped: 0, total: 0 }
    }
}

/// The run that a channel is in.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    positive: bool,
    length: u32,
}

/// The running count.
#[derive(Debug, Clone)]
pub(super) struct ClipCounter {
    rule: ClipRule,
    runs: Vec<Run>,
    clipped: u64,
    total: u64,
}

impl ClipCounter {
    /// Adds whole frames.
    pub(super) fn push(&mut self, interleaved: &[f32]) {
        self.total += interleaved.len() as u64;
        for frame in interleaved.chunks_exact(self.runs.len()) {
            for (sample, run) in frame.iter().zip(&mut self.runs) {
                if sample.abs() < self.rule.full_scale {
                    run.length = 0;
                    continue;
                }
                let same = run.positive == (*sample > 0.0);
                *run = Run { positive: *sample > 0.0, length: if same { run.length.saturating_add(1) } else { 1 } };
                self.clipped += match run.length.cmp(&self.rule.run) {
                    std::cmp::Ordering::Less => 0,
                    std::cmp::Ordering::Equal => u64::from(run.length),
                    std::cmp::Ordering::Greater => 1,
                };
            }
        }
    }

    /// Clipped samples as a share of all.
    pub(super) fn share(&self) -> f64 {
        self.clipped as f64 / self.total.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(channels: u16, samples: &[f32]) -> f64 {
        let mut counter = ClipRule::default().start(channels);
        samples.chunks(usize::from(channels)).for_each(|frame| counter.push(frame));
        counter.share()
    }

    #[test]
    fn only_runs_of_three_of_one_sign_count() {
        assert_eq!(share(1, &[1.0, 1.0, 0.0, -1.0, 1.0, -1.0, 1.0, 0.0]), 0.0);
        assert_eq!(share(1, &[1.0, 1.0, 1.0, 0.0, -1.0, -1.0, -1.0, -1.0, 0.0, 0.0]), 0.7);
    }

    #[test]
    fn runs_are_followed_in_each_channel() {
        assert_eq!(share(2, &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]), 0.375);
    }
}
