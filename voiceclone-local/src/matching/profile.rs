//! The profile of a recording's voice: how it is learnt and what is kept.

#![expect(clippy::cast_precision_loss, reason = "counts of samples and bands")]

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::base::BaseVoice;
use super::cepstrum::{Cepstra, Cepstrum, ORDER, add, mean};
use super::clusters::Clusters;
use super::neighbours::{Moment, Neighbours};
use super::pitch_map::PitchStatistics;
use super::{MAX_REFERENCE_SECONDS, MIN_VOICED_SECONDS, MatchingError, REFERENCE_RATES};
use crate::acoustic::AcousticModel;
use crate::analysis::{ClipAnalysis, FRAME_SECONDS, MEL_BANDS, stretched};

/// Version of the profile's contents; another one is refused.
const VERSION: u32 = 1;
/// Least unvoiced frames whose mean is believed.
const MIN_UNVOICED: usize = 40;
/// Formants follow the pitch across speakers by about this power (men and women: 1.16 against 1.75).
const FORMANTS_PER_PITCH: f32 = 0.27;

/// What separates a recorded voice from the base voice.
///
/// About 100 kB as JSON. Deserialising refuses another version: a profile is derived, learn it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct VoiceProfile {
    version: u32,
    /// Mel bands within the recording's band.
    pub(super) bands: usize,
    pub(super) base_pitch: PitchStatistics,
    pub(super) pitch: PitchStatistics,
    /// Ratio of the formants to the base voice's.
    pub(super) stretch: f32,
    /// Mean differences of the envelopes.
    pub(super) voiced: Cepstra,
    pub(super) unvoiced: Cepstra,
    pub(super) clusters: Clusters,
    pub(super) neighbours: Neighbours,
}

/// Learns profiles; measures the base voice once, at the first of them.
#[derive(Clone, Debug)]
pub struct VoiceMatcher {
    model: AcousticModel,
    base: Arc<OnceLock<BaseVoice>>,
}

impl VoiceMatcher {
    /// A matcher for the base voice of `model`.
    pub fn new(model: AcousticModel) -> Self {
        Self { model, base: Arc::default() }
    }

    /// Learns the profile of the voice in a mono clip, best 6 to 30 s of clean speech of one person.
    ///
    /// Blocks for about a second.
    ///
    /// # Errors
    /// [`MatchingError`] when the clip is not usable, naming what was found and what is needed.
    pub fn learn(&self, pcm: &[f32], rate: u32) -> Result<VoiceProfile, MatchingError> {
        check(pcm, rate)?;
        let clip = ClipAnalysis::of(pcm, rate)?;
        let too_little =
            || MatchingError::TooLittleVoice { found: clip.voiced_seconds(), duration: pcm.len() as f32 / rate as f32 };
        if clip.voiced_seconds() < MIN_VOICED_SECONDS {
            return Err(too_little());
        }
        let pitch = PitchStatistics::of(clip.pitch().flatten()).ok_or_else(too_little)?;
        Ok(compare(self.base()?, &clip, pitch))
    }

    fn base(&self) -> Result<&BaseVoice, MatchingError> {
        if let Some(base) = self.base.get() {
            return Ok(base);
        }
        let measured = BaseVoice::measure(&self.model)?;
        Ok(self.base.get_or_init(|| measured))
    }
}

impl VoiceProfile {
    /// Mean pitch of the recorded voice in hertz.
    pub fn mean_pitch(&self) -> f32 {
        self.pitch.mean.exp()
    }

    /// Ratio of the recorded voice's formants to the base voice's.
    pub fn formant_ratio(&self) -> f32 {
        self.stretch
    }
}

fn check(pcm: &[f32], rate: u32) -> Result<(), MatchingError> {
    if !REFERENCE_RATES.contains(&rate) {
        return Err(MatchingError::Rate { found: rate });
    }
    let seconds = pcm.len() as f32 / rate as f32;
    if seconds > MAX_REFERENCE_SECONDS {
        return Err(MatchingError::TooLong { found: seconds });
    }
    if let Some(index) = pcm.iter().position(|x| !x.is_finite()) {
        return Err(MatchingError::NotFinite { index });
    }
    let peak = pcm.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    if peak < 1e-3 {
        return Err(MatchingError::Silent { peak });
    }
    Ok(())
}

fn compare(base: &BaseVoice, clip: &ClipAnalysis, pitch: PitchStatistics) -> VoiceProfile {
    let cepstrum = Cepstrum::new(clip.bands);
    let is_voiced: Vec<bool> = clip.pitch().map(|pitch| pitch.is_some()).collect();
    let (voiced_reading, unvoiced_reading) = (cepstrum.of(&base.reading.voiced), cepstrum.of(&base.reading.unvoiced));
    let frames: Vec<Cepstra> = (clip.envelopes.iter().zip(&is_voiced))
        .map(|(envelope, voiced)| {
            add(&cepstrum.of(envelope), -1.0, if *voiced { &voiced_reading } else { &unvoiced_reading })
        })
        .collect();
    let target_voiced: Vec<Cepstra> = frames.iter().zip(&is_voiced).filter(|(_, v)| **v).map(|(f, _)| *f).collect();
    let target_unvoiced = unvoiced_frames(clip, &frames);

    let stretch = formant_ratio(pitch.mean - base.pitch.mean);
    let base_voiced: Vec<Cepstra> = base.voiced.iter().map(|e| cepstrum.of(&stretched(e, stretch))).collect();
    let base_unvoiced: Vec<Cepstra> =
        base.unvoiced.iter().map(|e| cepstrum.of(&stretched(e, half_way(stretch)))).collect();

    let voiced = add(&mean(&target_voiced), -1.0, &mean(&base_voiced));
    let unvoiced = if target_unvoiced.len() < MIN_UNVOICED {
        voiced.map(|x| 0.5 * x)
    } else {
        add(&mean(&target_unvoiced), -1.0, &mean(&base_unvoiced))
    };
    let matched: Vec<Cepstra> = base_voiced.iter().map(|frame| add(frame, 1.0, &voiced)).collect();
    VoiceProfile {
        version: VERSION,
        bands: clip.bands,
        base_pitch: base.pitch,
        pitch,
        stretch,
        voiced,
        unvoiced,
        clusters: Clusters::learn(&matched, &target_voiced),
        neighbours: Neighbours::of(&moments(&frames, &is_voiced)),
    }
}

/// The ratio of the formants for a difference of log pitch.
///
/// Fitting it to the spectra was tried and did worse by an independent speaker encoder: a microphone's colour looks like
/// another vocal tract.
fn formant_ratio(log_pitch_difference: f32) -> f32 {
    (FORMANTS_PER_PITCH * log_pitch_difference).exp().clamp(0.8, 1.25)
}

/// Consonants are stretched half as much as vowels: less of the tract shapes them.
pub(super) fn half_way(stretch: f32) -> f32 {
    1.0 + 0.5 * (stretch - 1.0)
}

/// Active frames without pitch that do not touch a voiced frame, which may be creak.
fn unvoiced_frames(clip: &ClipAnalysis, frames: &[Cepstra]) -> Vec<Cepstra> {
    let voiced_near = |index: usize| {
        let near = index.saturating_sub(2)..(index + 3).min(clip.pitch.len());
        clip.pitch.get(near).is_some_and(|pitch| pitch.iter().any(Option::is_some))
    };
    let active = frames.iter().zip(&clip.active).enumerate().filter(|(_, (_, active))| **active);
    active.filter(|(index, _)| !voiced_near(*index)).map(|(_, (frame, _))| *frame).collect()
}

/// A moment for every second voiced frame, 10 ms apart, each seen over 15 ms to either side.
fn moments(frames: &[Cepstra], is_voiced: &[bool]) -> Vec<Moment> {
    let voiced = is_voiced.iter().enumerate().filter(|(_, voiced)| **voiced);
    voiced.step_by(2).map(|(index, _)| Moment::at(frames, index, 3, FRAME_SECONDS)).collect()
}

/// A profile as read, before it is believed.
#[derive(Deserialize)]
struct Stored {
    version: u32,
    bands: usize,
    base_pitch: PitchStatistics,
    pitch: PitchStatistics,
    stretch: f32,
    voiced: Cepstra,
    unvoiced: Cepstra,
    clusters: Clusters,
    neighbours: Neighbours,
}

/// A stored profile that this version did not write.
#[derive(Debug, thiserror::Error)]
enum ForeignProfile {
    #[error("found a voice profile of version {found}, {VERSION} is needed: learn it again from the recording")]
    Version { found: u32 },
    #[error("found {found} as `{field}` of a voice profile, {accepted} is accepted: learn it again from the recording")]
    Value { field: &'static str, found: f64, accepted: &'static str },
}

impl Stored {
    fn check(&self) -> Result<(), ForeignProfile> {
        if self.version != VERSION {
            return Err(ForeignProfile::Version { found: self.version });
        }
        let inside = |field, found: f32, range: std::ops::RangeInclusive<f32>, accepted| {
            let found = f64::from(found);
            let ok = (f64::from(*range.start())..=f64::from(*range.end())).contains(&found);
            if ok { Ok(()) } else { Err(ForeignProfile::Value { field, found, accepted }) }
        };
        inside("bands", self.bands as f32, ORDER as f32..=MEL_BANDS as f32, "24 to 64")?;
        inside("stretch", self.stretch, 0.8..=1.25, "0.8 to 1.25")?;
        for pitch in [self.base_pitch, self.pitch] {
            inside("mean", pitch.mean, 3.4..=7.0, "3.4 to 7")?;
            inside("deviation", pitch.deviation, 0.0..=1.0, "0 to 1")?;
        }
        inside("radius", self.clusters.radius, 1e-4..=1e6, "0.0001 to 1000000")?;
        let offsets = self.clusters.classes.iter().flat_map(|class| class.centre.iter().chain(&class.offset));
        for value in self.voiced.iter().chain(&self.unvoiced).chain(offsets) {
            inside("cepstra", *value, -1e3..=1e3, "-1000 to 1000")?;
        }
        Ok(())
    }
}

impl TryFrom<Stored> for VoiceProfile {
    type Error = ForeignProfile;

    fn try_from(stored: Stored) -> Result<Self, ForeignProfile> {
        stored.check()?;
        let Stored { version, bands, base_pitch, pitch, stretch, voiced, unvoiced, clusters, neighbours } = stored;
        Ok(Self { version, bands, base_pitch, pitch, stretch, voiced, unvoiced, clusters, neighbours })
    }
}
