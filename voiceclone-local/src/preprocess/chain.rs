//! The stages in their order, blocking and deterministic:
//!
//! 1. decode once, onto a tape; what the mix depends on is known only at the end of it,
//! 2. downmix → DC removal → every measurement, which decides whether there is a clip and of which parts,
//! 3. downmix → DC removal → high-pass → splice the parts → noise reduction → resample, onto a second tape,
//! 4. level → limit → encode.
//!
//! High-pass and noise reduction are left out of a recording that is clean. Tapes move to the disk when they grow, so memory does not depend on the recording's length.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive and become counts of samples"
)]
use std::ops::Range;

use voiceclone_core::{
    Result,
    audio::{AudioWriter, ClipInfo, DecodeLimits, Decoder, EncodedAudio, RawAudio},
    domain::{ClipProfile, NoiseReduction, QualityReport, Verdict},
    preprocess::Prepared,
};

use super::{
    clipping::ClipRule,
    cut::{Cutting, Recording, Room},
    dc::{DcBlocker, DcRemoval},
    denoise::Denoise,
    downmix::{Downmix, Mix, Survey},
    highpass::HighPass,
    loudness::Levelling,
    loudness_meter::{Loud, Meter},
    measure::{Heard, Measuring},
    policy::{Measurements, QualityPolicy},
    profile::check,
    resample::Resampling,
    splice::Splicing,
    stage::Stage as _,
    tape::Tape,
};
use crate::blocking::Cancel;

/// Every stage with its parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Chain {
    pub(super) limits: DecodeLimits,
    pub(super) downmix: Downmix,
    pub(super) dc: DcRemoval,
    pub(super) clipping: ClipRule,
    pub(super) measuring: Measuring,
    pub(super) policy: QualityPolicy,
    pub(super) cutting: Cutting,
    pub(super) high_pass: HighPass,
    pub(super) splicing: Splicing,
    pub(super) denoise: Denoise,
    pub(super) resampling: Resampling,
    pub(super) levelling: Levelling,
}

/// A decoded recording, channels interleaved, and how they become one.
struct Recorded {
    tape: Tape,
    mix: Mix,
    clipping: f64,
    info: ClipInfo,
}

/// One channel, cut and clean, at the clip's rate.
struct Rendered {
    tape: Tape,
    rate: u32,
    loud: Loud,
}

/// What is taken out of a recording.
struct Cleaning {
    high_pass: bool,
    /// Share of the denoised signal, 0 to 1.
    wet: f32,
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
            self.cutting.fingerprint(),
            self.high_pass.fingerprint(),
            self.splicing.fingerprint(),
            self.denoise.fingerprint(),
            self.resampling.fingerprint(),
            self.levelling.fingerprint(),
            "encode/1 s16".to_owned(),
        ];
        stages.join("; ")
    }

    /// What the recording is like.
    pub(super) fn inspect(&self, input: &RawAudio, cancel: &Cancel) -> Result<QualityReport> {
        let mut recorded = self.decode(input, cancel)?;
        Ok(self.policy.judge(&self.measure(&mut recorded, cancel)?))
    }

    /// The clip, or the verdict that there is none to be had.
    pub(super) fn prepare(&self, input: &RawAudio, profile: &ClipProfile, cancel: &Cancel) -> Result<Prepared> {
        check(profile, self.cutting.shortest_pause())?;
        let mut recorded = self.decode(input, cancel)?;
        let measured = self.measure(&mut recorded, cancel)?;
        let report = self.policy.judge(&measured);
        if report.verdict() == Verdict::Reject {
            return Ok(Prepared::rejected(report));
        }
        let rendered = self.render(&mut recorded, &measured.heard, profile, cancel)?;
        drop(recorded);
        Ok(Prepared::new(self.encode(rendered, profile, cancel)?, report))
    }

    fn decode(&self, input: &RawAudio, cancel: &Cancel) -> Result<Recorded> {
        let mut decoder = Decoder::open(&input.body, input.declared.as_deref(), &self.limits)?;
        let channels = decoder.format().channels();
        let (mut survey, mut clipping) = (Survey::new(channels), self.clipping.start(channels));
        let mut tape = Tape::interleaved(channels);
        while let Some(block) = decoder.next_block()? {
            cancel.check()?;
            clipping.push(block);
            // One channel is mixed with nothing.
            if channels > 1 {
                survey.push(block);
            }
            tape.write(block)?;
        }
        let mix = if channels > 1 { self.downmix.decide(&survey) } else { Mix::mono() };
        Ok(Recorded { tape, mix, clipping: clipping.share(), info: decoder.report() })
    }

    fn measure(&self, recorded: &mut Recorded, cancel: &Cancel) -> Result<Measurements> {
        let mut meters = self.measuring.start(recorded.rate())?;
        let dc = self.mono(recorded, 0..recorded.info.frames, cancel, |block| meters.push(block))?;
        let (mix, info) = (&recorded.mix, &recorded.info);
        Ok(Measurements {
            heard: meters.finish()?,
            clipping: recorded.clipping,
            dc_offset: dc.offset(),
            channels: mix.channels(),
            truncated: info.truncated,
            damaged_packets: info.damaged_packets,
            cleaned_samples: info.cleaned_samples,
        })
    }

    /// Hands over one channel without its offset, block by block, of the frames in `range`.
    fn mono(
        &self,
        recorded: &mut Recorded,
        range: Range<u64>,
        cancel: &Cancel,
        mut sink: impl FnMut(&mut [f32]) -> Result<()>,
    ) -> Result<DcBlocker> {
        let (mut dc, mut mono) = (self.dc.start(recorded.rate()), Vec::new());
        let Recorded { tape, mix, info, .. } = recorded;
        let channels = u64::from(info.format.channels());
        tape.read_range(range.start * channels..range.end * channels, |block| {
            cancel.check()?;
            mix.apply(block, &mut mono);
            dc.apply(&mut mono);
            sink(&mut mono)
        })?;
        Ok(dc)
    }

    fn parts(&self, heard: &Heard, profile: &ClipProfile) -> Vec<Range<f64>> {
        let recording = Recording { frames: &heard.frames, speech: &heard.speech, seconds: heard.seconds };
        let seconds = profile.max_duration.map(|limit| limit.as_secs_f64());
        let pause = profile.max_pause.map(|limit| limit.as_secs_f64());
        self.cutting.parts(recording, Room { seconds, pause })
    }

    /// The parts as one clean signal at the clip's rate.
    fn render(
        &self,
        recorded: &mut Recorded,
        heard: &Heard,
        profile: &ClipProfile,
        cancel: &Cancel,
    ) -> Result<Rendered> {
        let (recorded_at, frames) = (recorded.rate(), recorded.info.frames);
        let rate = profile.sample_rate.unwrap_or(recorded_at.min(self.resampling.highest_kept));
        let cleaning = self.cleaning(heard, profile);
        let parts = self.parts(heard, profile);
        let mut splicer = self.splicing.start(&parts, recorded_at, frames);
        let mut denoiser = self.denoise.start(recorded_at, rate, cleaning.wet)?;
        let mut rumble = cleaning.high_pass.then(|| self.high_pass.start(recorded_at)).transpose()?;
        if cleaning.wet > 0.0 {
            denoiser.prime(&self.before(recorded, &parts, cancel)?)?;
        }
        let (mut tape, mut meter) = (Tape::new(), Meter::new(rate)?);
        let (mut kept, mut ready) = (Vec::new(), Vec::new());
        let mut keep = |ready: &mut Vec<f32>| -> Result<()> {
            meter.push(ready)?;
            tape.write(ready)?;
            ready.clear();
            Ok(())
        };
        self.mono(recorded, 0..frames, cancel, |block| {
            if let Some(rumble) = &mut rumble {
                rumble.apply(block);
            }
            splicer.push(block, &mut kept);
            denoiser.push(&kept, &mut ready)?;
            kept.clear();
            keep(&mut ready)
        })?;
        splicer.finish(&mut kept);
        denoiser.push(&kept, &mut ready)?;
        denoiser.finish(&mut ready)?;
        keep(&mut ready)?;
        Ok(Rendered { loud: meter.finish()?, tape, rate })
    }

    /// What the recording needs. A clean one is left alone: every filter costs it something.
    fn cleaning(&self, heard: &Heard, profile: &ClipProfile) -> Cleaning {
        match profile.noise_reduction {
            NoiseReduction::WhereNoisy => Cleaning {
                high_pass: self.denoise.wet(heard.speech.snr_db()) > 0.0,
                wet: self.denoise.wet(heard.clear_snr_db),
            },
            _ => Cleaning { high_pass: false, wet: 0.0 },
        }
    }

    /// The second before the first part, for the denoiser to learn the noise from.
    fn before(&self, recorded: &mut Recorded, parts: &[Range<f64>], cancel: &Cancel) -> Result<Vec<f32>> {
        let rate = recorded.rate();
        let end = parts.first().map_or(0, |part| (part.start * f64::from(rate)) as u64);
        let (mut filter, mut before) = (self.high_pass.start(rate)?, Vec::new());
        self.mono(recorded, end.saturating_sub(rate.into())..end, cancel, |block| {
            filter.apply(block);
            before.extend_from_slice(block);
            Ok(())
        })?;
        Ok(before)
    }

    fn encode(&self, rendered: Rendered, profile: &ClipProfile, cancel: &Cancel) -> Result<EncodedAudio> {
        let Rendered { mut tape, rate, loud } = rendered;
        let target = (profile.loudness_lufs, profile.true_peak_dbtp);
        let level = self.levelling.settle(&mut tape, rate, loud, target, cancel)?;
        let mut writer = AudioWriter::create(profile.container, rate, 1)?;
        self.levelling.render(&mut tape, rate, level, cancel, |block| writer.write(block))?;
        writer.finish()
    }
}

impl Recorded {
    fn rate(&self) -> u32 {
        self.info.format.sample_rate()
    }
}

#[cfg(test)]
mod tests {
    use voiceclone_core::{
        ErrorKind,
        audio::{Container, Pcm, encode},
    };

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
        for stage in [
            "decode",
            "downmix",
            "dc",
            "clipping",
            "voice",
            "speech",
            "bandwidth",
            "hum",
            "speakers",
            "policy",
            "cut",
            "highpass",
            "splice",
            "denoise",
            "resample",
        ] {
            assert!(named.contains(&format!("{stage}/")), "{stage} in {named}");
        }
        let mut other = Chain::default();
        other.levelling.limiter.release = 0.06;
        assert_ne!(named, other.fingerprint());
    }
}
