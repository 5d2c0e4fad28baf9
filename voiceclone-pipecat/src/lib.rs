//! voiceclone-pipecat
