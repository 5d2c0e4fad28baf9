//! voiceclone-local

#[cfg_attr(not(test), expect(dead_code, reason = "the builtin engine that speaks its phrases is not here yet"))]
mod text;
