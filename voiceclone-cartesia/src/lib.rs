//! Cartesia behind the seams of voiceclone: the only room that knows its wire.
//!
//! Only what it wants of a recording is here so far; its client is not built yet.
use std::time::Duration;

use voiceclone_core::domain::ClipProfile;

/// What Cartesia's cloning wants of a clip: the cleanest 10 s (5 to 10 are asked, more brings nothing), since it copies
/// background noise as well as the voice; no long pauses; WAV at 44.1 kHz, under 1 MB.
///
/// ```
/// let profile = voiceclone_cartesia::clip_profile();
/// assert_eq!(profile.max_duration.unwrap().as_secs(), 10);
/// ```
pub fn clip_profile() -> ClipProfile {
    let profile = ClipProfile::master().named("cartesia").at_rate(44_100).at_most(Duration::from_secs(10));
    profile.pauses_at_most(Some(Duration::from_millis(500)))
}
