//! How a command can end badly: what a person is told, and the exit code.
use std::{io, path::Path, process::ExitCode};

use voiceclone_core::{Error, ErrorKind};

use crate::terminal;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request itself cannot be carried out; nothing was begun.
    Usage(String),
    /// It was begun and failed.
    Failed(Error),
    /// It failed in a way that the command's own output tells.
    Told,
    /// Stopped by the user.
    Interrupted,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) | Self::Told => 1,
            Self::Usage(_) => 2,
            // As shells say it: 128 and the number of SIGINT.
            Self::Interrupted => INTERRUPTED,
        }
        .into()
    }

    /// Says it on standard error; `verbose` adds the causes.
    pub(crate) fn tell(&self, verbose: bool) {
        match self {
            Self::Usage(message) => terminal::err(format_args!("error: {message}")),
            Self::Failed(error) => {
                terminal::err(format_args!("error: {}\n{}", error.message(), advice(error.kind())));
                if verbose {
                    terminal::err(format_args!("cause: {}", error.chain()));
                }
            }
            Self::Told => {}
            Self::Interrupted => terminal::err("stopped"),
        }
    }
}

/// The exit code of what was stopped by the user.
pub(crate) const INTERRUPTED: u8 = 130;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Error::unexpected(format!("the runtime could not start: {error}")).into()
    }
}

/// A failed file operation, with the path and the system's own words.
pub(crate) fn io_failed(what: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what} {}: {error}", path.display())).with_source(error)
}

/// What to do about an error of this kind.
pub(crate) fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "Correct the text, the recording or the option that is named, then run it again.",
        ErrorKind::Unsupported => "Leave the option out, or choose a value that the provider offers.",
        ErrorKind::ConsentRequired => "Ask the person in the recording, then add --i-have-consent.",
        ErrorKind::Config | ErrorKind::NotFound => "Check the options of the provider.",
        ErrorKind::PermissionDenied => "Check who may write there.",
        ErrorKind::Unauthenticated => "Check the provider's key.",
        ErrorKind::QuotaExceeded => "Raise the plan or the budget at the provider, then run it again.",
        ErrorKind::RateLimited | ErrorKind::Timeout | ErrorKind::Unavailable => {
            "Run it again; what is finished is not done twice. For a full disk, make room first."
        }
        ErrorKind::Cancelled => "Run it again to have it spoken.",
        _ => "Run it again; if it comes back, report it with what -v prints.",
    }
}
