//! No consent, no clone.
use voiceclone_core::{audio::EncodedAudio, cloner::EnrollRequest, id::IdempotencyKey};

fn request(clips: std::sync::Arc<[EncodedAudio]>, idempotency_key: IdempotencyKey) -> EnrollRequest {
    EnrollRequest {
        name: String::new(),
        language: None,
        clips,
        idempotency_key,
        options: Default::default(),
    }
}

fn main() {}
