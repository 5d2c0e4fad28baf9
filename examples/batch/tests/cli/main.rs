//! The program as a user meets it: the real binary, real files, exit codes and words.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; clippy.toml allows this in test functions only"
)]
mod bad_input;
mod harness;
mod interrupted;
mod manifest;
mod resume;
mod say;
