//! A preprocessor that leaves a recording as it is, except for what the profile asks.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sample numbers and levels, far within the exact range"
)]
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{lock, script::Script, script::When};
use crate::{
    audio::{Container, DecodeLimits, Pcm, RawAudio, blocking, decode, encode},
    domain::{ClipProfile, Finding, Measure, QualityReport, Verdict},
    error::{Error, Result},
    id::Fingerprint,
    preprocess::{Prepared, Preprocessor},
};

/// Decodes, mixes to mono, and writes 16-bit WAV; cuts, resamples to the nearest sample and turns down only as the
/// profile asks. Its verdict is what it was told. Clones share the plan and the counts.
#[derive(Debug, Clone)]
pub struct PassThroughPreprocessor {
    verdict: Verdict,
    script: Arc<Mutex<Script<Error>>>,
}

impl Default for PassThroughPreprocessor {
    fn default() -> Self {
        Self::judging(Verdict::Ok)
    }
}

impl PassThroughPreprocessor {
    /// Finds every recording so.
    pub fn judging(verdict: Verdict) -> Self {
        Self { verdict, script: Arc::default() }
    }

    /// Plans a failure.
    #[must_use]
    pub fn with_fault(self, when: When, error: Error) -> Self {
        lock(&self.script).plan(when, error);
        self
    }

    /// How many recordings it was given.
    pub fn calls(&self) -> usize {
        lock(&self.script).calls()
    }

    fn report(&self, pcm: &Pcm) -> QualityReport {
        let seconds = pcm.duration().as_secs_f64();
        let sentence = format!("The recording is {seconds:.1} s long.");
        QualityReport::new(vec![
            Finding::new(Measure::Duration, seconds, self.verdict, sentence),
            Finding::new(Measure::Speech, seconds, Verdict::Ok, "All of it counts as speech."),
        ])
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Preprocessor for PassThroughPreprocessor {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of([b"pass-through 1".as_slice(), format!("{:?}", self.verdict).as_bytes()])
    }

    async fn process(&self, input: RawAudio, profile: &ClipProfile) -> Result<Prepared> {
        if let Some(error) = lock(&self.script).call("") {
            return Err(error);
        }
        let (this, profile) = (self.clone(), profile.clone());
        blocking("pass through", move || {
            let limits = DecodeLimits::unlimited();
            let (pcm, _) = decode(&input.body, input.declared.as_deref(), &limits)?;
            let quality = this.report(&pcm);
            if this.verdict == Verdict::Reject {
                return Ok(Prepared::rejected(quality));
            }
            Ok(Prepared::new(encode(&fit(&pcm, &profile)?, Container::Wav)?, quality))
        })
        .await
    }
}

fn fit(pcm: &Pcm, profile: &ClipProfile) -> Result<Pcm> {
    let channels = usize::from(pcm.channels());
    let mut mono: Vec<f32> =
        pcm.samples().chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    let rate = profile.sample_rate.unwrap_or(pcm.sample_rate());
    if rate != pcm.sample_rate() {
        let step = f64::from(pcm.sample_rate()) / f64::from(rate);
        let frames = (mono.len() as f64 / step) as usize;
        mono = (0..frames).filter_map(|i| mono.get((i as f64 * step) as usize).copied()).collect();
    }
    if let Some(most) = profile.max_duration {
        mono.truncate((most.as_secs_f64() * f64::from(rate)) as usize);
    }
    let peak = mono.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let ceiling = 10_f64.powf(profile.true_peak_dbtp / 20.0) as f32;
    if peak > ceiling {
        mono.iter_mut().for_each(|sample| *sample *= ceiling / peak);
    }
    Pcm::new(mono, rate, 1)
}
