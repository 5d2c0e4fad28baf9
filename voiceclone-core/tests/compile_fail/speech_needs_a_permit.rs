//! No consent, no speech.
use voiceclone_core::{audio::AudioFormat, speak::Utterance, synth::{SynthesisRequest, VoiceRef}};

fn request(voice: VoiceRef, utterance: Utterance, format: AudioFormat) -> SynthesisRequest {
    SynthesisRequest { voice, utterance, format }
}

fn main() {}
