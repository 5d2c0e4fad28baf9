//! A provider that hums instead of speaking, until the real one is plugged in.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sample counts and amplitudes, far within the exact range"
)]
use std::f64::consts::TAU;

use voiceclone_core::{
    Error, Result, async_trait,
    audio::{AudioFormat, to_s16_bytes},
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

const RATE: u32 = 24_000;
const SECONDS_PER_CHARACTER: f64 = 0.06;

/// One tone per character, equal for equal requests.
#[derive(Debug)]
pub(crate) struct Tones(SynthesizerInfo);

impl Tones {
    pub(crate) fn new() -> Result<Self> {
        let format = AudioFormat::raw_s16(RATE)?;
        Ok(Self(SynthesizerInfo::new("tones").with_capability(|can| {
            can.voice_by_reference = true;
            can.deterministic = true;
            can.speed = Some(0.5..=2.0);
            can.languages = vec!["en".to_owned()];
            can.formats = vec![format];
        })))
    }
}

#[async_trait]
impl Synthesizer for Tones {
    fn info(&self) -> &SynthesizerInfo {
        &self.0
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        let text = request.utterance.text.clone();
        let speed = f64::from(request.utterance.speed.unwrap_or(1.0));
        let samples = tokio::task::spawn_blocking(move || hum(text.as_str(), speed)).await;
        let samples = samples.map_err(|e| Error::unexpected("the humming stopped").with_source(e))?;
        Ok(SynthesisStream::of_bytes(AudioFormat::raw_s16(RATE)?, to_s16_bytes(&samples)))
    }

    async fn open_session(&self, _: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        Err(Error::unsupported("tones take a whole text at a time"))
    }
}

fn hum(text: &str, speed: f64) -> Vec<f32> {
    let len = (SECONDS_PER_CHARACTER * f64::from(RATE) / speed) as usize;
    let tone = |c: char| {
        let step = TAU * (120.0 + f64::from(u32::from(c) % 64) * 4.0) / f64::from(RATE);
        (0..len).map(move |i| (0.3 * (i as f64 * step).sin()) as f32)
    };
    text.chars().flat_map(tone).collect()
}
