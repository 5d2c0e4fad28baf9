//! voiceclone-store
