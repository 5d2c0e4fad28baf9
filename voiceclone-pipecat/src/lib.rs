//! A Pipecat pipeline behind the seams of voiceclone: the only room that knows its wire (protobuf frames, RTVI).
//!
//! Not built yet. The crate holds the place in the workspace, so that the dependency rule guards it from the first line.
