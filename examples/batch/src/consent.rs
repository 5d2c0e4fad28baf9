//! The consent that a command is run under. The person at the keyboard gives it; nothing assumes it.
use voiceclone_core::consent::{Consent, DEFAULT_STATEMENT, Relationship};

use crate::failure::Failure;

/// Who is heard, where nobody said a name.
pub(crate) const UNNAMED: &str = "the person in the recording";

/// Refuses to go on unless consent was given on the command line.
pub(crate) fn require(given: bool) -> Result<(), Failure> {
    if given {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "consent is needed before a voice is made from a recording.\n\
         The statement:\n\n  {DEFAULT_STATEMENT}\n\n\
         If you can say this, add --i-have-consent."
    )))
}

/// The consent of `subject`, as the operator of this command states it.
pub(crate) fn of(subject: &str) -> Consent {
    let stated = Relationship::Other("the operator, who stated it on the command line".to_owned());
    Consent::by_subject(subject).attested_by("the operator of voiceclone-batch", stated)
}
