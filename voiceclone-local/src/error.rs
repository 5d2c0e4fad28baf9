//! The one place where this crate's errors become the house's.
use voiceclone_core::{Error, ErrorKind};

use crate::{acoustic::AcousticError, matching::MatchingError, text::TextError};

/// A text that cannot be read is the caller's matter; anything else of the front end is ours.
pub(crate) fn of_text(error: TextError) -> Error {
    match error {
        TextError::Asset { .. } | TextError::Pattern(_) | TextError::Network(_) => {
            Error::unexpected("the text front end failed").with_source(error)
        }
        _ => Error::invalid(error.to_string()),
    }
}

/// Phonemes come from our own front end, so no failure here is the caller's.
pub(crate) fn of_acoustic(error: AcousticError) -> Error {
    Error::unexpected("the acoustic network failed").with_source(error)
}

/// A clip that gives no profile is the caller's matter, unless our own base voice failed.
pub(crate) fn of_matching(error: MatchingError) -> Error {
    match error {
        MatchingError::Resample(_) | MatchingError::BaseVoice(_) => {
            Error::unexpected("the voice could not be matched").with_source(error)
        }
        _ => Error::new(ErrorKind::InvalidInput, error.to_string()),
    }
}
