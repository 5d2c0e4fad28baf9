//! Composes the seams: recordings in, voices made of them, speech out.
//!
//! An [`Engine`] is cheap to clone and knows no provider, store or protocol by name. Verbs that may take long only queue a
//! job; a [`Worker`](crate::worker::Worker) of this or any other process over the same stores does it. Data walks one
//! way: `ingest` → `prepare` → `resolve` → `speak` (live) or `render` (job) → `join` → marker → store.
mod builder;
mod direct;
mod enroll;
mod erase;
mod housekeeping;
mod ingest;
mod jobs;
mod join;
mod keys;
mod prepare;
mod records;
mod render;
mod resolve;
mod revoke;
mod route;
mod segments;
mod speak;
mod stop;
mod sweep;

use std::sync::Arc;

pub use builder::{EngineBuilder, EngineLimits, Provider};
pub use direct::{DirectUpload, UploadSlot};
pub use housekeeping::{HousekeepingConfig, Pruned, RunningHousekeeping, SweptClones, SweptOwners};
pub use ingest::{Ingested, Upload};
pub use jobs::JobHandle;
pub use speak::Speech;
pub use sweep::Swept;

pub(crate) use enroll::is_still_enrolling;
pub(crate) use records::is_still_preparing;
pub(crate) use render::ProgressSink;
pub(crate) use stop::is_still_stopping;

use crate::{
    consent::ConsentPolicy,
    layers::SpeechCache,
    mark::Marker,
    observe::Observer,
    preprocess::Preprocessor,
    store::{BlobStore, Catalog, JobStore},
};

/// The library's front door. See the module's doc.
#[derive(Debug, Clone)]
pub struct Engine(pub(crate) Arc<Parts>);

/// What an engine is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) providers: Vec<route::Plugged>,
    pub(crate) preprocessor: Arc<dyn Preprocessor>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) jobs: Arc<dyn JobStore>,
    pub(crate) marker: Arc<dyn Marker>,
    pub(crate) consent: ConsentPolicy,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) cache: Option<SpeechCache>,
    pub(crate) limits: EngineLimits,
    pub(crate) clips: resolve::ClipCache,
    pub(crate) enrolments: enroll::Enrolments,
}
