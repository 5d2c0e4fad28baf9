//! voiceclone-core
