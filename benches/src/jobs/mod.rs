//! The job queue, measured from outside: what the clients do, the server they do it with, and what came of it.
//!
//! A client is a process of its own, ours (`src/bin/queue.rs`) like the peer's, and says on its standard output what it
//! did, one line each: the words are in [`process`].
pub mod cluster;
pub mod contest;
pub mod fairness;
pub mod heartbeats;
pub mod idle;
pub mod load;
pub mod meter;
pub mod peer;
pub mod process;
pub mod raw;
pub mod rescue;
pub mod sqlite;
pub mod stores;
pub mod table;
pub mod throughput;
pub mod wakeup;
pub mod watched;
