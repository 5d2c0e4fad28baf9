//! What a server may do to us, said by a server that does it.
#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
mod support {
    pub(crate) mod s3;
}

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use voiceclone_core::{
    ErrorKind, Result,
    store::{BlobBody, BlobKey, BlobStore as _, PutOptions},
};
use voiceclone_store::ObjectBlobStoreBuilder;

/// Answers each request with what `answer` makes of its number and its head, and hangs up.
struct Scripted {
    endpoint: String,
    requests: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Scripted {
    async fn start(answer: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let head = head_of(&mut socket).await;
                match answer(count.fetch_add(1, Ordering::SeqCst), &head) {
                    Some(answer) => {
                        let _ = socket.write_all(answer.as_bytes()).await;
                        let _ = socket.shutdown().await;
                    }
                    // Silent for as long as the client waits.
                    None => drop(socket.read_to_end(&mut Vec::new()).await),
                }
            }
        });
        Self { endpoint, requests, _serving: serving }
    }

    fn builder(&self) -> ObjectBlobStoreBuilder {
        support::s3::builder(&self.endpoint, "").max_retries(0)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// The head of a request, after all of it was read.
async fn head_of(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let n = socket.read_buf(&mut read).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&read);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            assert!(n > 0, "a request without an end");
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if n == 0 || read.len() >= head.len() + 4 + length.unwrap_or(0) {
            return head.to_owned();
        }
    }
}

fn status(line: &str, code: &str) -> String {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message><Key>k</Key></Error>");
    format!("HTTP/1.1 {line}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// A blob of 26 letters from `first` on, of which only `sent` are sent.
fn letters(first: usize, sent: usize, etag: &str) -> String {
    let letters: String = ('a'..='z').skip(first).take(sent).collect();
    let (line, range) = match first {
        0 => ("200 OK", String::new()),
        _ => ("206 Partial Content", format!("content-range: bytes {first}-25/26\r\n")),
    };
    let date = "last-modified: Sun, 22 Nov 2026 21:00:00 GMT";
    let length = 26 - first;
    format!(
        "HTTP/1.1 {line}\r\n{date}\r\netag: \"{etag}\"\r\n{range}content-length: {length}\r\nconnection: close\r\n\r\n{letters}"
    )
}

fn key() -> BlobKey {
    BlobKey::new("a/b").unwrap()
}

async fn read(blobs: &voiceclone_store::ObjectBlobStore) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = blobs.get(&key(), None).await?.chunks.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn every_refusal_is_what_can_be_done_about_it() {
    for (line, code, kind, retryable) in [
        ("500 Internal Server Error", "InternalError", ErrorKind::Unavailable, true),
        ("503 Slow Down", "SlowDown", ErrorKind::Unavailable, true),
        ("429 Too Many Requests", "TooManyRequests", ErrorKind::Unavailable, true),
        ("400 Bad Request", "RequestTimeout", ErrorKind::Timeout, true),
        ("400 Bad Request", "BadDigest", ErrorKind::Unavailable, true),
        ("400 Bad Request", "AuthorizationHeaderMalformed", ErrorKind::Config, false),
        ("400 Bad Request", "InvalidRequest", ErrorKind::Unexpected, false),
        ("401 Unauthorized", "AccessDenied", ErrorKind::Config, false),
        ("403 Forbidden", "AccessDenied", ErrorKind::Config, false),
        ("403 Forbidden", "RequestTimeTooSkewed", ErrorKind::Unavailable, true),
        ("301 Moved Permanently", "PermanentRedirect", ErrorKind::Config, false),
        ("404 Not Found", "NoSuchBucket", ErrorKind::Config, false),
        ("501 Not Implemented", "NotImplemented", ErrorKind::Unsupported, false),
    ] {
        let server = Scripted::start(move |_, _| Some(status(line, code))).await;
        let blobs = server.builder().build().await.unwrap();
        let put = blobs.put(&key(), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap_err();
        let nine = stream::iter((0..9).map(|_| Ok(Bytes::from(vec![0; 1 << 20]))));
        let long = blobs.put(&key(), BlobBody::Stream(Box::pin(nine)), &PutOptions::default()).await.unwrap_err();
        let get = read(&blobs).await.unwrap_err();
        let list = blobs.list(&key()).try_collect::<Vec<_>>().await.unwrap_err();
        let delete = blobs.delete(&key()).await.unwrap_err();
        for (verb, error) in [("put", put), ("long put", long), ("get", get), ("list", list), ("delete", delete)] {
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{verb}: {line} {code}: {error:?}");
            assert!(error.to_string().contains("voices"), "{verb} names the bucket: {error}");
            assert!(!error.message().contains("127.0.0.1"), "{verb} keeps the server to the log: {error}");
        }
    }
}

#[tokio::test]
async fn a_failing_server_is_asked_again_as_often_as_was_said() {
    for (line, retries, asked) in [("500 Oh", 0, 1), ("503 Slow Down", 2, 3), ("403 Forbidden", 2, 1)] {
        let server = Scripted::start(move |_, _| Some(status(line, "Some"))).await;
        let blobs = server.builder().max_retries(retries).build().await.unwrap();
        blobs.head(&key()).await.unwrap_err();
        assert_eq!(server.requests(), asked, "{line}");
    }
    let server =
        Scripted::start(|n, _| Some(if n < 2 { status("503 Slow Down", "SlowDown") } else { letters(0, 26, "e") }))
            .await;
    let blobs = server.builder().max_retries(2).build().await.unwrap();
    assert_eq!(read(&blobs).await.unwrap().len(), 26);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_resumed() {
    let server = Scripted::start(|n, head| {
        assert!(n == 0 || head.contains("range: bytes=10-25"), "{head}");
        Some(if n == 0 { letters(0, 10, "e") } else { letters(10, 16, "e") })
    });
    let server = server.await;
    let blobs = server.builder().max_retries(1).build().await.unwrap();
    assert_eq!(read(&blobs).await.unwrap(), b"abcdefghijklmnopqrstuvwxyz");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_for_good_is_never_a_short_success() {
    let always = Scripted::start(|_, head| Some(letters(if head.contains("range: ") { 10 } else { 0 }, 10, "e")));
    let replaced = Scripted::start(|n, _| Some(letters(n.min(1) * 10, 10, if n == 0 { "old" } else { "new" })));
    for (server, retries) in [(always.await, 0), (replaced.await, 3)] {
        let blobs = server.builder().max_retries(retries).build().await.unwrap();
        let error = read(&blobs).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let server = Scripted::start(|_, _| None).await;
    let blobs = server.builder().request_timeout(Duration::from_millis(50)).build().await.unwrap();
    let put = blobs.put(&key(), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap_err();
    for error in [put, read(&blobs).await.unwrap_err()] {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true), "{error:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_http_are_an_error() {
    let server = Scripted::start(|_, _| Some("SSH-2.0-OpenSSH_9.2\r\n".to_owned())).await;
    let blobs = server.builder().build().await.unwrap();
    let error = read(&blobs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
}
