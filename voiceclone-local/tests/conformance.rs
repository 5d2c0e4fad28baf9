//! The rules of the seams, tried on the builtin engine and on the local preparation.
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use std::{sync::LazyLock, time::Duration};

use voiceclone_core::{
    audio::{AudioBody, AudioFormat, Codec, Container, EncodedAudio, RawAudio},
    id::Fingerprint,
    synth::{ReferenceVoice, VoiceRef},
    testkit::{preprocessor::PreprocessFixture, synthesizer::SynthFixture},
};
use voiceclone_local::{Builtin, LocalPreprocessor};

static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| Builtin::load().unwrap());

fn recording() -> AudioBody {
    AudioBody::from_file(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/librivox_sense_01.wav")).unwrap()
}

fn reader() -> VoiceRef {
    let format = AudioFormat::new(Container::Wav, Codec::PcmS16Le, 16_000, 1).unwrap();
    let clip = EncodedAudio::new(format, Duration::from_millis(7_100), recording());
    VoiceRef::Reference(ReferenceVoice::new([clip], Fingerprint::of([b"librivox_sense_01".as_slice()])))
}

voiceclone_core::synthesizer_conformance!(builtin, SynthFixture::new(BUILTIN.clone(), reader()));

voiceclone_core::preprocessor_conformance!(
    local_preprocessor,
    PreprocessFixture::new(LocalPreprocessor::new()).recording(RawAudio::new(recording()))
);
