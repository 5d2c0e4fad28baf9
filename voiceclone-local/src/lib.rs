//! Voice matching and audio preparation that run on this machine, with no key and no network.
pub mod preprocess;
