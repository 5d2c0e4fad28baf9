//! Voice matching and audio preparation that run on this machine, with no key and no network.
pub mod preprocess;
#[cfg_attr(not(test), expect(dead_code, reason = "the builtin engine that speaks its phrases is not here yet"))]
mod text;
