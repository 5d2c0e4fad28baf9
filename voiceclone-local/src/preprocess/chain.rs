//! The stages in their order, blocking and deterministic:
//!
//! decode → downmix → DC removal → (measure) → resample → trim → level → limit → WAV.
//!
//! The recording is decoded block by block and only one channel at the clip's rate is kept. Recordings of several channels
//! are decoded twice: the weights of the mix depend on all of it.
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::{AudioWriter, Container, DecodeLimits, Decoder, EncodedAudio, RawAudio, SAMPLE_RATES},
    domain::{ClipProfile, QualityReport, Verdict},
    preprocess::Prepared,
};

use super::{
    cancel::Cancel,
    clipping::ClipRule,
    dc::DcRemoval,
    downmix::{Downmix, Mix, Survey},
    loudness::Levelling,
    measure::Measuring,
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

/// How the recording is to be read.
struct Plan {
    rate: u32,
    mix: Mix,
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
        let plan = self.survey(input, cancel)?;
        let measured = self.take(input, &plan, cancel, |_| Ok(()))?;
        Ok(self.policy.judge(&measured))
    }

    /// The clip, or the verdict that there is none to be had.
    pub(super) fn prepare(&self, input: &RawAudio, profile: &ClipProfile, cancel: &Cancel) -> Result<Prepared> {
        check(profile)?;
        let taken = self.resampled(input, profile.sample_rate, cancel)?;
        let report = self.policy.judge(&taken.measured);
        if report.verdict() == Verdict::Reject {
            return Ok(Prepared::rejected(report));
        }
        let clip = self.clip(taken, profile, cancel)?;
        Ok(Prepared::new(clip, report))
    }

    /// The rate, and the weights of the mix, which depend on the whole recording.
    fn survey(&self, input: &RawAudio, cancel: &Cancel) -> Result<Plan> {
        let mut decoder = self.open(input)?;
        let (rate, channels) = (decoder.format().sample_rate(), decoder.format().channels());
        if channels == 1 {
            return Ok(Plan { rate, mix: Mix::mono() });
        }
        let mut survey = Survey::new(channels);
        while let Some(block) = decoder.next_block()? {
            cancel.check()?;
            survey.push(block);
        }
        Ok(Plan { rate, mix: self.downmix.decide(&survey) })
    }

    fn resampled(&self, input: &RawAudio, rate: Option<u32>, cancel: &Cancel) -> Result<Taken> {
        let plan = self.survey(input, cancel)?;
        let rate = rate.unwrap_or(plan.rate.min(self.resampling.highest_kept));
        let mut resampler = self.resampling.start(plan.rate, rate)?;
        let mut mono = Vec::new();
        let measured = self.take(input, &plan, cancel, |block| resampler.push(block, &mut mono))?;
        resampler.finish(&mut mono)?;
        Ok(Taken { mono, rate, measured })
    }

    /// One pass over the recording: every block, mixed and without its offset, goes to the meters and to `sink`.
    fn take(
        &self,
        input: &RawAudio,
        Plan { rate, mix }: &Plan,
        cancel: &Cancel,
        mut sink: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<Measurements> {
        let mut decoder = self.open(input)?;
        let mut clipping = self.clipping.start(decoder.format().channels());
        let mut dc = self.dc.start(*rate);
        let mut meters = self.measuring.start(*rate)?;
        let mut mono = Vec::new();
        while let Some(block) = decoder.next_block()? {
            cancel.check()?;
            clipping.push(block);
            mix.apply(block, &mut mono);
            dc.apply(&mut mono);
            meters.push(&mono)?;
            sink(&mono)?;
        }
        let heard = meters.finish()?;
        let info = decoder.report();
        Ok(Measurements {
            live_channels: if mix.channels() == 1 { usize::from(heard.true_peak.is_finite()) } else { mix.live() },
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
    if profile.sample_rate.is_some_and(|rate| !SAMPLE_RATES.contains(&rate)) {
        return refuse(format!("the clip's sample rate is {:?} Hz; 4000 to 384000 can be made", profile.sample_rate));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use voiceclone_core::audio::{Pcm, encode};

    use super::*;

    #[test]
    fn cancelled_work_stops_with_its_own_error() {
        let (speech, rate) = crate::preprocess::testing::speech();
        let stereo = speech.iter().flat_map(|s| [*s, *s]).collect();
        for pcm in [Pcm::new(speech, rate, 1).unwrap(), Pcm::new(stereo, rate, 2).unwrap()] {
            let input = RawAudio::new(encode(&pcm, Container::Wav).unwrap().body);
            let cancel = Cancel::default();
            drop(cancel.on_drop());
            let chain = Chain::default();
            assert_eq!(chain.inspect(&input, &cancel).unwrap_err().kind(), ErrorKind::Cancelled);
            let error = chain.prepare(&input, &ClipProfile::master(), &cancel).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }

    #[test]
    fn the_fingerprint_names_every_stage() {
        let named = Chain::default().fingerprint();
        for stage in
            ["decode", "downmix", "dc", "clipping", "voice", "speech", "bandwidth", "policy", "resample", "trim"]
        {
            assert!(named.contains(&format!("{stage}/")), "{stage} in {named}");
        }
        let mut other = Chain::default();
        other.levelling.limiter.release = 0.06;
        assert_ne!(named, other.fingerprint());
    }
}
