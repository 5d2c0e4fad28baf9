//! What the common providers want of a reference clip, and whether a profile can be met at all.
//!
//! A provider with an adapter states its own profile there; these are for clips made by hand and for adapters of your own.
use std::time::Duration;

use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::{Container, SAMPLE_RATES},
    domain::ClipProfile,
};

/// A clip that no provider refuses: at most 30 s at 24 kHz, pauses of at most half a second, −20 LUFS, at most −1 dBTP, WAV.
/// Of models that were looked at, F5-TTS takes 12 s, Chatterbox 15 s, XTTS v2 and Pocket TTS 30 s; all work at 24 kHz or less.
///
/// ```
/// let profile = voiceclone_local::preprocess::generic();
/// assert_eq!(profile.sample_rate, Some(24_000));
/// ```
pub fn generic() -> ClipProfile {
    let pause = Some(Duration::from_millis(500));
    let profile = ClipProfile::master().named("generic").at_rate(24_000).pauses_at_most(pause);
    profile.at_most(Duration::from_secs(30))
}

/// For Pocket TTS, which reads the first 30 s at 24 kHz and ignores the rest.
pub fn pocket_tts() -> ClipProfile {
    generic().named("pocket-tts")
}

/// For services that make an instant clone of one to three minutes, such as `ElevenLabs`: the best 2 minutes at 44.1 kHz,
/// −20 LUFS (−23 to −18 dBFS RMS are asked), at most −3 dBTP.
pub fn instant_clone() -> ClipProfile {
    let profile = generic().named("instant-clone").at_rate(44_100).at_most(Duration::from_mins(2));
    profile.peak_at_most(-3.0)
}

/// Refuses a profile that no clip can meet.
pub(super) fn check(profile: &ClipProfile, shortest_pause: f64) -> Result<()> {
    let refuse = |what: String| Err(Error::new(ErrorKind::Config, what).with("profile", &profile.name));
    if !(-60.0..=0.0).contains(&profile.loudness_lufs) {
        return refuse(format!("the clip's loudness is {} LUFS; −60 to 0 can be made", profile.loudness_lufs));
    }
    if !(-30.0..=0.0).contains(&profile.true_peak_dbtp) {
        return refuse(format!("the clip's true peak is {} dBTP; −30 to 0 can be made", profile.true_peak_dbtp));
    }
    if profile.max_duration.is_some_and(|limit| limit.as_secs_f64() < 1.0) {
        return refuse("the clip's longest duration is under 1 second; 1 second or more can be made".to_owned());
    }
    if let Some(pause) = profile.max_pause.filter(|pause| pause.as_secs_f64() < shortest_pause) {
        let pause = pause.as_secs_f64();
        return refuse(format!("the clip's longest pause is {pause} seconds; {shortest_pause} or more can be made"));
    }
    if let Some(rate) = profile.sample_rate.filter(|rate| !SAMPLE_RATES.contains(rate)) {
        return refuse(format!("the clip's sample rate is {rate} Hz; 4000 to 384000 can be made"));
    }
    if !matches!(profile.container, Container::Wav | Container::Flac) {
        return refuse(format!("the clip's container is {:?}; WAV and FLAC can be made", profile.container));
    }
    Ok(())
}
