//! Which parts of a recording become the clip: the speech with some room around it, long pauses shortened and, where only so
//! much is of use, the cleanest run of whole stretches that fits. Decides in seconds; the splicing is done elsewhere.
#![expect(clippy::cast_precision_loss, reason = "counts of frames are far below 2^52")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are small, positive and become frames"
)]
use std::ops::Range;

use super::{
    speech::Speech,
    stage::Stage,
    vad::{FRAME_SECONDS, Frame},
};

/// How much is left around the speech, and what makes one part better than another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cutting {
    /// Kept before speech, seconds: the detector hears a soft onset late.
    pub(super) lead: f64,
    /// Kept after speech, seconds: words fade, and rooms ring.
    pub(super) tail: f64,
    /// A pause is not worth a splice for less than this, seconds.
    pub(super) least_removed: f64,
    /// Speech this far above the noise counts in full when parts are compared, dB.
    pub(super) clean_db: f64,
    /// Speech this little above the noise counts for nothing, dB.
    pub(super) drowned_db: f64,
    /// The noise of a stretch is what is heard between its words and this long before and after it, seconds.
    pub(super) around: f64,
    /// Where no pause fits, the cut falls at the quietest place in this last share of the clip.
    pub(super) search: f64,
}

impl Default for Cutting {
    fn default() -> Self {
        Self { lead: 0.15, tail: 0.3, least_removed: 0.1, clean_db: 30.0, drowned_db: 0.0, around: 0.5, search: 0.2 }
    }
}

impl Stage for Cutting {
    const NAME: &'static str = "cut/1";
}

/// What a clip may hold, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Room {
    pub(super) seconds: Option<f64>,
    pub(super) pause: Option<f64>,
}

/// One recording, as far as cutting is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recording<'a> {
    pub(super) frames: &'a [Frame],
    pub(super) speech: &'a Speech,
    pub(super) seconds: f64,
}

impl Cutting {
    /// The shortest that pauses can be made, seconds: what is kept after and before speech.
    pub(super) fn shortest_pause(&self) -> f64 {
        self.lead + self.tail
    }

    /// The parts to keep, ascending and disjoint, in seconds from the start; none without speech.
    pub(super) fn parts(&self, recording: Recording<'_>, room: Room) -> Vec<Range<f64>> {
        let Recording { speech, seconds, .. } = recording;
        let stretches: Vec<Range<f64>> = speech
            .stretches
            .iter()
            .map(|s| s.start as f64 * FRAME_SECONDS..(s.end as f64 * FRAME_SECONDS).min(seconds))
            .collect();
        let whole = self.splice(&stretches, seconds, room.pause);
        match room.seconds {
            Some(limit) if length(&whole) > limit => self.best(recording, &stretches, limit, room.pause),
            _ => whole,
        }
    }

    /// The stretches with their room; pauses longer than `pause` lose their middle.
    fn splice(&self, stretches: &[Range<f64>], seconds: f64, pause: Option<f64>) -> Vec<Range<f64>> {
        let mut parts: Vec<Range<f64>> = Vec::new();
        for stretch in stretches {
            match parts.last_mut() {
                Some(last) => match pause.filter(|pause| stretch.start - last.end > pause + self.least_removed) {
                    Some(pause) => {
                        // The pause keeps the room after speech and before it; what more it may have is shared out evenly.
                        let spare = (pause - self.shortest_pause()).max(0.0) / 2.0;
                        last.end += self.tail + spare;
                        parts.push(stretch.start - self.lead - spare..stretch.end);
                    }
                    None => last.end = stretch.end,
                },
                None => parts.push((stretch.start - self.lead).max(0.0)..stretch.end),
            }
        }
        if let Some(last) = parts.last_mut() {
            last.end = (last.end + self.tail).min(seconds);
        }
        parts
    }

    /// The run of whole stretches with the most clean speech among those that fit; the earliest of equals.
    fn best(
        &self,
        recording: Recording<'_>,
        stretches: &[Range<f64>],
        limit: f64,
        pause: Option<f64>,
    ) -> Vec<Range<f64>> {
        let (mut best, mut most) = (Vec::new(), 0.0);
        for first in 0..stretches.len() {
            let mut clean = 0.0;
            for last in first..stretches.len() {
                let Some(run) = stretches.get(first..=last) else { break };
                let parts = self.splice(run, recording.seconds, pause);
                if length(&parts) > limit {
                    break;
                }
                clean += run.last().map_or(0.0, |stretch| self.clean_seconds(recording, stretch));
                if clean > most {
                    (best, most) = (parts, clean);
                }
            }
        }
        // Somebody who hardly pauses is better cut in a word than represented by a scrap.
        if length(&best) < limit / 2.0 { self.cut_stretch(recording, stretches, limit) } else { best }
    }

    /// Seconds of speech, each counted for as much as it stands above the noise around it.
    fn clean_seconds(&self, recording: Recording<'_>, stretch: &Range<f64>) -> f64 {
        let part = |from: f64, to: f64| recording.frames.get(frame(from)..frame(to)).unwrap_or_default();
        let spoken = part(stretch.start, stretch.end);
        let power = spoken.iter().map(|f| f64::from(f.power)).sum::<f64>() / spoken.len().max(1) as f64;
        let end = (stretch.end + self.around).min(recording.frames.len() as f64 * FRAME_SECONDS);
        let noise = quietest(part(stretch.start - self.around, end));
        let above = 10.0 * (power / noise.max(1e-12)).max(1e-12).log10();
        let share = ((above - self.drowned_db) / (self.clean_db - self.drowned_db)).clamp(0.01, 1.0);
        share * (stretch.end - stretch.start)
    }

    /// The first `limit` seconds of the longest stretch and what follows it, ending where it is quietest.
    fn cut_stretch(&self, recording: Recording<'_>, stretches: &[Range<f64>], limit: f64) -> Vec<Range<f64>> {
        let length = |s: &Range<f64>| s.end - s.start;
        let longest = stretches.iter().rev().max_by(|a, b| length(a).total_cmp(&length(b)));
        let start = longest.map_or(0.0, |s| (s.start - self.lead).max(0.0));
        let end = (start + limit).min(recording.seconds);
        let from = frame(end - limit * self.search);
        let tail = recording.frames.get(from..frame(end)).unwrap_or_default();
        let level = |at: &usize| level_around(tail, *at);
        let quietest = (0..tail.len()).rev().min_by(|a, b| level(a).total_cmp(&level(b)));
        let end = quietest.map_or(end, |at| end.min((from + at + 1) as f64 * FRAME_SECONDS));
        std::iter::once(start..end).collect()
    }
}

/// The power that one frame in ten stays under.
fn quietest(frames: &[Frame]) -> f64 {
    let mut powers: Vec<f32> = frames.iter().map(|f| f.power).collect();
    powers.sort_by(f32::total_cmp);
    powers.get(powers.len() / 10).map_or(0.0, |power| f64::from(*power))
}

/// Mean power of up to 80 ms, so that the closure of a plosive is not taken for a pause.
fn level_around(frames: &[Frame], at: usize) -> f32 {
    let around = frames.get(at.saturating_sub(2)..(at + 3).min(frames.len())).unwrap_or_default();
    around.iter().map(|f| f.power).sum::<f32>() / around.len().max(1) as f32
}

fn length(parts: &[Range<f64>]) -> f64 {
    parts.iter().map(|part| part.end - part.start).sum()
}

fn frame(seconds: f64) -> usize {
    (seconds / FRAME_SECONDS).round().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Room = Room { seconds: None, pause: None };

    /// Stretches given in seconds with their level over a noise of −60 dB.
    fn parts(talk: &[(Range<f64>, f64)], seconds: f64, room: Room) -> Vec<Range<f64>> {
        let stretches: Vec<_> = talk.iter().map(|(stretch, _)| stretch.clone()).collect();
        parts_of(&stretches, talk, seconds, room)
    }

    fn parts_of(stretches: &[Range<f64>], levels: &[(Range<f64>, f64)], seconds: f64, room: Room) -> Vec<Range<f64>> {
        let mut frames = vec![Frame { voice: 0.0, power: 1e-6, clear: 1e-6 }; frame(seconds)];
        for (stretch, above) in levels {
            let power = 1e-6 * 10_f64.powf(above / 10.0);
            frames[frame(stretch.start)..frame(stretch.end)].fill(Frame {
                voice: 1.0,
                power: power as f32,
                clear: power as f32,
            });
        }
        let stretches = stretches.iter().map(|s| frame(s.start)..frame(s.end)).collect();
        let speech = Speech { stretches, frames: frames.len(), power: 0.1, noise: 1e-6 };
        Cutting::default().parts(Recording { frames: &frames, speech: &speech, seconds }, room)
    }

    fn loud(stretches: &[Range<f64>]) -> Vec<(Range<f64>, f64)> {
        stretches.iter().map(|s| (s.clone(), 40.0)).collect()
    }

    fn assert_close(found: &[Range<f64>], expected: &[Range<f64>]) {
        let close =
            |(a, b): (&Range<f64>, &Range<f64>)| (a.start - b.start).abs() < 0.02 && (a.end - b.end).abs() < 0.02;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(close), "{found:?} for {expected:?}");
    }

    #[test]
    fn silence_around_the_speech_goes_except_some_room() {
        assert_close(&parts(&loud(&[2.0..4.0, 6.0..8.0]), 12.0, ALL), &[1.85..8.3]);
        assert_close(&parts(&loud(&[0.05..9.9]), 10.0, ALL), &[0.0..10.0]);
        assert!(parts(&[], 10.0, ALL).is_empty());
    }

    #[test]
    fn long_pauses_lose_their_middle_and_short_ones_nothing() {
        let talk = loud(&[1.0..2.0, 2.8..4.0, 9.0..10.0]);
        let room = |pause| Room { seconds: None, pause: Some(pause) };
        assert_close(&parts(&talk, 12.0, room(1.0)), &[0.85..4.575, 8.575..10.3]);
        assert_close(&parts(&talk, 12.0, room(0.45)), &[0.85..2.3, 2.65..4.3, 8.85..10.3]);
        assert_close(&parts(&talk, 12.0, room(4.95)), &[0.85..10.3]);
    }

    #[test]
    fn too_much_is_cut_at_the_pauses_around_the_most_speech() {
        let talk = loud(&[1.0..3.0, 10.0..14.0, 14.5..18.0, 30.0..32.0]);
        let room = |seconds| Room { seconds: Some(seconds), pause: None };
        assert_close(&parts(&talk, 40.0, room(10.0)), &[9.85..18.3]);
        assert_close(&parts(&talk, 40.0, room(5.0)), &[9.85..14.3]);
        // With short pauses more of it fits.
        let short = Room { seconds: Some(10.5), pause: Some(0.5) };
        assert_close(&parts(&talk, 40.0, short), &[9.85..18.3]);
        let short = Room { seconds: Some(11.5), pause: Some(0.5) };
        assert_close(&parts(&talk, 40.0, short), &[0.85..3.325, 9.825..18.3]);
    }

    #[test]
    fn the_cleaner_of_two_parts_is_chosen() {
        let talk = [(1.0..9.0, 12.0), (20.0..27.0, 35.0)];
        assert_close(&parts(&talk, 40.0, Room { seconds: Some(10.0), pause: None }), &[19.85..27.3]);
    }

    #[test]
    fn speech_without_a_pause_is_cut_near_the_limit_where_it_is_quietest() {
        let room = Room { seconds: Some(10.0), pause: None };
        let cut = parts(&loud(&[1.0..60.0]), 61.0, room);
        assert!(cut.len() == 1 && length(&cut) <= 10.0 && length(&cut) >= 8.0, "{cut:?}");
        let softer = [(1.0..9.5, 40.0), (9.5..9.7, 10.0), (9.7..60.0, 40.0)];
        let cut = parts_of(std::slice::from_ref(&(1.0..60.0)), &softer, 61.0, room);
        let end = cut.first().unwrap().end;
        assert!((9.5..9.7).contains(&end), "{end}");
    }
}
