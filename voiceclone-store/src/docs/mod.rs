//! The guides of storage. Text only; it lives here so that it has the version of the code it is about.
#[doc = include_str!("scale_out.md")]
pub mod scale_out {}
