//! Names of things: time-ordered ids of our own objects, and validated names given by applications and providers.
//!
//! Our ids are UUIDs of version 7 with a prefix on the wire (`smp_…`), so that a log line says what it names and ids sort
//! by creation time.
use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{Error, Result};

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What the wire form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, greater than every id made before it by this process.
            #[expect(clippy::new_without_default, reason = "an id is an event, not a default value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id a store kept.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a store keeps it.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(s: &str) -> Result<Self> {
                s.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| {
                        Error::invalid(concat!($what, " id must be \"", $prefix, "\" and 32 hexadecimal digits"))
                    })
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(s: String) -> Result<Self> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

prefixed_id!(
    /// One recording.
    SampleId, "smp_", "a sample"
);
prefixed_id!(
    /// A named identity made of one or more recordings.
    VoiceId, "voc_", "a voice"
);
prefixed_id!(
    /// One piece of queued work.
    JobId, "job_", "a job"
);
prefixed_id!(
    /// One claim of one job: the fence that every write of an attempt names.
    LeaseId, "lea_", "a lease"
);
prefixed_id!(
    /// One statement of consent.
    ConsentId, "con_", "a consent"
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes a name.
            ///
            /// # Errors
            /// `InvalidInput` if it is empty, too long, or holds a control character or white space at an end.
            pub fn new(name: impl AsRef<str>) -> Result<Self> {
                let name = name.as_ref();
                let chars = name.chars().count();
                if chars == 0 || chars > $max || name.trim() != name || name.chars().any(char::is_control) {
                    return Err(Error::invalid(concat!(
                        $what, " must have 1 to ", stringify!($max),
                        " characters, no control characters and no white space at its ends"
                    )).with("characters", chars));
                }
                Ok(Self(name.into()))
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(s: &str) -> Result<Self> {
                Self::new(s)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(s: String) -> Result<Self> {
                Self::new(s)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

text_id!(
    /// Who owns a record, in the application's own terms. Every query is scoped by it.
    OwnerId, "an owner", 255
);
text_id!(
    /// The application's name of a provider it plugged in, such as `builtin`.
    ProviderId, "a provider", 64
);
text_id!(
    /// A voice's id at its provider. Derived and disposable: the recording is the root.
    ProviderVoiceId, "a provider's voice id", 255
);
text_id!(
    /// The caller's name of one request, so that sending it again makes nothing new.
    IdempotencyKey, "an idempotency key", 255
);
text_id!(
    /// Names an algorithm with all its parameters, or a content by its hash: equal fingerprints, equal results.
    Fingerprint, "a fingerprint", 512
);

impl Fingerprint {
    /// The SHA-256 of `parts`, each preceded by its length so that no two lists of parts collide.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hex(&hash.finalize()).into())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_wire_and_says_what_it_names() {
        let id = SampleId::new();
        let wire = id.to_string();
        assert!(wire.starts_with("smp_") && wire.len() == 36);
        assert_eq!(wire.parse::<SampleId>().unwrap(), id);
        assert_eq!(serde_json::from_str::<SampleId>(&format!("\"{wire}\"")).unwrap(), id);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let voice = VoiceId::new().to_string();
        let error = voice.parse::<SampleId>().unwrap_err();
        assert!(error.message().contains("smp_"), "{error}");
    }

    #[test]
    fn ids_sort_by_creation() {
        let ids: Vec<_> = (0..100).map(|_| JobId::new()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn names_are_checked() {
        assert!(OwnerId::new("user-7").is_ok());
        for bad in ["", " x", "x\n", "a\u{0}b", &"x".repeat(256)] {
            assert!(OwnerId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn fingerprints_of_differently_cut_parts_differ() {
        let parts = |p: &[&str]| Fingerprint::of(p.iter().map(|s| s.as_bytes()));
        assert_ne!(parts(&["ab", "c"]), parts(&["a", "bc"]));
        assert_eq!(parts(&["ab", "c"]), parts(&["ab", "c"]));
    }
}
