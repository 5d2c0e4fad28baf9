//! How many jobs a worker may take, and which of them together. Knows counts and no store.
use crate::domain::Job;

/// A job that has lost this many workers may be what kills them. It is worked on alone: otherwise the jobs beside it, whose
/// leases lapse at the same moment and are claimed together again, would be lost as often as it is and fail with it. The
/// first loss means nothing, so the jobs of a machine that went away are taken over side by side.
const SUSPECT: u32 = 2;

/// The places of one worker.
#[derive(Debug)]
pub(super) struct Room {
    places: usize,
    /// A suspect is being worked on.
    alone: bool,
    /// A suspect was given back because others were being worked on.
    wanted: bool,
}

impl Room {
    pub(super) fn of(places: usize) -> Self {
        Self { places, alone: false, wanted: false }
    }

    /// How many jobs may be claimed while so many are worked on. Whoever has seen a suspect finishes what it has first.
    pub(super) fn free(&mut self, running: usize) -> usize {
        self.alone &= running > 0;
        match running {
            0 if self.wanted => 1,
            _ if self.alone || self.wanted => 0,
            _ => self.places.saturating_sub(running),
        }
    }

    /// Whether a claimed job may be worked on beside so many others, or has to be given back.
    pub(super) fn admits(&mut self, job: &Job, running: usize) -> bool {
        let suspect = job.crashes >= SUSPECT;
        if running == 0 {
            (self.alone, self.wanted) = (suspect, false);
            return true;
        }
        self.wanted |= suspect;
        !self.alone && !suspect
    }
}
