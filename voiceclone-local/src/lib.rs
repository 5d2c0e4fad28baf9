//! voiceclone-local

pub mod acoustic;
pub mod analysis;
pub mod vocoder;
