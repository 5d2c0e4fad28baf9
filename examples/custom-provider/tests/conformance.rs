//! The beeper keeps every rule of its seam.
use voiceclone_core::{
    synth::VoiceRef,
    testkit::{fakes::reference_voice, synthesizer::SynthFixture},
};
use voiceclone_custom_provider::Beeper;

fn fixture() -> SynthFixture {
    let voice = VoiceRef::Reference(reference_voice(24_000).expect("24 kHz is a sample rate"));
    SynthFixture::new(Beeper::new().expect("24 kHz is a sample rate"), voice)
}

voiceclone_core::synthesizer_conformance!(beeper, fixture());
