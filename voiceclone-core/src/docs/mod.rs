//! The guides: how the house is built and why, how to plug in a provider, how to test, how to run it, how to upgrade.
//!
//! Text only. It lives here so that it has the version of the code it is about, and so that its examples are compiled.
#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("custom_provider.md")]
pub mod custom_provider {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("upgrade.md")]
pub mod upgrade {}
