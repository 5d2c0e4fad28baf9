//! voiceclone-local
