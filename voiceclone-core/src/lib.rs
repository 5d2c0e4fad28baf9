//! Samples, voices, consent and jobs: the seams and the engine of voiceclone.
//!
//! Consented recordings in, speech in the voice of the person out, through whichever provider the application plugs in.
//! This crate knows no provider, no database and no protocol. It has the traits they implement and the engine that
//! drives them.
//!
//! ```
//! use voiceclone_core::{
//!     Result,
//!     consent::Consent,
//!     engine::{Engine, Provider, Upload},
//!     id::OwnerId,
//!     preprocess::Preprocessor,
//!     speak::SpeakRequest,
//!     synth::Synthesizer,
//!     worker::WorkerConfig,
//! };
//!
//! /// Any provider and any preprocessor; `voiceclone-local` has one of each that need no key and no network.
//! async fn hear(speech: impl Synthesizer, cleaning: impl Preprocessor) -> Result<()> {
//!     let provider = Provider::new("mine", speech)?;
//!     let engine = Engine::builder().provider(provider).preprocessor(cleaning).build()?;
//!     let worker = engine.start_worker(WorkerConfig::default());
//!     let owner = OwnerId::new("me")?;
//!
//!     let recording = engine.ingest(&owner, Upload::from_file("me.wav", Consent::by_subject("Ada Lovelace"))?).await?;
//!     let job = engine.submit(&owner, SpeakRequest::new(recording.sample.id, "It speaks.")?, None).await?;
//!     job.output().await?;
//!     let _wav = engine.audio(&owner, job.id(), None).await?.chunks;
//!     worker.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # Who drives whom
//! - The application calls the [`engine`]. Verbs that may take long queue a job and give back a
//!   [`JobHandle`](engine::JobHandle).
//! - A [`worker`] claims jobs from the [job store](store::JobStore) and lets the engine do them. Any number of them, in
//!   any number of processes, may work over the same stores.
//! - The engine calls the seams: [`preprocess`] once for each recording, [`cloner`] where a provider must be told a voice,
//!   [`synth`] for each segment of a text, [`mark`] for each finished file, [`store`] for everything that is kept.
//! - Around each provider are [`layers`]: checks, retries, limits, timeouts. Above them are a fallback and an optional cache.
//! - A provider pushes nothing. It answers a call with a [`stream`], which the engine pulls; dropping it cancels.
//!
//! # Where things are
//! - [`domain`], [`id`], [`consent`], [`speak`]: records, names and requests, without behaviour beyond their own rules.
//! - [`audio`]: bytes of a known format, decoding and encoding. [`text`]: what can be spoken, and where it may be cut.
//! - [`memory`]: stores that forget; what an engine uses that is given none.
//! - [`observe`]: what logs and metrics see.
//! - `testkit` (feature `testkit`): fakes, faults, and a conformance suite for every seam. Feature `mock`: mockall mocks.
//! - [`docs`]: the guides.
pub mod audio;
pub mod cloner;
pub mod consent;
pub mod docs;
pub mod domain;
pub mod engine;
mod error;
pub mod id;
pub mod layers;
pub mod mark;
pub mod memory;
pub mod observe;
pub mod preprocess;
pub mod speak;
pub mod store;
pub mod stream;
pub mod synth;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod text;
pub mod worker;

pub use async_trait::async_trait;
pub use error::{Error, ErrorKind, ProviderFailure, Result, Retry};
