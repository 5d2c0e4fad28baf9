//! A provider of your own: a beeper that any engine can plug in, held to the same rules as every other provider.
//!
//! ```
//! use voiceclone_core::{engine::{Engine, Provider}, testkit::fakes::PassThroughPreprocessor};
//! use voiceclone_custom_provider::Beeper;
//!
//! # fn main() -> voiceclone_core::Result<()> {
//! let engine = Engine::builder()
//!     .provider(Provider::new("beeper", Beeper::new()?)?)
//!     .preprocessor(PassThroughPreprocessor::default())
//!     .build()?;
//! assert_eq!(engine.providers().count(), 1);
//! # Ok(()) }
//! ```
use voiceclone_core::{
    Error, Result, async_trait,
    audio::{AudioFormat, to_s16_bytes},
    id::ProviderId,
    layers::check_request,
    stream::SynthesisStream,
    synth::{SpeechSession, SynthesisRequest, Synthesizer, SynthesizerInfo},
};

/// Beeps once for every character.
#[derive(Debug)]
pub struct Beeper(SynthesizerInfo);

impl Beeper {
    /// A beeper of 24 kHz.
    ///
    /// # Errors
    /// Never: 24 kHz is a sample rate.
    pub fn new() -> Result<Self> {
        let format = AudioFormat::raw_s16(24_000)?;
        Ok(Self(SynthesizerInfo::new("beeper").with_capability(|can| {
            can.voice_by_reference = true;
            can.deterministic = true;
            can.formats = vec![format];
        })))
    }
}

#[async_trait]
impl Synthesizer for Beeper {
    fn info(&self) -> &SynthesizerInfo {
        &self.0
    }

    async fn synthesize(&self, request: &SynthesisRequest) -> Result<SynthesisStream> {
        check_request(&self.0, request)?;
        request.options::<()>(&ProviderId::new("beeper")?)?;
        let beep = (0..1_600).map(|i| if i < 800 && i / 20 % 2 == 0 { 0.2 } else { 0.0 });
        let beeps: Vec<f32> = request.text().chars().flat_map(|_| beep.clone()).collect();
        Ok(SynthesisStream::of_bytes(request.format, to_s16_bytes(&beeps)))
    }

    async fn open_session(&self, _: &SynthesisRequest) -> Result<Box<dyn SpeechSession>> {
        Err(Error::unsupported("the beeper takes no text piece by piece"))
    }
}
