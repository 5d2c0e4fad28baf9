//! Values as columns hold them. Knows no column.
use serde::Serialize;
use voiceclone_core::{Error, Result, domain::JobState};

/// A count as SQL keeps it; more than it can hold is as good as the most.
pub(crate) fn count(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

pub(crate) fn to_json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::unexpected("a record cannot be written as JSON").with_source(e))
}

pub(crate) fn unreadable(column: &'static str, why: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unexpected("a stored record cannot be read").with("column", column).with_source(why)
}

pub(crate) fn state(name: &str) -> Result<JobState> {
    let state = JobState::ALL.into_iter().find(|state| state.as_str() == name);
    state.ok_or_else(|| {
        Error::unexpected("a stored job has a state that this version does not know").with("state", name)
    })
}
