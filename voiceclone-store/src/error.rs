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

/// What SQLite's trigger says when a record names bytes that are being removed. PostgreSQL has a code of its own for it.
#[cfg(feature = "sqlite")]
const REMOVED: &str = "a record names a blob that is being removed";
#[cfg(feature = "_sql")]
const SEND_AGAIN: &str = "the stored bytes were removed in the meantime, send them again";

/// A database's error. What must be told apart by the caller, such as a taken id, never gets here: the statements
/// answer it with no row.
#[cfg(feature = "sqlite")]
pub(crate) fn sql(error: sqlx::Error) -> Error {
    let (kind, message) = match &error {
        sqlx::Error::Database(failure) if failure.message().contains(REMOVED) => {
            return Error::new(ErrorKind::Conflict, SEND_AGAIN).with_source(error);
        }
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

/// By SQLite's primary result code, the low byte of the extended one (<https://www.sqlite.org/rescode.html>).
#[cfg(feature = "sqlite")]
fn sqlite(code: Option<&str>) -> (ErrorKind, &'static str) {
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
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
    migration_of(error, sql)
}

#[cfg(feature = "_sql")]
fn migration_of(error: sqlx::migrate::MigrateError, sql: impl Fn(sqlx::Error) -> Error) -> Error {
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

/// PostgreSQL's error, or that of the way to it. Its details may repeat values of a row and its settings, so only the
/// code and the main sentence are kept.
#[cfg(feature = "postgres")]
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over, of which nothing else is kept")]
pub(crate) fn postgres(error: sqlx::Error) -> Error {
    let (kind, message) = match &error {
        sqlx::Error::Database(failure) => {
            let code = failure.code().unwrap_or_default();
            let (kind, message) = sqlstate(&code);
            return Error::new(kind, message).with_source(Report(format!("{code}: {}", failure.message())));
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (ErrorKind::Unavailable, "the database has no connection to give")
        }
        sqlx::Error::Io(_) => (ErrorKind::Unavailable, "the connection to the database failed"),
        sqlx::Error::Tls(_) => (ErrorKind::Config, "the database cannot be reached over TLS as configured"),
        sqlx::Error::Configuration(_) => (ErrorKind::Config, "the database cannot be reached as configured"),
        _ => (ErrorKind::Unexpected, "the database answered what we cannot read"),
    };
    Error::new(kind, message).with_source(Report(error.to_string()))
}

/// By the code of the error (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
#[cfg(feature = "postgres")]
fn sqlstate(code: &str) -> (ErrorKind, &'static str) {
    match code {
        "VC001" => (ErrorKind::Conflict, SEND_AGAIN),
        "22P05" | "22021" => (ErrorKind::InvalidInput, "a value holds a NUL character, which the database cannot keep"),
        "40001" | "40P01" => (ErrorKind::Unavailable, "the database is busy with a change to the same row"),
        "42P01" | "3F000" => (ErrorKind::Config, "the database has no tables of this library: run migrate"),
        "42501" => (ErrorKind::Config, "the database's role may not do this"),
        "3D000" => (ErrorKind::Config, "there is no such database"),
        "53100" => (ErrorKind::Unavailable, "the disk of the database is full"),
        "53300" => (ErrorKind::Unavailable, "the database has no connection to give"),
        "57014" => (ErrorKind::Timeout, "the database did not finish a statement in time"),
        "57P01" | "57P02" | "57P03" => (ErrorKind::Unavailable, "the database is stopping or starting"),
        "25006" => (ErrorKind::Unavailable, "the database takes no changes: it is a standby"),
        _ => match code.get(..2) {
            Some("08") => (ErrorKind::Unavailable, "the connection to the database failed"),
            Some("28") => (ErrorKind::Config, "the database refused our credentials"),
            Some("53" | "58") => (ErrorKind::Unavailable, "the database is short of something"),
            _ => (ErrorKind::Unexpected, "the database refused a statement"),
        },
    }
}

/// Whether the connection can be used again: the server answered, and did not end the session with it.
#[cfg(feature = "postgres")]
pub(crate) fn leaves_a_good_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(failure) => {
            let code = failure.code().unwrap_or_default();
            !code.starts_with("08") && !code.starts_with("57P") && !code.starts_with("25")
        }
        _ => false,
    }
}

/// A migration that could not be applied.
#[cfg(feature = "postgres")]
pub(crate) fn postgres_migration(error: sqlx::migrate::MigrateError) -> Error {
    migration_of(error, postgres)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "postgres")]
    #[test]
    fn a_caller_learns_from_a_code_what_to_do() {
        use ErrorKind::{Config, Conflict, InvalidInput, Timeout, Unavailable, Unexpected};
        let expected = [
            (Unavailable, "08006 08P01 40001 40P01 53000 53100 53300 57P01 57P02 57P03 58030"),
            (Config, "28P01 28000 3D000 42501 42P01 3F000"),
            (InvalidInput, "22P05 22021"),
            (Timeout, "57014"),
            (Conflict, "VC001"),
            (Unexpected, "23514 42601 XX000 0 "),
        ];
        for (kind, codes) in expected {
            for code in codes.split(' ') {
                assert_eq!(sqlstate(code).0, kind, "{code}");
            }
        }
        assert!(sqlstate("53100").1.contains("disk") && sqlstate("42P01").1.contains("migrate"));
    }

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
