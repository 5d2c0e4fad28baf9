//! Which of the decoded frames are the recording, and which are an encoder's run-in and padding.
//!
//! A codec works in packets of fixed length and begins late, so the first and last packets hold frames that were never
//! recorded. The container says which; this applies what it says. It knows no container and no codec.
use std::ops::Range;

/// The frames to keep, counted from the first decoded one, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    keep: Vec<Range<u64>>,
    at: u64,
    /// Frames of the last packet: what a lost one most likely held.
    usual: u64,
}

impl Default for Span {
    fn default() -> Self {
        Self::from_frame(0)
    }
}

impl Span {
    /// Everything but the first `skip` frames.
    pub(super) fn from_frame(skip: u64) -> Self {
        Self::of(Some(skip..u64::MAX))
    }

    /// The ranges given, which must ascend.
    pub(super) fn of(keep: impl IntoIterator<Item = Range<u64>>) -> Self {
        Self { keep: keep.into_iter().collect(), at: 0, usual: 0 }
    }

    /// Removes from a block of interleaved samples what is not to be kept.
    pub(super) fn apply(&mut self, samples: &mut Vec<f32>, channels: usize) {
        let frames = (samples.len() / channels.max(1)) as u64;
        let block = self.at..self.at.saturating_add(frames);
        (self.at, self.usual) = (block.end, frames);
        if self.keep.iter().any(|range| range.start <= block.start && block.end <= range.end) {
            return;
        }
        let place = |frame: u64| usize::try_from(frame - block.start).unwrap_or(usize::MAX).saturating_mul(channels);
        let mut kept = 0;
        for range in &self.keep {
            let (from, to) = (range.start.max(block.start), range.end.min(block.end));
            if from < to {
                samples.copy_within(place(from)..place(to), kept);
                kept += place(to) - place(from);
            }
        }
        samples.truncate(kept);
    }

    /// Counts a packet that could not be decoded, so that what follows keeps its place.
    pub(super) fn lost(&mut self) {
        self.at = self.at.saturating_add(self.usual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(mut span: Span, blocks: &[&[f32]], channels: usize) -> Vec<f32> {
        let cut = |block: &&[f32]| {
            let mut samples = block.to_vec();
            span.apply(&mut samples, channels);
            samples
        };
        blocks.iter().flat_map(cut).collect()
    }

    #[test]
    fn what_is_outside_the_ranges_is_removed_wherever_the_packets_end() {
        let two = [&[0.0, 1.0, 2.0][..], &[3.0, 4.0, 5.0], &[6.0, 7.0]];
        assert_eq!(through(Span::of([1..4, 6..7]), &two, 1), [1.0, 2.0, 3.0, 6.0]);
        assert_eq!(through(Span::from_frame(4), &two, 1), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(through(Span::of(Some(1..2)), &[&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5]], 2), [1.0, 1.5]);
        assert_eq!(through(Span::default(), &two, 1).len(), 8);
    }

    #[test]
    fn a_lost_packet_does_not_move_the_end() {
        let mut span = Span::of(Some(0..6));
        let mut block = vec![1.0; 4];
        span.apply(&mut block, 1);
        span.lost();
        span.apply(&mut block, 1);
        assert!(block.is_empty());
    }
}
