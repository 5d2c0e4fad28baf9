//! Audio does not become marked by itself.
use voiceclone_core::{audio::EncodedAudio, mark::MarkedAudio};

fn hand_out(audio: EncodedAudio) -> MarkedAudio {
    audio.into()
}

fn main() {}
