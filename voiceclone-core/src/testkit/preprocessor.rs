//! The rules of [`Preprocessor`], one case each.
use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;

use super::{
    Case, Failure,
    alive::Alive,
    check::{Checked, cases, ensure, ensure_eq, ensure_kind, in_time},
    fakes::voice_like,
};
use crate::{
    audio::{Container, DecodeLimits, EncodedAudio, Pcm, RawAudio, decode, encode},
    domain::{ClipProfile, QualityReport, Verdict},
    error::{ErrorKind, Result},
    preprocess::{Prepared, Preprocessor},
};

/// A preprocessor to try the rules on.
#[derive(Debug, Clone)]
pub struct PreprocessFixture {
    preprocessor: Arc<dyn Preprocessor>,
    recording: Option<RawAudio>,
}

impl PreprocessFixture {
    /// The rules are tried on `preprocessor`.
    pub fn new(preprocessor: impl Preprocessor) -> Self {
        Self { preprocessor: Arc::new(preprocessor), recording: None }
    }

    /// A recording of at least five seconds that it accepts, instead of a sound that resembles a voice.
    #[must_use]
    pub fn recording(mut self, recording: RawAudio) -> Self {
        self.recording = Some(recording);
        self
    }

    fn good(&self) -> Result<RawAudio> {
        let made = || Ok(RawAudio::new(voice_like(Duration::from_secs(12), 44_100)?.body));
        self.recording.clone().map_or_else(made, Ok)
    }

    async fn process(&self, input: RawAudio, profile: &ClipProfile) -> Checked<Result<Prepared>> {
        in_time("a preparation", self.preprocessor.process(input, profile)).await
    }

    /// The clip of a recording that must be accepted, its samples, and what was measured.
    async fn clip(&self, input: RawAudio, profile: &ClipProfile) -> Checked<(EncodedAudio, Pcm, QualityReport)> {
        let prepared = self.process(input, profile).await??;
        let refused = || Failure(format!("a good recording was rejected: {:?}", prepared.quality.rejections()));
        let clip = prepared.clip.ok_or_else(refused)?;
        let (pcm, _) = decode(&clip.body, None, &DecodeLimits::unlimited())?;
        Ok((clip, pcm, prepared.quality))
    }

    /// Whatever the bytes are, there is an answer: a clip, a rejection or `InvalidInput`.
    async fn ensure_answered(&self, bytes: Vec<u8>, what: &str) -> Checked {
        match self.process(RawAudio::new(bytes), &ClipProfile::master()).await? {
            Err(e) if e.kind() != ErrorKind::InvalidInput => Err(Failure(format!("{what}: {}", e.chain()))),
            _ => Ok(()),
        }
    }
}

/// Every rule of the seam.
pub const CASES: &[Case<PreprocessFixture>] = cases![
    the_fingerprint_is_the_same_every_time,
    a_clip_is_a_mono_wav_that_says_what_it_is,
    the_report_has_findings,
    the_same_recording_gives_the_same_clip,
    the_profiles_rate_is_kept,
    the_profiles_length_is_kept,
    the_profiles_peak_is_kept,
    two_channels_become_one,
    bytes_that_are_no_audio_are_refused,
    no_bytes_are_refused,
    random_bytes_are_answered,
    a_recording_cut_anywhere_is_answered,
    a_clip_may_be_prepared_again,
    a_dropped_preparation_leaves_nothing_running,
];

/// Makes one test of every rule of [`Preprocessor`](crate::preprocess::Preprocessor):
/// `preprocessor_conformance!(module, fixture)`, where the fixture is an expression, evaluated anew in async context for
/// every test.
///
/// ```
/// use voiceclone_core::testkit::{fakes::PassThroughPreprocessor, preprocessor::PreprocessFixture};
/// voiceclone_core::preprocessor_conformance!(pass_through, PreprocessFixture::new(PassThroughPreprocessor::default()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! preprocessor_conformance {
    ($module:ident, $fixture:expr) => {
        $crate::__conformance_tests!(
            $module,
            $crate::testkit::preprocessor::CASES,
            $fixture,
            [
                the_fingerprint_is_the_same_every_time,
                a_clip_is_a_mono_wav_that_says_what_it_is,
                the_report_has_findings,
                the_same_recording_gives_the_same_clip,
                the_profiles_rate_is_kept,
                the_profiles_length_is_kept,
                the_profiles_peak_is_kept,
                two_channels_become_one,
                bytes_that_are_no_audio_are_refused,
                no_bytes_are_refused,
                random_bytes_are_answered,
                a_recording_cut_anywhere_is_answered,
                a_clip_may_be_prepared_again,
                a_dropped_preparation_leaves_nothing_running,
            ]
        );
    };
}

async fn the_fingerprint_is_the_same_every_time(f: PreprocessFixture) -> Checked {
    let before = f.preprocessor.fingerprint();
    ensure(!before.as_str().is_empty(), "the fingerprint is empty")?;
    f.clip(f.good()?, &ClipProfile::master()).await?;
    ensure_eq(f.preprocessor.fingerprint(), before, "the fingerprint after a preparation")
}

async fn a_clip_is_a_mono_wav_that_says_what_it_is(f: PreprocessFixture) -> Checked {
    let (clip, pcm, _) = f.clip(f.good()?, &ClipProfile::master()).await?;
    ensure_eq(clip.format.container(), Container::Wav, "the clip's container")?;
    ensure_eq((clip.format.channels(), pcm.channels()), (1, 1), "channels as told and as found")?;
    ensure_eq(clip.format.sample_rate(), pcm.sample_rate(), "the rate told, and the one found")?;
    let off = clip.duration.abs_diff(pcm.duration());
    ensure(off < Duration::from_millis(1), format!("{:?} told, {:?} found", clip.duration, pcm.duration()))?;
    ensure(pcm.samples().iter().any(|sample| sample.abs() > 0.001), "the clip is silence")
}

async fn the_report_has_findings(f: PreprocessFixture) -> Checked {
    let (_, _, quality) = f.clip(f.good()?, &ClipProfile::master()).await?;
    ensure(!quality.findings.is_empty(), "nothing was measured")?;
    ensure(quality.verdict() != Verdict::Reject, "the report rejects a recording of which there is a clip")?;
    for finding in &quality.findings {
        let said = finding.value.is_finite() && !finding.sentence.trim().is_empty();
        ensure(said, format!("{finding:?} has no value or says nothing"))?;
    }
    Ok(())
}

async fn the_same_recording_gives_the_same_clip(f: PreprocessFixture) -> Checked {
    let profile = ClipProfile::master().at_rate(24_000).at_most(Duration::from_secs(4));
    let (_, first, first_report) = f.clip(f.good()?, &profile).await?;
    let (_, second, second_report) = f.clip(f.good()?, &profile).await?;
    ensure(first == second, "the same recording gives another clip")?;
    ensure_eq(second_report, first_report, "the report of the same recording")
}

async fn the_profiles_rate_is_kept(f: PreprocessFixture) -> Checked {
    for rate in [16_000, 24_000, 48_000] {
        let (_, pcm, _) = f.clip(f.good()?, &ClipProfile::master().at_rate(rate)).await?;
        ensure_eq(pcm.sample_rate(), rate, "the clip's rate")?;
    }
    Ok(())
}

async fn the_profiles_length_is_kept(f: PreprocessFixture) -> Checked {
    let whole = f.clip(f.good()?, &ClipProfile::master()).await?.1.duration();
    for most in [Duration::from_millis(3500), Duration::from_secs(2)] {
        let (_, pcm, _) = f.clip(f.good()?, &ClipProfile::master().at_most(most)).await?;
        let length = pcm.duration();
        ensure(length <= most, format!("{length:?} where {most:?} is the most"))?;
        let enough = length >= most.min(whole) / 2;
        ensure(enough, format!("{length:?} of a recording of {whole:?}, where {most:?} are of use"))?;
    }
    Ok(())
}

async fn the_profiles_peak_is_kept(f: PreprocessFixture) -> Checked {
    for dbtp in [-1.0, -12.0] {
        let profile = ClipProfile { true_peak_dbtp: dbtp, ..ClipProfile::master() };
        let (_, pcm, _) = f.clip(f.good()?, &profile).await?;
        let peak = pcm.samples().iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        // A tenth of a decibel for rounding to 16 bits; sample peaks are never above true peaks.
        let found = 20.0 * f64::from(peak).log10();
        ensure(found <= dbtp + 0.1, format!("a peak of {found:.2} dB where {dbtp} dB is the most"))?;
    }
    Ok(())
}

async fn two_channels_become_one(f: PreprocessFixture) -> Checked {
    let (pcm, _) = decode(&f.good()?.body, None, &DecodeLimits::unlimited())?;
    let first = pcm.samples().iter().step_by(usize::from(pcm.channels()));
    let both = first.flat_map(|sample| [*sample; 2]).collect();
    let stereo = encode(&Pcm::new(both, pcm.sample_rate(), 2)?, Container::Wav)?;
    let (_, mono, _) = f.clip(RawAudio::new(stereo.body), &ClipProfile::master()).await?;
    ensure_eq(mono.channels(), 1, "the clip's channels")
}

async fn bytes_that_are_no_audio_are_refused(f: PreprocessFixture) -> Checked {
    let text = b"This is a text, whatever its name says. ".repeat(1000);
    let html = b"<!doctype html><html><body>404 Not Found</body></html>".to_vec();
    for bytes in [text, html] {
        let outcome = f.process(RawAudio::new(bytes).declared("voice.wav"), &ClipProfile::master()).await?;
        ensure_kind(outcome, ErrorKind::InvalidInput, "bytes that are no audio")?;
    }
    Ok(())
}

async fn no_bytes_are_refused(f: PreprocessFixture) -> Checked {
    let outcome = f.process(RawAudio::new(Vec::new()), &ClipProfile::master()).await?;
    ensure_kind(outcome, ErrorKind::InvalidInput, "no bytes at all")
}

/// Bytes without a pattern that any container has.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| byte()).collect()
}

async fn random_bytes_are_answered(f: PreprocessFixture) -> Checked {
    let heads: [&[u8]; 5] = [b"", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC", b"OggS", b"\xff\xfb\x90\x64"];
    for (seed, head) in (1_u32..).zip(heads) {
        for len in [1, 100, 20_000] {
            let bytes = [head, &noise(seed, len)].concat();
            f.ensure_answered(bytes, &format!("{len} random bytes after {head:?}")).await?;
        }
    }
    Ok(())
}

async fn a_recording_cut_anywhere_is_answered(f: PreprocessFixture) -> Checked {
    let bytes = f.good()?.body.bytes(u64::MAX).await?;
    for keep in [1, 11, 12, 43, 44, 45, bytes.len() / 3, bytes.len() - 1] {
        let cut = bytes.get(..keep).unwrap_or(&bytes).to_vec();
        f.ensure_answered(cut, &format!("the first {keep} of {} bytes", bytes.len())).await?;
    }
    Ok(())
}

async fn a_clip_may_be_prepared_again(f: PreprocessFixture) -> Checked {
    // The engine prepares the master clip once more for each provider's profile.
    let (master, _, _) = f.clip(f.good()?, &ClipProfile::master()).await?;
    let profile = ClipProfile::master().named("again").at_rate(16_000).at_most(Duration::from_secs(3));
    let (_, again, _) = f.clip(RawAudio::new(master.body), &profile).await?;
    ensure_eq(again.sample_rate(), 16_000, "the rate of the clip of a clip")
}

async fn a_dropped_preparation_leaves_nothing_running(f: PreprocessFixture) -> Checked {
    f.clip(f.good()?, &ClipProfile::master()).await?;
    let before = Alive::now();
    for _ in 0..3 {
        drop(f.preprocessor.process(f.good()?, &ClipProfile::master()).now_or_never());
    }
    before.is_restored("a dropped preparation").await?;
    f.clip(f.good()?, &ClipProfile::master()).await.map(drop)
}
