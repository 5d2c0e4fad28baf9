//! Providers, stores and an observer that behave as they are told: honest unless a fault is planned, and counting what
//! they were asked. Their clones share one state, so a test keeps a clone of what it plugs in.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> voiceclone_core::Result<()> {
//! use voiceclone_core::{engine::{Engine, Provider}, testkit::fakes::{Fault, PassThroughPreprocessor, ToneSynthesizer, When}};
//! let tone = ToneSynthesizer::by_reference().with_fault(When::call(2), Fault::EndsWithoutDone);
//! let engine = Engine::builder()
//!     .provider(Provider::new("tone", tone.clone())?)
//!     .preprocessor(PassThroughPreprocessor::default())
//!     .build()?;
//! assert_eq!(tone.calls(), 0);
//! # drop(engine); Ok(()) }
//! ```
mod cloner;
mod flaky;
mod observer;
mod pass_through;
mod script;
mod signing;
mod sound;
mod tone;

pub use cloner::{CloneFault, FakeAccount, FakeCloner};
pub use flaky::{FlakyBlobs, FlakyCatalog, FlakyJobs, StoreFault};
pub use observer::{Ended, Recorded, RecordingObserver};
pub use pass_through::PassThroughPreprocessor;
pub use script::When;
pub use signing::SigningBlobs;
pub use sound::{reference_voice, voice_like};
pub use tone::{Fault, ToneSynthesizer};

use crate::{
    consent::{Consent, ConsentPolicy, Permit, Purpose},
    error::Result,
    id::OwnerId,
};

/// A permit as the engine issues them, on the consent of nobody in particular.
///
/// # Errors
/// Never, as long as the default policy takes a plain consent.
pub fn permit() -> Result<Permit> {
    let consent = [Consent::by_subject("Nobody in particular")];
    ConsentPolicy::default().permit(&OwnerId::new("testkit")?, &consent, Purpose::SpeechSynthesis, chrono::Utc::now())
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
