//! voiceclone-cartesia
