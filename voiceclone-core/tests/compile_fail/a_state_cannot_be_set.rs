//! States change through their tables of moves.
use voiceclone_core::domain::{SampleState, VoiceSample};

fn skip_preparation(sample: &mut VoiceSample) {
    sample.state = SampleState::Ready;
}

fn main() {}
