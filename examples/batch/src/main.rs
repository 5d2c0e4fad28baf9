//! Batch runner.
fn main() {}
