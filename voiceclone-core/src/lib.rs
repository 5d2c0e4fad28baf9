//! Samples, voices, consent and jobs: the seams and the engine of voiceclone.
pub mod audio;
pub mod cloner;
pub mod consent;
pub mod domain;
mod error;
pub mod id;
pub mod mark;
pub mod memory;
pub mod observe;
pub mod preprocess;
pub mod speak;
pub mod store;
pub mod stream;
pub mod synth;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod text;

pub use async_trait::async_trait;
pub use error::{Error, ErrorKind, ProviderFailure, Result, Retry};
