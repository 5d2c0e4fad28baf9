//! A preprocessor with one fault.
use std::sync::atomic::{AtomicU32, Ordering};

use voiceclone_core::{
    Error, ErrorKind, Result, async_trait,
    audio::{Container, DecodeLimits, EncodedAudio, Pcm, RawAudio, decode, encode},
    domain::{ClipProfile, QualityReport},
    id::Fingerprint,
    preprocess::{Prepared, Preprocessor},
    testkit::{
        fakes::PassThroughPreprocessor,
        preprocessor::{CASES, PreprocessFixture},
    },
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ChangesItsFingerprint,
    WritesFlac,
    TellsAWrongLength,
    MeasuresNothing,
    AddsNoise,
    KeepsTheRate,
    KeepsTheLength,
    KeepsAlmostNothing,
    KeepsThePeak,
    KeepsTwoChannels,
    CallsNoAudioUnavailable,
    AcceptsNothing,
    HangsOnOgg,
    FailsOnACutHeader,
    RefusesItsOwnClips,
    LeavesATaskBehind,
}

#[derive(Debug)]
struct Faulty {
    inner: PassThroughPreprocessor,
    fault: Fault,
    calls: AtomicU32,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { inner: PassThroughPreprocessor::default(), fault, calls: AtomicU32::new(0) }
    }

    fn misread(&self, profile: &ClipProfile) -> ClipProfile {
        let mut profile = profile.clone();
        match self.fault {
            Fault::KeepsTheRate => profile.sample_rate = None,
            Fault::KeepsTheLength => profile.max_duration = None,
            Fault::KeepsAlmostNothing => profile.max_duration = profile.max_duration.map(|most| most / 10),
            Fault::KeepsThePeak => profile.true_peak_dbtp = 0.0,
            _ => {}
        }
        profile
    }

    fn spoil(&self, prepared: &mut Prepared) {
        let Some(clip) = prepared.clip.take() else { return };
        let pcm = decode(&clip.body, None, &DecodeLimits::unlimited()).unwrap().0;
        prepared.clip = Some(match self.fault {
            Fault::WritesFlac => encode(&pcm, Container::Flac).unwrap(),
            Fault::TellsAWrongLength => EncodedAudio::new(clip.format, clip.duration * 2, clip.body),
            Fault::KeepsTwoChannels => {
                let both = pcm.samples().iter().flat_map(|s| [*s; 2]).collect();
                encode(&Pcm::new(both, pcm.sample_rate(), 2).unwrap(), Container::Wav).unwrap()
            }
            Fault::AddsNoise => {
                let mut samples = pcm.samples().to_vec();
                #[expect(clippy::cast_precision_loss, reason = "a small count")]
                let noise = self.calls.load(Ordering::Relaxed) as f32 / 1000.0;
                samples[7] += noise;
                encode(&Pcm::new(samples, pcm.sample_rate(), 1).unwrap(), Container::Wav).unwrap()
            }
            _ => clip,
        });
    }
}

#[async_trait]
impl Preprocessor for Faulty {
    fn fingerprint(&self) -> Fingerprint {
        let calls = if self.fault == Fault::ChangesItsFingerprint { self.calls.load(Ordering::Relaxed) } else { 0 };
        Fingerprint::of([calls.to_be_bytes().as_slice()])
    }

    async fn process(&self, input: RawAudio, profile: &ClipProfile) -> Result<Prepared> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let head = input.body.bytes(u64::MAX).await?;
        match self.fault {
            Fault::HangsOnOgg if head.starts_with(b"OggS") => std::future::pending().await,
            Fault::FailsOnACutHeader if head.len() == 43 => return Err(Error::unexpected("a header ends")),
            Fault::RefusesItsOwnClips if profile.name == "again" => return Err(Error::invalid("not again")),
            Fault::AcceptsNothing if head.is_empty() => return Ok(Prepared::rejected(QualityReport::default())),
            Fault::LeavesATaskBehind => leave_a_task_behind(),
            _ => {}
        }
        let mut prepared = match self.inner.process(input, &self.misread(profile)).await {
            Err(e) if self.fault == Fault::CallsNoAudioUnavailable => {
                return Err(Error::new(ErrorKind::Unavailable, e.message()));
            }
            outcome => outcome?,
        };
        if self.fault == Fault::MeasuresNothing {
            prepared.quality = QualityReport::default();
        }
        self.spoil(&mut prepared);
        Ok(prepared)
    }
}

#[expect(clippy::disallowed_methods, reason = "the fault that is to be caught")]
fn leave_a_task_behind() {
    drop(tokio::spawn(std::future::pending::<()>()));
}

#[test]
fn every_faulty_preprocessor_is_caught() {
    for (fault, case) in [
        (Fault::ChangesItsFingerprint, "the_fingerprint_is_the_same_every_time"),
        (Fault::WritesFlac, "a_clip_is_a_mono_wav_that_says_what_it_is"),
        (Fault::TellsAWrongLength, "a_clip_is_a_mono_wav_that_says_what_it_is"),
        (Fault::MeasuresNothing, "the_report_has_findings"),
        (Fault::AddsNoise, "the_same_recording_gives_the_same_clip"),
        (Fault::KeepsTheRate, "the_profiles_rate_is_kept"),
        (Fault::KeepsTheLength, "the_profiles_length_is_kept"),
        (Fault::KeepsAlmostNothing, "the_profiles_length_is_kept"),
        (Fault::KeepsThePeak, "the_profiles_peak_is_kept"),
        (Fault::KeepsTwoChannels, "two_channels_become_one"),
        (Fault::CallsNoAudioUnavailable, "bytes_that_are_no_audio_are_refused"),
        (Fault::AcceptsNothing, "no_bytes_are_refused"),
        (Fault::HangsOnOgg, "random_bytes_are_answered"),
        (Fault::FailsOnACutHeader, "a_recording_cut_anywhere_is_answered"),
        (Fault::RefusesItsOwnClips, "a_clip_may_be_prepared_again"),
        (Fault::LeavesATaskBehind, "a_dropped_preparation_leaves_nothing_running"),
    ] {
        super::assert_caught(CASES, &format!("{fault:?}"), case, || PreprocessFixture::new(Faulty::new(fault)));
    }
}
