//! Where the engine keeps its blobs. Everything of one owner is below one prefix, so that it can be swept and erased;
//! the owner's own name is never in a key.
use crate::{
    error::Result,
    id::{Fingerprint, JobId, LeaseId, OwnerId, SampleId},
    store::BlobKey,
};

/// Everything of everybody.
pub(crate) fn owners() -> Result<BlobKey> {
    BlobKey::new("owners")
}

/// What [`owner`] gives for the owner of a blob below [`owners`].
pub(crate) fn owner_in(key: &BlobKey) -> Option<BlobKey> {
    let (hash, _) = key.as_str().strip_prefix("owners/")?.split_once('/')?;
    BlobKey::new(format!("owners/{hash}")).ok()
}

/// Everything of one owner.
pub(crate) fn owner(owner: &OwnerId) -> Result<BlobKey> {
    let hash = Fingerprint::of([owner.as_str().as_bytes()]);
    BlobKey::new(format!("owners/{}", hash.as_str().get(..32).unwrap_or_default()))
}

fn below(prefix: &BlobKey, rest: impl std::fmt::Display) -> Result<BlobKey> {
    BlobKey::new(format!("{prefix}/{rest}"))
}

/// Everything of one recording.
pub(crate) fn sample(of: &OwnerId, id: SampleId) -> Result<BlobKey> {
    below(&owner(of)?, format_args!("samples/{id}"))
}

/// Where somebody may put a recording themself, until it is taken as this sample.
pub(crate) fn upload(of: &OwnerId, id: SampleId) -> Result<BlobKey> {
    below(&owner(of)?, format_args!("uploads/{id}"))
}

/// An upload as it came.
pub(crate) fn original(of: &OwnerId, id: SampleId, sha256: &str) -> Result<BlobKey> {
    below(&sample(of, id)?, format_args!("original-{sha256}"))
}

/// A clean clip.
pub(crate) fn processed(of: &OwnerId, id: SampleId, fingerprint: &Fingerprint) -> Result<BlobKey> {
    below(&sample(of, id)?, format_args!("processed-{fingerprint}.wav"))
}

/// Everything of one job.
pub(crate) fn job(of: &OwnerId, id: JobId) -> Result<BlobKey> {
    below(&owner(of)?, format_args!("jobs/{id}"))
}

/// One spoken segment, named by what was asked: a later attempt finds it and does not pay again.
pub(crate) fn segment(of: &OwnerId, id: JobId, fingerprint: &Fingerprint) -> Result<BlobKey> {
    below(&job(of, id)?, format_args!("segment-{fingerprint}"))
}

/// What the provider could not do exactly as asked in a segment, where there is something to say.
pub(crate) fn warnings(segment: &BlobKey) -> Result<BlobKey> {
    BlobKey::new(format!("{segment}.warnings"))
}

/// The result of one attempt. Attempts never share a key, so none can overwrite another's result.
pub(crate) fn result(of: &OwnerId, id: JobId, lease: LeaseId, extension: &str) -> Result<BlobKey> {
    below(&job(of, id)?, format_args!("{lease}.{extension}"))
}
