//! The beeper keeps every rule of its seam.
use voiceclone_core::{
    Result,
    synth::VoiceRef,
    testkit::{fakes::reference_voice, synthesizer::SynthFixture},
};
use voiceclone_custom_provider::Beeper;

fn fixture() -> Result<SynthFixture> {
    Ok(SynthFixture::new(Beeper::new()?, VoiceRef::Reference(reference_voice(24_000)?)))
}

voiceclone_core::synthesizer_conformance!(beeper, fixture()?);
