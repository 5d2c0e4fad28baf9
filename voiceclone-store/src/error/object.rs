//! The errors of object stores. What they say may hold signed URLs, local paths and ids of keys, so it goes to the log
//! only, and there without query strings and with no more of a server's answer than its code and its sentence.
use std::{error::Error as StdError, fmt::Write as _, io};

use object_store::Error as ObjectError;
use voiceclone_core::{Error, ErrorKind, Retry};

use super::Report;

/// The most that is kept of what a store said, in bytes.
const MAX_REPORT: usize = 2000;
/// How `object_store` introduces the status of an answer; its error type is not public.
const STATUS: &str = "non-2xx status code: ";

/// An object store's error about the blob under `key`.
pub(crate) fn object(error: &ObjectError, key: &str) -> Error {
    let said = said(error);
    by_code(error, &said)
        .unwrap_or_else(|| by_kind(error, &said, key))
        .with("key", key)
        .with_source(Report(without_queries(&without_answer(&said))))
}

/// An object store that cannot be used as it was configured.
#[cfg(feature = "_http")]
pub(crate) fn opening(error: &ObjectError) -> Error {
    let said = said(error);
    let message = if said.contains("No CA certificates were loaded") {
        "this machine has no certificates to know servers by: install its package of CA certificates (often \
         ca-certificates), or name a file of them in SSL_CERT_FILE"
    } else {
        "the object store cannot be opened as it is configured"
    };
    Error::new(ErrorKind::Config, message).with_source(Report(without_queries(&without_answer(&said))))
}

/// By the code that a server gave, which tells more than the status.
fn by_code(error: &ObjectError, said: &str) -> Option<Error> {
    let taken = matches!(error, ObjectError::AlreadyExists { .. });
    Some(match element(said, "Code")? {
        "NoSuchBucket" | "ContainerNotFound" => {
            Error::new(ErrorKind::Config, "the bucket of the object store does not exist")
        }
        "ConditionalRequestConflict" | "OperationAborted" if taken => {
            let message = "another request changes this blob at the same time";
            Error::new(ErrorKind::Conflict, message).with_retry(Retry::After(None))
        }
        "NoSuchUpload" => unavailable("the object store no longer knows the upload"),
        "BadDigest" | "XAmzContentSHA256Mismatch" | "IncompleteBody" => {
            unavailable("the bytes that reached the object store are not those that were sent")
        }
        "RequestTimeout" => too_slow(),
        "SlowDown" | "ServerBusy" => unavailable("the object store asks to be asked less often"),
        // Another machine's clock may be right, so a job need not fail for it.
        "RequestTimeTooSkewed" => {
            unavailable("the object store refuses requests by this machine's clock, which is wrong")
        }
        "ExpiredToken" | "InvalidToken" | "AuthorizationHeaderMalformed" => refused(),
        "EntityTooLarge" => Error::invalid("the blob is larger than the object store takes"),
        _ => return None,
    })
}

fn by_kind(error: &ObjectError, said: &str, key: &str) -> Error {
    match error {
        ObjectError::NotFound { .. } => Error::not_found("blob", key),
        ObjectError::AlreadyExists { .. } | ObjectError::Precondition { .. } => {
            Error::new(ErrorKind::AlreadyExists, "there is a blob under this key")
        }
        ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => cannot(),
        ObjectError::PermissionDenied { .. } | ObjectError::Unauthenticated { .. } => refused(),
        ObjectError::UnknownConfigurationKey { .. } => {
            Error::new(ErrorKind::Config, "the object store was configured with a setting it does not know")
        }
        ObjectError::InvalidPath { .. } => Error::unexpected("the object store refused the form of a key"),
        other => by_cause(other, said),
    }
}

/// What is told by an operating system, a connection or a status.
fn by_cause(error: &ObjectError, said: &str) -> Error {
    if let Some(failed) = io_kind(error).and_then(by_io) {
        return failed;
    }
    if timed_out(error) {
        return too_slow();
    }
    if said.contains("redirect without LOCATION") {
        let message = "the object store sends us elsewhere: the bucket is in another region than the configured one";
        return Error::new(ErrorKind::Config, message);
    }
    match status(said) {
        Some(301 | 307 | 308) => Error::new(ErrorKind::Config, "the object store sends us to another endpoint"),
        Some(401 | 403) => refused(),
        Some(408) => too_slow(),
        Some(501) => cannot(),
        Some(400..=428 | 430..=499) => Error::unexpected("the object store refused a request"),
        _ => unavailable("the object store failed"),
    }
}

fn by_io(kind: io::ErrorKind) -> Option<Error> {
    Some(match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            unavailable("the disk of the object store is full")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::new(ErrorKind::Config, "the object store's directory may not be written or read")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            Error::invalid("this key and that of another blob cannot both be paths of files")
        }
        io::ErrorKind::InvalidFilename => Error::invalid("a segment of the key is too long to be a file's name"),
        _ => return None,
    })
}

fn unavailable(message: &str) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}

fn too_slow() -> Error {
    Error::new(ErrorKind::Timeout, "the object store did not answer in time")
}

fn refused() -> Error {
    Error::new(ErrorKind::Config, "the object store refused our credentials")
}

fn cannot() -> Error {
    Error::unsupported("the object store cannot do this")
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// The first input or output error among an error's causes.
fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

#[cfg(feature = "_http")]
fn timed_out(error: &(dyn StdError + 'static)) -> bool {
    use object_store::client::{HttpError, HttpErrorKind};
    causes(error).any(|cause| cause.downcast_ref::<HttpError>().is_some_and(|e| e.kind() == HttpErrorKind::Timeout))
}

#[cfg(not(feature = "_http"))]
fn timed_out(_: &(dyn StdError + 'static)) -> bool {
    false
}

/// Everything that an error and its causes say, each thing once.
fn said(error: &(dyn StdError + 'static)) -> String {
    let mut out = error.to_string();
    for cause in causes(error).skip(1).map(ToString::to_string) {
        if !out.contains(&cause) {
            let _ = write!(out, ": {cause}");
        }
    }
    out
}

fn status(said: &str) -> Option<u16> {
    let (_, after) = said.split_once(STATUS)?;
    after.get(..3)?.parse().ok()
}

/// What stands in the first element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    after.split_once('<').map(|(inner, _)| inner)
}

/// The text with a server's answer cut down to its code and its sentence: the rest repeats what was asked, ids of keys and
/// signatures included.
fn without_answer(said: &str) -> String {
    let answer = ["<?xml", "<Error", "<!DOCTYPE", "<html"].iter().filter_map(|start| said.find(start)).min();
    let (before, answer) = said.split_at(answer.unwrap_or(said.len()));
    let mut out = before.to_owned();
    for part in [element(answer, "Code"), element(answer, "Message")].into_iter().flatten() {
        let _ = write!(out, "{part}. ");
    }
    out.truncate(out.floor_char_boundary(MAX_REPORT));
    out.trim_end().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl StdError + Send + Sync + 'static) -> ObjectError {
        ObjectError::Generic { store: "test", source: Box::new(source) }
    }

    fn answered(status: &str, body: &str) -> ObjectError {
        generic(io::Error::other(format!("Server returned {STATUS}{status}: {body}")))
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
    fn of_a_servers_answer_only_code_and_sentence_reach_the_log() {
        let body = "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>No match.</Message>\
                    <AWSAccessKeyId>AKIDSECRET</AWSAccessKeyId><SignatureProvided>abc123</SignatureProvided></Error>";
        let error = object(&answered("403 Forbidden", body), "b/k");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, false));
        let log = error.chain();
        assert!(log.contains("SignatureDoesNotMatch. No match."), "{log}");
        assert!(!log.contains("AKIDSECRET") && !log.contains("abc123"), "{log}");
    }

    #[test]
    fn a_status_or_code_tells_what_can_be_done() {
        let code = |code: &str| format!("<Error><Code>{code}</Code></Error>");
        for (status, body, kind, retry) in [
            ("503 Slow Down", code("SlowDown"), ErrorKind::Unavailable, true),
            ("500 Internal Server Error", String::new(), ErrorKind::Unavailable, true),
            ("429 Too Many Requests", String::new(), ErrorKind::Unavailable, true),
            ("400 Bad Request", code("BadDigest"), ErrorKind::Unavailable, true),
            ("400 Bad Request", code("RequestTimeout"), ErrorKind::Timeout, true),
            ("400 Bad Request", code("ExpiredToken"), ErrorKind::Config, false),
            ("400 Bad Request", code("InvalidArgument"), ErrorKind::Unexpected, false),
            ("400 Bad Request", code("EntityTooLarge"), ErrorKind::InvalidInput, false),
            ("404 Not Found", code("NoSuchBucket"), ErrorKind::Config, false),
            ("403 Forbidden", code("RequestTimeTooSkewed"), ErrorKind::Unavailable, true),
            ("404 Not Found", code("NoSuchUpload"), ErrorKind::Unavailable, true),
            ("501 Not Implemented", code("NotImplemented"), ErrorKind::Unsupported, false),
            ("301 Moved Permanently", String::new(), ErrorKind::Config, false),
        ] {
            let error = object(&answered(status, &body), "b/k");
            assert_eq!((error.kind(), error.is_retryable()), (kind, retry), "{status} {body}");
        }
    }

    #[test]
    fn a_missing_bucket_is_no_missing_blob() {
        let said = io::Error::other(format!("{STATUS}404 Not Found: <Error><Code>NoSuchBucket</Code></Error>"));
        let missing = ObjectError::NotFound { path: "b/k".into(), source: Box::new(said) };
        assert_eq!(object(&missing, "b/k").kind(), ErrorKind::Config);
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let error = object(&generic(io::Error::other("ä".repeat(5000))), "b/k");
        assert!(error.chain().len() < MAX_REPORT + 200);
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
