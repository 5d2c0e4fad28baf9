//! One error for the whole house: what a caller can act on, whether trying again may help, and what happened.
//!
//! Two audiences read an error. [`Error::message`] is ours and safe to show to a client; [`Error::chain`] adds context,
//! the provider's answer and every source, and goes to the log only. `Display` never prints the source, so a log that
//! walks the chain says each thing once. Keys belong in neither: adapters keep them in a secret type.
use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in the terms a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be met as written; changing it can help.
    InvalidInput,
    /// The application put the parts together wrongly.
    Config,
    /// The provider or store lacks what was asked.
    Unsupported,
    /// No such object, or none that this owner may see.
    NotFound,
    /// The object exists already.
    AlreadyExists,
    /// Another writer won, or a key was used for something else.
    Conflict,
    /// No identity, or one that was not accepted.
    Unauthenticated,
    /// A known identity that may not do this.
    PermissionDenied,
    /// No valid consent covers this use of the voice.
    ConsentRequired,
    /// A plan or budget is used up; waiting does not help.
    QuotaExceeded,
    /// Too many calls; waiting helps.
    RateLimited,
    /// Something took longer than it was allowed.
    Timeout,
    /// A dependency cannot be reached or is failing.
    Unavailable,
    /// The caller or the operator stopped it.
    Cancelled,
    /// Another worker holds the job now.
    LeaseLost,
    /// A peer broke its own contract.
    Protocol,
    /// A defect: ours, or one nobody foresaw.
    Unexpected,
}

impl ErrorKind {
    /// Every kind, for tables that must place each of them.
    pub const ALL: [Self; 17] = [
        Self::InvalidInput,
        Self::Config,
        Self::Unsupported,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::ConsentRequired,
        Self::QuotaExceeded,
        Self::RateLimited,
        Self::Timeout,
        Self::Unavailable,
        Self::Cancelled,
        Self::LeaseLost,
        Self::Protocol,
        Self::Unexpected,
    ];

    const fn default_retry(self) -> Retry {
        match self {
            Self::RateLimited | Self::Timeout | Self::Unavailable => Retry::After(None),
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).ok();
        f.write_str(name.as_ref().and_then(|v| v.as_str()).unwrap_or("unexpected"))
    }
}

/// Whether the same call may be made again. Decided where the error is made, by whoever knows if work was done or billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Retry {
    /// The same call would fail again, or might be billed twice.
    Never,
    /// May be tried again, not before this long if a hint was given.
    After(Option<Duration>),
    /// It was tried again, often enough.
    Exhausted,
}

/// What a provider answered, kept whole for the log: a caller should not have to know three shapes of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderFailure {
    /// Protocol status, such as an HTTP status code.
    pub status: Option<u16>,
    /// The provider's own error code.
    pub code: Option<String>,
    /// The provider's id of the request, for a support ticket.
    pub request_id: Option<String>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// The first part of the answer's body. For the log only.
    pub excerpt: Option<String>,
}

/// An error of 8 bytes: kind, retry class, operation, context, the provider's answer and the source.
///
/// ```
/// use voiceclone_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::InvalidInput, "the text is empty").with("limit", 4096);
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(error.message(), "the text is empty");
/// assert_eq!(error.to_string(), "the text is empty (limit: 4096)");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    message: String,
    op: Option<&'static str>,
    context: Vec<(&'static str, String)>,
    provider: Option<ProviderFailure>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a message that a client may see. Retry follows the kind: rate limits, timeouts and
    /// unavailability may be tried again, nothing else.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            retry: kind.default_retry(),
            message: message.into(),
            op: None,
            context: Vec::new(),
            provider: None,
            source: None,
        }))
    }

    /// [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// [`ErrorKind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// [`ErrorKind::NotFound`]: `what` is the kind of object, such as `"voice"`, and `id` its id.
    pub fn not_found(what: &'static str, id: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no such {what}")).with(what, id)
    }

    /// [`ErrorKind::Unexpected`].
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unexpected, message)
    }

    /// Names the operation that failed. The innermost name stays.
    #[must_use]
    pub fn during(mut self, op: &'static str) -> Self {
        self.0.op.get_or_insert(op);
        self
    }

    /// Adds a fact for the log. Never text, audio or a key.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Overrides the retry class.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Attaches the provider's answer; its `retry_after` becomes the hint of a retryable error.
    #[must_use]
    pub fn with_provider(mut self, failure: ProviderFailure) -> Self {
        if let (Retry::After(None), Some(wait)) = (self.0.retry, failure.retry_after) {
            self.0.retry = Retry::After(Some(wait));
        }
        self.0.provider = Some(failure);
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may be made again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// True if the same call may be made again.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.retry, Retry::After(_))
    }

    /// What a client may see.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed, if it was named.
    pub fn op(&self) -> Option<&'static str> {
        self.0.op
    }

    /// The provider's answer, for the log.
    pub fn provider(&self) -> Option<&ProviderFailure> {
        self.0.provider.as_ref()
    }

    /// Everything known, for the log: display, the provider's answer, then each source once.
    pub fn chain(&self) -> String {
        use fmt::Write as _;
        let mut out = self.to_string();
        if let Some(provider) = &self.0.provider {
            let _ = write!(out, "; provider answered {provider:?}");
        }
        let mut source = self.source();
        while let Some(cause) = source {
            let _ = write!(out, ": {cause}");
            source = cause.source();
        }
        out
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(op) = self.0.op {
            write!(f, "{op}: ")?;
        }
        f.write_str(&self.0.message)?;
        for (i, (key, value)) in self.0.context.iter().enumerate() {
            let open = if i == 0 { " (" } else { ", " };
            write!(f, "{open}{key}: {value}")?;
        }
        if self.0.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("retry", &self.0.retry)
            .field("chain", &self.chain())
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_the_source_to_the_chain() {
        let error = Error::new(ErrorKind::Unavailable, "the store did not answer")
            .during("put")
            .with("key", "samples/1")
            .with_source(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "put: the store did not answer (key: samples/1)");
        assert_eq!(error.chain(), "put: the store did not answer (key: samples/1): disk on fire");
    }

    #[test]
    fn an_error_and_a_result_are_one_word() {
        assert_eq!(size_of::<Error>(), 8);
        assert_eq!(size_of::<Result<()>>(), 8);
    }

    #[test]
    fn a_providers_hint_becomes_the_retry_hint_only_where_a_retry_is_allowed() {
        let hint = || ProviderFailure { retry_after: Some(Duration::from_secs(3)), ..Default::default() };
        let limited = Error::new(ErrorKind::RateLimited, "slow down").with_provider(hint());
        assert_eq!(limited.retry(), Retry::After(Some(Duration::from_secs(3))));
        let quota = Error::new(ErrorKind::QuotaExceeded, "plan used up").with_provider(hint());
        assert_eq!(quota.retry(), Retry::Never);
    }

    #[test]
    fn the_providers_body_reaches_the_chain_but_not_the_message() {
        let failure = ProviderFailure { excerpt: Some("internal detail".into()), ..Default::default() };
        let error = Error::new(ErrorKind::Protocol, "the provider's answer could not be read").with_provider(failure);
        assert!(!error.to_string().contains("internal detail"));
        assert!(error.chain().contains("internal detail"));
    }
}
