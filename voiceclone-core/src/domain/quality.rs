//! What was measured of a recording, what it means, and what a provider wants of a clip.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{audio::Container, id::Fingerprint};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Usable, but a better recording gives a better voice.
    Warn,
    /// Not usable.
    Reject,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Length of the recording, seconds.
    Duration,
    /// Length of the speech in it, seconds.
    Speech,
    /// Speech as a share of the length, 0 to 1.
    SpeechRatio,
    /// Integrated loudness, LUFS (ITU-R BS.1770).
    Loudness,
    /// Loudness range, LU (EBU Tech 3342).
    LoudnessRange,
    /// True peak, dBTP (ITU-R BS.1770).
    TruePeak,
    /// Level of the pauses, dBFS RMS.
    NoiseFloor,
    /// Speech level over the level of the pauses, dB.
    Snr,
    /// Level of mains hum (50 or 60 Hz and its harmonics) over the rest of the pauses, dB.
    Hum,
    /// Share of samples in runs at full scale, 0 to 1.
    Clipping,
    /// Highest frequency with speech energy, hertz.
    Bandwidth,
    /// Mean of the samples, as a share of full scale.
    DcOffset,
    /// Channels that carry signal.
    Channels,
    /// Different voices, an estimate.
    Speakers,
    /// Whether the file's end was missing, 0 or 1.
    Truncated,
    /// Parts of the file that could not be decoded and are missing from the sound, a count.
    DamagedPackets,
    /// Samples that were no finite numbers and became silence, a count.
    CleanedSamples,
}

/// One measurement with its meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was measured.
    pub measure: Measure,
    /// The value, in the unit of [`Measure`].
    pub value: f64,
    /// What it means.
    pub verdict: Verdict,
    /// The meaning as a plain sentence.
    pub sentence: String,
    /// What to do about it; empty if nothing.
    pub advice: String,
}

impl Finding {
    /// A measurement with its meaning.
    pub fn new(measure: Measure, value: f64, verdict: Verdict, sentence: impl Into<String>) -> Self {
        Self { measure, value, verdict, sentence: sentence.into(), advice: String::new() }
    }

    /// What to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

/// Everything measured of one recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QualityReport {
    /// The findings, in the order of [`Measure`]; a measure that could not be taken is absent.
    pub findings: Vec<Finding>,
}

impl QualityReport {
    /// A report of these findings.
    pub fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|f| f.measure);
        Self { findings }
    }

    /// The value of one measure, if it was taken.
    pub fn value(&self, measure: Measure) -> Option<f64> {
        self.findings.iter().find(|f| f.measure == measure).map(|f| f.value)
    }

    /// The worst verdict.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Ok)
    }

    /// The sentences, with advice, of the findings that make the recording useless.
    pub fn rejections(&self) -> Vec<String> {
        let rejected = self.findings.iter().filter(|f| f.verdict == Verdict::Reject);
        rejected.map(|f| format!("{} {}", f.sentence, f.advice).trim_end().to_owned()).collect()
    }
}

/// Whether steady noise may be taken out of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoiseReduction {
    /// The clip sounds as recorded.
    Never,
    /// In proportion to the noise; a clean recording is left alone, since every noise reduction costs it something.
    WhereNoisy,
}

/// What a provider wants of a reference clip.
///
/// ```
/// use std::time::Duration;
/// use voiceclone_core::domain::ClipProfile;
/// let profile = ClipProfile::master().named("short").at_rate(24_000).at_most(Duration::from_secs(10)).at_loudness(-23.0);
/// assert_ne!(profile.fingerprint(), ClipProfile::master().fingerprint());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClipProfile {
    /// A name for logs, such as `master`.
    pub name: String,
    /// Sample rate in hertz; `None` keeps the recording's own, up to what speech needs: 48 kHz.
    pub sample_rate: Option<u32>,
    /// The longest clip that is of use; of longer recordings the cleanest stretch is taken, cut at pauses.
    pub max_duration: Option<Duration>,
    /// Longer pauses are shortened to this; `None` keeps them.
    pub max_pause: Option<Duration>,
    /// Integrated loudness to bring it to, LUFS.
    pub loudness_lufs: f64,
    /// True peak not to exceed, dBTP.
    pub true_peak_dbtp: f64,
    /// Whether steady noise is taken out.
    pub noise_reduction: NoiseReduction,
    /// WAV or FLAC, both of 16 bits.
    pub container: Container,
}

impl ClipProfile {
    /// The clean master that every sample gets: its own rate, its full length but for pauses over a second, steady noise
    /// reduced, −20 LUFS (the middle of what providers ask, −16 to −23), at most −1 dBTP, WAV.
    pub fn master() -> Self {
        Self {
            name: "master".to_owned(),
            sample_rate: None,
            max_duration: None,
            max_pause: Some(Duration::from_secs(1)),
            loudness_lufs: -20.0,
            true_peak_dbtp: -1.0,
            noise_reduction: NoiseReduction::WhereNoisy,
            container: Container::Wav,
        }
    }

    /// Another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// A fixed sample rate, in hertz.
    #[must_use]
    pub fn at_rate(mut self, hertz: u32) -> Self {
        self.sample_rate = Some(hertz);
        self
    }

    /// At most this much.
    #[must_use]
    pub fn at_most(mut self, duration: Duration) -> Self {
        self.max_duration = Some(duration);
        self
    }

    /// Pauses no longer than this; `None` keeps them.
    #[must_use]
    pub fn pauses_at_most(mut self, pause: Option<Duration>) -> Self {
        self.max_pause = pause;
        self
    }

    /// An integrated loudness, LUFS.
    #[must_use]
    pub fn at_loudness(mut self, lufs: f64) -> Self {
        self.loudness_lufs = lufs;
        self
    }

    /// A true peak not to exceed, dBTP.
    #[must_use]
    pub fn peak_at_most(mut self, dbtp: f64) -> Self {
        self.true_peak_dbtp = dbtp;
        self
    }

    /// Whether steady noise is taken out.
    #[must_use]
    pub fn noise_reduction(mut self, reduction: NoiseReduction) -> Self {
        self.noise_reduction = reduction;
        self
    }

    /// Another container: WAV or FLAC.
    #[must_use]
    pub fn in_container(mut self, container: Container) -> Self {
        self.container = container;
        self
    }

    /// Names every parameter, so that a clip made for another profile is another clip.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([format!("{self:?}").as_bytes()])
    }
}
