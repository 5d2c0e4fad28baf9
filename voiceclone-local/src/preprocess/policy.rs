//! The limits between good, poor and useless. Every limit is here and nowhere else: the chain only measures, and `findings`
//! only words what follows.
use super::{downmix::Channel, measure::Heard};

/// When a recording is good, poor or useless. The defaults are what the common providers of voice cloning ask of a
/// reference recording, taken at their widest.
///
/// ```
/// use voiceclone_local::preprocess::QualityPolicy;
/// let mut strict = QualityPolicy::default();
/// strict.warn_speech_below = 10.0;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QualityPolicy {
    /// Less speech is useless, seconds. Default 3.
    pub reject_speech_below: f64,
    /// Less speech makes a poorer voice, seconds. Default 6.
    pub warn_speech_below: f64,
    /// A smaller share of speech is mostly pause, 0 to 1. Default 0.4.
    pub warn_speech_ratio_below: f64,
    /// A true peak below this is silence, dBTP. Default −60.
    pub silence_below: f64,
    /// Quieter recordings bring up their own noise, LUFS. Default −45.
    pub warn_loudness_below: f64,
    /// Loud and quiet passages further apart than this were spoken at changing distances, LU. Default 20.
    pub warn_loudness_range_above: f64,
    /// A voice this little above the pauses is drowned, dB. Default 5.
    pub reject_snr_below: f64,
    /// A voice this little above the pauses is noisy, dB. Default 15.
    pub warn_snr_below: f64,
    /// Hum further above the rest of the low pauses (40 Hz to 1 kHz) is what one hears of them, dB. Default 6.
    pub warn_hum_above: f64,
    /// Hum further below the voice is not heard, dB. Default 45.
    pub hum_unheard_below: f64,
    /// A larger share of samples in flattened peaks is heard as distortion, 0 to 1. Default 0.001.
    pub warn_clipping_above: f64,
    /// A voice that ends below this sounds like a telephone, hertz. Default 7000.
    pub warn_bandwidth_below: f64,
    /// A larger constant offset points to broken equipment, share of full scale. Default 0.02.
    pub warn_dc_offset_above: f64,
    /// More clearly different voices are not one person; at most two are ever told apart. Default 1.
    pub warn_speakers_above: u32,
    /// More damaged parts of the file are heard as gaps, a count. Default 0.
    pub warn_damaged_packets_above: u64,
    /// More samples that were no numbers point to a broken file, a count. Default 0.
    pub warn_cleaned_samples_above: u64,
}

impl Default for QualityPolicy {
    fn default() -> Self {
        Self {
            reject_speech_below: 3.0,
            warn_speech_below: 6.0,
            warn_speech_ratio_below: 0.4,
            silence_below: -60.0,
            warn_loudness_below: -45.0,
            warn_loudness_range_above: 20.0,
            reject_snr_below: 5.0,
            warn_snr_below: 15.0,
            warn_hum_above: 6.0,
            hum_unheard_below: 45.0,
            warn_clipping_above: 0.001,
            warn_bandwidth_below: 7_000.0,
            warn_dc_offset_above: 0.02,
            warn_speakers_above: 1,
            warn_damaged_packets_above: 0,
            warn_cleaned_samples_above: 0,
        }
    }
}

/// Everything measured of one recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measurements {
    pub(super) heard: Heard,
    /// Share of clipped samples.
    pub(super) clipping: f64,
    /// Mean of the samples.
    pub(super) dc_offset: f64,
    /// What each channel carries.
    pub(super) channels: Vec<Channel>,
    /// The end of the file is missing.
    pub(super) truncated: bool,
    /// Packets that could not be decoded.
    pub(super) damaged_packets: u64,
    /// Samples that were no finite numbers.
    pub(super) cleaned_samples: u64,
}
