//! How the errors of object stores and databases become the one error of the house.
//!
//! What an object store says may hold signed URLs and local paths, so it goes to the log only, without query strings.
use std::{error::Error as StdError, io};

use object_store::Error as ObjectError;
use voiceclone_core::{Error, ErrorKind};

/// What the library below said, fit for a log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Report(String);

/// An object store's error about the blob under `key`.
pub(crate) fn object(error: &ObjectError, key: &str) -> Error {
    let unlike_key = match error {
        ObjectError::NotFound { .. } => return Error::not_found("blob", key),
        ObjectError::AlreadyExists { .. } | ObjectError::Precondition { .. } => {
            Error::new(ErrorKind::AlreadyExists, "there is a blob under this key")
        }
        ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => {
            Error::unsupported("the object store cannot do this")
        }
        ObjectError::PermissionDenied { .. } | ObjectError::Unauthenticated { .. } => {
            Error::new(ErrorKind::Config, "the object store refused our credentials")
        }
        ObjectError::UnknownConfigurationKey { .. } => {
            Error::new(ErrorKind::Config, "the object store was configured with a setting it does not know")
        }
        ObjectError::InvalidPath { .. } => Error::unexpected("the object store refused the form of a key"),
        other => match io_kind(other) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Error::new(ErrorKind::Unavailable, "the disk of the object store is full")
            }
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                Error::new(ErrorKind::Config, "the object store's directory may not be written or read")
            }
            Some(io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory) => {
                Error::invalid("this key and that of another blob cannot both be paths of files")
            }
            _ => Error::new(ErrorKind::Unavailable, "the object store failed"),
        },
    };
    unlike_key.with("key", key).with_source(Report(without_queries(&error.to_string())))
}

/// The first input or output error among an error's causes.
fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// The text with every URL cut before its query, where signatures are.
fn without_queries(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | '>' | ',');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let url_end = rest[scheme..].find(is_end).map_or(rest.len(), |n| scheme + n);
        let (url, after) = rest.split_at(url_end);
        out.push_str(url.split(['?', '#']).next().unwrap_or_default());
        rest = after;
    }
    out + rest
}

/// A database's error. What must be told apart by the caller, such as a taken id, never gets here: the statements
/// answer it with no row.
#[cfg(feature = "sqlite")]
pub(crate) fn sql(error: sqlx::Error) -> Error {
    let (kind, message) = match &error {
        sqlx::Error::Database(failure) => sqlite(failure.code().as_deref()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (ErrorKind::Unavailable, "the database has no connection to give")
        }
        sqlx::Error::Io(_) => (ErrorKind::Unavailable, "the database failed"),
        sqlx::Error::Configuration(_) => (ErrorKind::Config, "the database cannot be opened as configured"),
        _ => (ErrorKind::Unexpected, "the database answered what we cannot read"),
    };
    Error::new(kind, message).with_source(error)
}

/// The one thing that a trigger of ours refuses.
#[cfg(feature = "_sql")]
const BLOB_IS_GONE: &str = "the record names a blob that is gone or being removed";

/// `SQLITE_CONSTRAINT_TRIGGER`: a trigger raised it.
#[cfg(feature = "sqlite")]
const RAISED: i32 = 1811;

/// By SQLite's primary result code, the low byte of the extended one (<https://www.sqlite.org/rescode.html>).
#[cfg(feature = "sqlite")]
fn sqlite(code: Option<&str>) -> (ErrorKind, &'static str) {
    let code = code.and_then(|code| code.parse::<i32>().ok());
    if code == Some(RAISED) {
        return (ErrorKind::Conflict, BLOB_IS_GONE);
    }
    match code.map(|code| code & 0xff) {
        Some(13) => (ErrorKind::Unavailable, "the disk of the database is full"),
        Some(5 | 6) => (ErrorKind::Unavailable, "the database is busy with another writer"),
        Some(10) => (ErrorKind::Unavailable, "the disk of the database failed"),
        Some(3 | 8 | 14 | 23) => (ErrorKind::Config, "the database file cannot be opened or written"),
        Some(11 | 26) => (ErrorKind::Unexpected, "the database file is damaged or not a database"),
        _ => (ErrorKind::Unexpected, "the database refused a statement"),
    }
}

/// A migration that could not be applied.
#[cfg(feature = "sqlite")]
pub(crate) fn migration(error: sqlx::migrate::MigrateError) -> Error {
    match error {
        sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
            sql(error)
        }
        other => {
            let message = "the database's tables are not those of this version of the library";
            Error::new(ErrorKind::Config, message).with_source(other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl StdError + Send + Sync + 'static) -> ObjectError {
        ObjectError::Generic { store: "test", source: Box::new(source) }
    }

    #[test]
    fn a_full_disk_is_named_and_may_pass() {
        let error = object(&generic(io::Error::from(io::ErrorKind::StorageFull)), "a/b");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("full") && error.is_retryable(), "{error}");
    }

    #[test]
    fn a_signature_reaches_neither_the_message_nor_the_log() {
        let said = "error sending request for url (https://s3.example/b/k?X-Amz-Signature=abc123&x=1): timed out";
        let error = object(&generic(io::Error::other(said)), "b/k");
        assert!(!error.message().contains("s3.example"));
        let log = error.chain();
        assert!(log.contains("https://s3.example/b/k): timed out") && !log.contains("abc123"), "{log}");
    }

    #[test]
    fn text_without_a_url_stays_as_it_is() {
        for text in ["", "why? because", "a://", "x://h?q y://g#f z"] {
            let kept = without_queries(text);
            assert!(!kept.contains("q y") && (text.contains("://") || kept == text), "{text}: {kept}");
        }
        assert_eq!(without_queries("x://h?q y://g#f z"), "x://h y://g z");
    }
}
