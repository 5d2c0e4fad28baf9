//! Lines to a person. A reader that went away, such as a closed pipe, is no reason to stop working.
use std::{fmt::Display, io::Write as _};

/// The product of a command.
pub(crate) fn out(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Everything else.
pub(crate) fn err(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
