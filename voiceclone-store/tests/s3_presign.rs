//! Requests without credentials: good for one object, one verb and a while.
#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
mod support {
    pub(crate) mod s3;
}

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use support::s3::{S3Server, SECRET_KEY};
use voiceclone_core::{
    ErrorKind,
    store::{BlobBody, BlobKey, BlobStore as _, PresignedRequest, PutOptions},
};
use voiceclone_store::{Credentials, ObjectBlobStore};

const MINUTE: Duration = Duration::from_mins(1);

fn key(name: &str) -> BlobKey {
    BlobKey::new(name).unwrap()
}

/// Sends the request as it is, but for what `change` does to its verb and URL.
async fn send(
    request: &PresignedRequest,
    body: &'static str,
    change: impl FnOnce(&mut Method, &mut String),
) -> Response {
    let (mut method, mut url) = (request.method.parse().unwrap(), request.url.clone());
    change(&mut method, &mut url);
    let request =
        request.headers.iter().fold(Client::new().request(method, url), |r, (name, value)| r.header(name, value));
    request.body(body).send().await.unwrap()
}

async fn with_a_blob(server: &S3Server) -> ObjectBlobStore {
    let blobs = server.store("some/prefix").await;
    blobs.put(&key("a/b"), BlobBody::Bytes("hello".into()), &PutOptions::default()).await.unwrap();
    blobs
}

#[tokio::test]
async fn a_url_reads_its_object_and_nothing_else() {
    let server = S3Server::start().await;
    let blobs = with_a_blob(&server).await;
    blobs.put(&key("a/c"), BlobBody::Bytes("secret".into()), &PutOptions::default()).await.unwrap();
    let request = blobs.presign_get(&key("a/b"), MINUTE).await.unwrap();
    let found = send(&request, "", |_, _| ()).await;
    assert_eq!((found.status(), found.text().await.unwrap()), (StatusCode::OK, "hello".to_owned()));

    let other_key = send(&request, "", |_, url| *url = url.replace("a/b", "a/c")).await;
    let longer = send(&request, "", |_, url| *url = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")).await;
    let put = send(&request, "overwritten", |method, _| *method = Method::PUT).await;
    let delete = send(&request, "", |method, _| *method = Method::DELETE).await;
    let unsigned = send(&request, "", |_, url| url.truncate(url.find('?').unwrap())).await;
    for refused in [other_key, longer, put, delete, unsigned] {
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
    let left = send(&request, "", |_, _| ()).await;
    assert_eq!(left.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_url_lapses() {
    let server = S3Server::start().await;
    let blobs = with_a_blob(&server).await;
    let request = blobs.presign_get(&key("a/b"), Duration::from_secs(1)).await.unwrap();
    while send(&request, "", |_, _| ()).await.status() == StatusCode::OK {}
    assert_eq!(send(&request, "", |_, _| ()).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_url_writes_its_object_and_nothing_else() {
    let server = S3Server::start().await;
    let blobs = with_a_blob(&server).await;
    let request = blobs.presign_put(&key("a/new"), MINUTE, &PutOptions::default()).await.unwrap();
    let get = send(&request, "", |method, _| *method = Method::GET).await;
    let other_key = send(&request, "x", |_, url| *url = url.replace("a/new", "a/b")).await;
    assert_eq!([get.status(), other_key.status()], [StatusCode::FORBIDDEN; 2]);
    assert_eq!(blobs.head(&key("a/new")).await.unwrap_err().kind(), ErrorKind::NotFound);

    assert_eq!(send(&request, "uploaded", |_, _| ()).await.status(), StatusCode::OK);
    assert_eq!(blobs.head(&key("a/new")).await.unwrap().size, 8);
}

#[tokio::test]
async fn a_media_type_is_bound_and_kept() {
    let server = S3Server::start().await;
    let blobs = with_a_blob(&server).await;
    let options = PutOptions::default().media_type("audio/wav");
    let request = blobs.presign_put(&key("a/wav"), MINUTE, &options).await.unwrap();
    assert_eq!(request.headers.get("content-type").map(String::as_str), Some("audio/wav"));
    let mut other = request.clone();
    other.headers.insert("content-type".into(), "text/html".into());
    assert_eq!(send(&other, "x", |_, _| ()).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(send(&request, "x", |_, _| ()).await.status(), StatusCode::OK);

    blobs.put(&key("a/put"), BlobBody::Bytes("x".into()), &options).await.unwrap();
    for name in ["a/wav", "a/put"] {
        let found = send(&blobs.presign_get(&key(name), MINUTE).await.unwrap(), "", |_, _| ()).await;
        assert_eq!(found.headers().get("content-type").unwrap(), "audio/wav", "{name}");
    }
    let broken = blobs.presign_put(&key("a"), MINUTE, &PutOptions::default().media_type("a\nb")).await.unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_url_may_be_bound_not_to_replace() {
    let server = S3Server::start().await;
    let blobs = with_a_blob(&server).await;
    let options = PutOptions::default().create_only();
    let not_stated = blobs.presign_put(&key("a/new"), MINUTE, &options).await.unwrap_err();
    assert_eq!(not_stated.kind(), ErrorKind::Unsupported);

    let blobs = blobs.with_create_only();
    let request = blobs.presign_put(&key("a/new"), MINUTE, &options).await.unwrap();
    let mut without = request.clone();
    without.headers.clear();
    assert_eq!(send(&without, "x", |_, _| ()).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(send(&request, "first", |_, _| ()).await.status(), StatusCode::OK);
    assert_eq!(send(&request, "second", |_, _| ()).await.status(), StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn a_url_is_good_for_a_second_to_a_week() {
    let server = S3Server::start().await;
    let blobs = server.store("").await;
    let week = Duration::from_hours(7 * 24);
    for ttl in [Duration::ZERO, Duration::from_millis(999), week + Duration::from_secs(1), Duration::MAX] {
        let get = blobs.presign_get(&key("a"), ttl).await.unwrap_err();
        let put = blobs.presign_put(&key("a"), ttl, &PutOptions::default()).await.unwrap_err();
        for error in [get, put] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{ttl:?}");
            assert!(error.message().contains("1 s to 7 days"), "{error}");
        }
    }
    for ttl in [Duration::from_secs(1), week] {
        blobs.presign_get(&key("a"), ttl).await.unwrap();
    }
}

#[tokio::test]
async fn no_debug_shows_a_secret_or_a_signature() {
    let server = S3Server::start().await;
    let builder = server.builder("p").credentials(Credentials::s3_session("AKID", SECRET_KEY, "the-token"));
    let shown = format!("{builder:?}");
    let blobs = builder.build().await.unwrap();
    let request = blobs.presign_get(&key("a"), MINUTE).await.unwrap();
    assert!(request.url.contains("X-Amz-Signature="));
    let shown = format!("{shown} {blobs:?} {request:?}");
    for secret in [SECRET_KEY, "the-token", "X-Amz", "AKID"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("s3://voices/p"), "{shown}");
}

#[tokio::test]
async fn a_bucket_may_be_part_of_the_hosts_name() {
    for (endpoint, start) in [
        ("https://s3.example.com", "https://voices.s3.example.com/p/a/b?"),
        ("https://s3.example.com:9000/", "https://voices.s3.example.com:9000/p/a/b?"),
        ("https://voices.s3.example.com", "https://voices.s3.example.com/p/a/b?"),
    ] {
        let hosted = support::s3::builder(endpoint, "p").virtual_hosted().build().await.unwrap();
        let request = hosted.presign_get(&key("a/b"), MINUTE).await.unwrap();
        assert!(request.url.starts_with(start), "{}", request.url);
    }
    let error = support::s3::builder("http://127.0.0.1:9000", "p").virtual_hosted().build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let amazon = ObjectBlobStore::builder("s3://voices").unwrap().region("eu-central-1").virtual_hosted();
    let amazon = amazon.credentials(Credentials::s3("a", "b")).build().await.unwrap();
    let request = amazon.presign_get(&key("a/b"), MINUTE).await.unwrap();
    assert!(request.url.starts_with("https://voices.s3.eu-central-1.amazonaws.com/a/b?"), "{}", request.url);
}
