//! How the errors of object stores and databases become the one error of the house.
mod object;

#[cfg(feature = "_sql")]
use voiceclone_core::{Error, ErrorKind};

pub(crate) use object::object;
#[cfg(feature = "_http")]
pub(crate) use object::opening;

/// What the library below said, fit for a log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Report(String);

/// The one thing that a trigger of ours refuses.
#[cfg(feature = "_sql")]
const BLOB_IS_GONE: &str = "the stored bytes were removed in the meantime, send them again";

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

/// Whether SQLite gave up because of somebody else's lock (`SQLITE_BUSY`, `SQLITE_LOCKED`).
#[cfg(feature = "sqlite")]
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(failure) = error else { return false };
    let code = failure.code().and_then(|code| code.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(5 | 6))
}

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
        // A server that goes away while a connection is made is read as an answer of zeros, which breaks the protocol.
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => {
            (ErrorKind::Unavailable, "the connection to the database failed")
        }
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
        "VC001" => (ErrorKind::Conflict, BLOB_IS_GONE),
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
    fn a_server_that_goes_away_while_it_is_connected_to_may_come_back() {
        let cut = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        let error = postgres(cut);
        assert!(error.kind() == ErrorKind::Unavailable && error.is_retryable(), "{error:?}");
    }

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
}
