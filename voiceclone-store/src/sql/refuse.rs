//! What a store says when a statement changed no row.
use std::fmt;

use voiceclone_core::{
    Error, ErrorKind, Result,
    domain::{Job, Version},
    id::{JobId, LeaseId},
    store::Enqueued,
};

pub(crate) fn lease_lost(lease: LeaseId) -> Error {
    Error::new(ErrorKind::LeaseLost, "the job has ended or another worker holds it").with("lease", lease)
}

pub(crate) fn job_id_taken(id: JobId) -> Error {
    Error::new(ErrorKind::AlreadyExists, "there is a job of this id").with("job", id)
}

/// What queueing comes to if there is a `job` with its key: whether that asked for the same tells.
pub(crate) fn key_taken(job: Job, asks_the_same: bool) -> Result<Enqueued> {
    if asks_the_same {
        return Ok(Enqueued::Existing(job));
    }
    let message = "this idempotency key came with another request before";
    Err(Error::new(ErrorKind::Conflict, message).with("job", job.id))
}

pub(crate) fn job_goes_on(id: JobId) -> Error {
    Error::new(ErrorKind::Conflict, "the job has not ended").with("job", id)
}

pub(crate) fn record_id_taken(what: &'static str, id: impl fmt::Display) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("there is a {what} of this id")).with(what, id)
}

/// Why a record that is there could not be replaced: its version, or its state.
pub(crate) fn not_replaced(what: &'static str, id: impl fmt::Display, asked: Version, kept: Version) -> Error {
    let why = if kept == asked { "cannot change its state so" } else { "was changed by somebody else" };
    Error::new(ErrorKind::Conflict, format!("the {what} {why}")).with(what, id)
}
