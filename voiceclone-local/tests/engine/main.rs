//! The builtin engine and the preparation inside a whole [`Engine`](voiceclone_core::engine::Engine).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "functions that tests share fail as tests do"
)]
mod bad_recordings;
mod bad_texts;
mod builtin;
mod house;
