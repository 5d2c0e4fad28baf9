//! Samples, voices, consent and jobs: the seams and the engine of voiceclone.
pub mod audio;
mod error;
pub mod id;
pub mod text;

pub use error::{Error, ErrorKind, ProviderFailure, Result, Retry};
