//! voiceclone-local

pub mod acoustic;
pub mod analysis;
pub mod matching;
pub mod speech;
pub mod vocoder;
