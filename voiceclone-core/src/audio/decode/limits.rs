//! What a recording may cost and how long it must be. Numbers only.
use std::time::Duration;

/// Bounds on untrusted audio. The defaults fit voice samples: 50 MiB, 1 s to 10 min.
///
/// ```
/// use std::time::Duration;
/// use voiceclone_core::audio::DecodeLimits;
/// let limits = DecodeLimits::default().max_duration(Duration::from_secs(60));
/// assert_eq!(limits.max_bytes, 50 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Most encoded bytes, checked before the first is read. Default 50 MiB.
    pub max_bytes: u64,
    /// Shortest accepted recording, measured by decoding. Default 1 s.
    pub min_duration: Duration,
    /// Longest accepted recording, measured while decoding: 3 h of silence fit in 1.5 MB of FLAC. Default 600 s.
    pub max_duration: Duration,
    /// Most time spent inside the decoder, not counting what the caller does between blocks. Default 30 s.
    pub max_time: Duration,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_bytes: 50 << 20,
            min_duration: Duration::from_secs(1),
            max_duration: Duration::from_secs(600),
            max_time: Duration::from_secs(30),
        }
    }
}

impl DecodeLimits {
    /// For audio that we made ourselves: no bounds but the arithmetic ones.
    pub const fn unlimited() -> Self {
        Self { max_bytes: u64::MAX, min_duration: Duration::ZERO, max_duration: Duration::MAX, max_time: Duration::MAX }
    }

    /// Sets the most encoded bytes.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the shortest accepted recording.
    #[must_use]
    pub const fn min_duration(mut self, duration: Duration) -> Self {
        self.min_duration = duration;
        self
    }

    /// Sets the longest accepted recording.
    #[must_use]
    pub const fn max_duration(mut self, duration: Duration) -> Self {
        self.max_duration = duration;
        self
    }

    /// Sets the most time spent inside the decoder.
    #[must_use]
    pub const fn max_time(mut self, time: Duration) -> Self {
        self.max_time = time;
        self
    }
}
