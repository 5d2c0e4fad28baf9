//! How the errors of object stores and databases become the one error of the house.
mod object;

#[cfg(feature = "sqlite")]
use voiceclone_core::{Error, ErrorKind};

pub(crate) use object::{object, opening};

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
