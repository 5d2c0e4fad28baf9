//! The stages in their order, blocking and deterministic:
//!
//! decode → downmix → DC removal → (measure) → resample → trim → level → limit → WAV.
//!
//! The recording is decoded block by block and only one channel at the clip's rate is kept. Recordings of several channels
//! are decoded twice: the weights of the mix depend on all of it.
use voiceclone_core::{
    Error, Result,
    audio::{AudioWriter, Container, DecodeLimits, Decoder, EncodedAudio, RawAudio},
    domain::{ClipProfile, QualityReport, Verdict},
    preprocess::Prepared,
};

use super::{
    cancel::Cancel,
    clipping::ClipRule,
    dc::DcRemoval,
    downmix::{Downmix, Mix, Survey},
    loudness::Levelling,
    measure::{Heard, Measuring},
    policy::{Measurements, QualityPolicy},
    resample::Resampling,
    stage::Stage as _,
    trim::Trim,
};

/// Every stage with its parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chain {
    pub(super) limits: DecodeLimits,
    pub(super) downmix: Downmix,
    pub(super) dc: DcRemoval,
    pub(super) clipping: ClipRule,
    pub(super) measuring: Measuring,
    pub(super) policy: QualityPolicy,
    pub(super) resampling: Resampling,
    pub(super) trim: Trim,
    pub(super) levelling: Levelling,
}

/// One channel at the clip's rate, with what was measured on the way.
struct Taken {
    mono: Vec<f32>,
    rate: u32,
    measured: Measurements,
}

impl Chain {
    /// Every stage's version and parameters.
    pub(super) fn fingerprint(&self) -> String {
        let stages = [
            format!("decode/1 {:?}", self.limits),
            self.downmix.fingerprint(),
            self.dc.fingerprint(),
            self.clipping.fingerprint(),
            self.measuring.fingerprint(),
            format!("policy/1 {:?}", self.policy),
            self.resampling.fingerprint(),
            self.trim.fingerprint(),
            self.levelling.fingerprint(),
            "wav/1 s16".to_owned(),
        ];
        stages.join("; ")
    }

    /// What the recording is like, without keeping any of it.
    pub(super) fn inspect(&self, input: &RawAudio, cancel: &Cancel) -> Result<QualityReport> {
        let mix = self.survey(input, cancel)?;
        let measured = self.take(input, &mix, cancel, |_, _| Ok(()))?;
        Ok(self.policy.judge(&measured))
    }

    /// The clip, or the verdict that there is none to be had.
    pub(super) fn prepare(&self, input: &RawAudio, profile: &ClipProfile, cancel: &Cancel) -> Result<Prepared> {
        check(profile)?;
        let taken = self.resampled(input, profile.sample_rate, cancel)?;
        let report = self.policy.judge(&taken.measured);
        let speech = &taken.measured.heard.speech;
        // A policy may accept a recording without speech; there is still nothing to make a clip of.
        if report.verdict() == Verdict::Reject || speech.stretches.is_empty() {
            return Ok(Prepared::rejected(report));
        }
        let clip = self.clip(taken, profile, cancel)?;
        Ok(Prepared::new(clip, report))
    }

    /// The weights of the mix.
    fn survey(&self, input: &RawAudio, cancel: &Cancel) -> Result<Mix> {
        let mut decoder = self.open(input)?;
        let channels = decoder.format().channels();
        if channels == 1 {
            return Ok(Mix::mono());
        }
        let mut survey = Survey::new(channels);
        while let Some(block) = decoder.next_block()? {
            cancel.check()?;
            survey.push(block);
        }
        Ok(self.downmix.decide(&survey))
    }

    fn resampled(&self, input: &RawAudio, rate: Option<u32>, cancel: &Cancel) -> Result<Taken> {
        let mix = self.survey(input, cancel)?;
        let from = self.open(input)?.format().sample_rate();
        let rate = rate.unwrap_or(from);
        let mut resampler = self.resampling.start(from, rate)?;
        let mut mono = Vec::new();
        let measured = self.take(input, &mix, cancel, |block, _| resampler.push(block, &mut mono))?;
        resampler.finish(&mut mono)?;
        Ok(Taken { mono, rate, measured })
    }

    /// One pass over the recording: every block, mixed and without its offset, goes to the meters and to `sink`.
    fn take(
        &self,
        input: &RawAudio,
        mix: &Mix,
        cancel: &Cancel,
        mut sink: impl FnMut(&[f32], u32) -> Result<()>,
    ) -> Result<Measurements> {
        let mut decoder = self.open(input)?;
        let (rate, channels) = (decoder.format().sample_rate(), decoder.format().channels());
        let mut clipping = self.clipping.start(channels);
        let mut dc = self.dc.start(rate);
        let mut meters = self.measuring.start(rate)?;
        let mut mono = Vec::new();
        while let Some(block) = decoder.next_block()? {
            cancel.check()?;
            clipping.push(block);
            mix.apply(block, &mut mono);
            dc.apply(&mut mono);
            meters.push(&mono)?;
            sink(&mono, rate)?;
        }
        let heard: Heard = meters.finish()?;
        let info = decoder.report();
        Ok(Measurements {
            live_channels: if channels == 1 { usize::from(heard.true_peak.is_finite()) } else { mix.live() },
            heard,
            clipping: clipping.share(),
            dc_offset: dc.offset(),
            channels: mix.channels(),
            truncated: info.truncated,
            damaged_packets: info.damaged_packets,
        })
    }

    fn clip(&self, taken: Taken, profile: &ClipProfile, cancel: &Cancel) -> Result<EncodedAudio> {
        let Taken { mut mono, rate, measured } = taken;
        let at_most = profile.max_duration.map(|limit| limit.as_secs_f64());
        let window = self.trim.window(&measured.heard.speech, measured.heard.seconds, at_most);
        self.trim.cut(&mut mono, rate, &window);
        let target = (profile.loudness_lufs, profile.true_peak_dbtp);
        let level = self.levelling.settle(&mono, rate, target, cancel)?;
        let mut writer = AudioWriter::create(Container::Wav, rate, 1)?;
        self.levelling.render(&mono, rate, level, |block| {
            cancel.check()?;
            writer.write(block)
        })?;
        writer.finish()
    }

    fn open(&self, input: &RawAudio) -> Result<Decoder> {
        Decoder::open(&input.body, input.declared.as_deref(), &self.limits)
    }
}

/// Refuses a profile that no clip can meet.
fn check(profile: &ClipProfile) -> Result<()> {
    let refuse = |what: String| Err(Error::new(voiceclone_core::ErrorKind::Config, what).with("profile", &profile.name));
    if !(-60.0..=0.0).contains(&profile.loudness_lufs) {
        return refuse(format!("the clip's loudness is {} LUFS; −60 to 0 can be made", profile.loudness_lufs));
    }
    if !(-30.0..=0.0).contains(&profile.true_peak_dbtp) {
        return refuse(format!("the clip's true peak is {} dBTP; −30 to 0 can be made", profile.true_peak_dbtp));
    }
    if profile.max_duration.is_some_and(|limit| limit.as_secs_f64() < 1.0) {
        return refuse("the clip's longest duration is under 1 second; 1 second or more can be made".to_owned());
    }
    if profile.sample_rate.is_some_and(|rate| !voiceclone_core::audio::SAMPLE_RATES.contains(&rate)) {
        return refuse(format!("the clip's sample rate is {:?} Hz; 4000 to 384000 can be made", profile.sample_rate));
    }
    Ok(())
}
