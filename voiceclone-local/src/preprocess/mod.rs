//! Recordings to clean clips, by arithmetic on this machine. See [`LocalPreprocessor`].
//!
//! Each stage is a file with a struct of its parameters; `chain` puts them in order. A new stage is a new file, one line of
//! the chain and one line of its fingerprint.
//!
//! | stage | what it does, with its default |
//! | --- | --- |
//! | decode | every kind of [`ACCEPTED_AUDIO`](voiceclone_core::audio::ACCEPTED_AUDIO) within [`DecodeLimits`], once, onto temporary storage |
//! | downmix | the mean of the channels that carry sound; a dead one is left out, a reversed one turned |
//! | DC | what lies below 5 Hz goes |
//! | measure | everything of the [`QualityReport`], judged by the [`QualityPolicy`]; voices by Silero VAD |
//! | cut | silence around the speech, the middle of long pauses, all but the cleanest stretch where only so much is of use |
//! | high-pass | what lies below 70 Hz goes, in recordings with under 45 dB of voice over noise |
//! | denoise | RNNoise: not at all from 45 dB on, wholly under 25 dB, in between a mix |
//! | resample | to the profile's rate, or the recording's own up to 48 kHz |
//! | level | to the profile's loudness, under its true peak by a limiter with look-ahead |
//! | encode | WAV or FLAC of 16 bits |
mod bandwidth;
mod chain;
mod clipping;
mod cut;
mod dc;
mod denoise;
mod downmix;
mod findings;
mod highpass;
mod hum;
mod limiter;
mod loudness;
mod loudness_meter;
mod measure;
#[cfg(test)]
mod mixes;
mod policy;
mod profile;
mod resample;
mod silero;
mod speakers;
mod speech;
mod splice;
mod stage;
mod tape;
#[cfg(test)]
mod testing;
mod true_peak;
mod vad;
mod voice_print;
#[cfg(test)]
mod voice_tests;

use std::{num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use voiceclone_core::{
    Result,
    audio::{DecodeLimits, RawAudio},
    domain::{ClipProfile, QualityReport},
    id::Fingerprint,
    preprocess::{Prepared, Preprocessor},
};

use self::chain::Chain;
use crate::blocking::{Cancel, Pool};

pub(crate) use self::resample::resampled;
pub use self::{
    policy::QualityPolicy,
    profile::{generic, instant_clone, pocket_tts},
};

/// Prepares recordings without a key and without a network: one channel, no offset and no rumble, no silence around the
/// speech and no long pauses in it, steady noise reduced where there is any, the profile's sample rate, loudness (ITU-R
/// BS.1770) and true peak, as 16-bit WAV or FLAC, with a report of the input.
///
/// The work runs on tokio's blocking threads, as many preparations at a time as the machine has cores; more wait. Equal
/// bytes give equal clips. Between its passes the recording lies in a temporary file (4 bytes per sample), so that memory
/// stays under some tens of megabytes however long it is.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::{
///     audio::{Container, Pcm, RawAudio, encode},
///     domain::ClipProfile,
///     preprocess::Preprocessor as _,
/// };
/// use voiceclone_local::preprocess::LocalPreprocessor;
///
/// let silence = encode(&Pcm::new(vec![0.0; 48_000], 16_000, 1)?, Container::Wav)?;
/// let prepared = LocalPreprocessor::new().process(RawAudio::new(silence.body), &ClipProfile::master()).await?;
/// assert!(prepared.clip.is_none());
/// assert!(prepared.quality.rejections()[0].starts_with("The recording is silent."));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct LocalPreprocessor {
    chain: Arc<Chain>,
    pool: Pool,
}

impl Default for LocalPreprocessor {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalPreprocessor {
    /// With every default.
    pub fn new() -> Self {
        Self { chain: Arc::default(), pool: Pool::default() }
    }

    /// Other limits between good, poor and useless.
    #[must_use]
    pub fn with_policy(mut self, policy: QualityPolicy) -> Self {
        Arc::make_mut(&mut self.chain).policy = policy;
        self
    }

    /// Other bounds on uploads. Temporary storage grows with [`DecodeLimits::max_duration`].
    #[must_use]
    pub fn with_limits(mut self, limits: DecodeLimits) -> Self {
        Arc::make_mut(&mut self.chain).limits = limits;
        self
    }

    /// At most this many preparations at a time, in this and every clone made from it.
    #[must_use]
    pub fn with_concurrency(mut self, preparations: NonZeroUsize) -> Self {
        self.pool = Pool::of(preparations);
        self
    }

    /// What the recording is like, without making a clip of it.
    ///
    /// # Errors
    /// `InvalidInput` for bytes that are no audio of an accepted kind, or outside the limits.
    ///
    /// # Cancel safety
    /// Dropping the future stops the work at the next block and leaves nothing behind.
    pub async fn inspect(&self, input: RawAudio) -> Result<QualityReport> {
        self.run("inspect", move |chain, cancel| chain.inspect(&input, cancel)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Chain, &Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let chain = Arc::clone(&self.chain);
        self.pool.run(op, move |cancel| work(&chain, cancel)).await
    }
}

#[async_trait]
impl Preprocessor for LocalPreprocessor {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([b"voiceclone-local/1".as_slice(), self.chain.fingerprint().as_bytes()])
    }

    async fn process(&self, input: RawAudio, profile: &ClipProfile) -> Result<Prepared> {
        let profile = profile.clone();
        self.run("prepare", move |chain, cancel| chain.prepare(&input, &profile, cancel)).await
    }
}
