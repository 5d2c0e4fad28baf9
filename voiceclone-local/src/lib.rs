//! Voice matching and audio preparation that run on this machine, with no key and no network.
pub mod acoustic;
pub mod analysis;
mod blocking;
pub mod builtin;
mod error;
pub mod matching;
pub mod picture;
pub mod preprocess;
pub mod speech;
mod text;
pub mod vocoder;

pub use builtin::Builtin;
pub use preprocess::LocalPreprocessor;

/// The README's code, compiled.
#[doc = include_str!("../../README.md")]
#[cfg(doctest)]
struct Readme;
