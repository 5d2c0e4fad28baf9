//! Recordings to clean clips, by arithmetic on this machine. See [`LocalPreprocessor`].
//!
//! Each stage is a file with a struct of its parameters; `chain` puts them in order. A new stage is a new file, one line of
//! the chain and one line of its fingerprint.
mod bandwidth;
mod cancel;
mod chain;
mod clipping;
mod dc;
mod downmix;
mod limiter;
mod loudness;
mod measure;
#[cfg(test)]
mod mixes;
mod policy;
mod resample;
mod silero;
mod speech;
mod stage;
mod tape;
#[cfg(test)]
mod testing;
mod trim;
mod true_peak;
mod vad;
#[cfg(test)]
mod voice_tests;

use std::{num::NonZeroUsize, sync::Arc, thread};

use async_trait::async_trait;
use tokio::{sync::Semaphore, task};
use voiceclone_core::{
    Error, Result,
    audio::{DecodeLimits, RawAudio},
    domain::{ClipProfile, QualityReport},
    id::Fingerprint,
    preprocess::{Prepared, Preprocessor},
};

use self::{cancel::Cancel, chain::Chain};

pub use self::policy::QualityPolicy;
pub(crate) use self::resample::resampled;

/// Prepares recordings without a key and without a network: one channel, no offset, the profile's sample rate, no silence
/// around the speech, the profile's loudness (ITU-R BS.1770) and true peak, as a 16-bit WAV, with a report of the input.
///
/// The work runs on tokio's blocking threads, as many preparations at a time as the machine has cores; more wait. Equal
/// bytes give equal clips. Memory is 4 bytes per sample of one channel at the clip's rate, and some megabytes.
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
    permits: Arc<Semaphore>,
}

impl Default for LocalPreprocessor {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalPreprocessor {
    /// With every default.
    pub fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { chain: Arc::default(), permits: Arc::new(Semaphore::new(cores)) }
    }

    /// Other limits between good, poor and useless.
    #[must_use]
    pub fn with_policy(mut self, policy: QualityPolicy) -> Self {
        Arc::make_mut(&mut self.chain).policy = policy;
        self
    }

    /// Other bounds on uploads. Memory grows with [`DecodeLimits::max_duration`].
    #[must_use]
    pub fn with_limits(mut self, limits: DecodeLimits) -> Self {
        Arc::make_mut(&mut self.chain).limits = limits;
        self
    }

    /// At most this many preparations at a time, in this and every clone made from it.
    #[must_use]
    pub fn with_concurrency(mut self, preparations: NonZeroUsize) -> Self {
        self.permits = Arc::new(Semaphore::new(preparations.get().min(Semaphore::MAX_PERMITS)));
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

    /// Runs `work` on a blocking thread. The permit goes with the work, which ends later than a caller that gave up.
    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        work: impl FnOnce(&Chain, &Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|e| Error::unexpected("no preparation is accepted any more").with_source(e))?;
        let cancel = Cancel::default();
        let _stop = cancel.on_drop();
        let chain = Arc::clone(&self.chain);
        let task = task::spawn_blocking(move || {
            let _permit = permit;
            work(&chain, &cancel)
        });
        let done = task.await.map_err(|e| Error::unexpected("the preparation failed").with_source(e)).flatten();
        done.map_err(|e| e.during(op))
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
