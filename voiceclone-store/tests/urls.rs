//! Stores by URL: what may be set where, and that nothing said is without effect.
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use voiceclone_core::{
    ErrorKind,
    store::{BlobBody, BlobKey, BlobStore as _, PutOptions},
};
use voiceclone_store::{Credentials, ObjectBlobStore, ObjectBlobStoreBuilder};

fn keys() -> Credentials {
    Credentials::s3("the-id", "the-secret")
}

fn at(url: &str) -> ObjectBlobStoreBuilder {
    ObjectBlobStore::builder(url).unwrap()
}

async fn refused(builder: ObjectBlobStoreBuilder) -> String {
    let error = builder.build().await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, false), "{error:?}");
    for secret in ["the-secret", "hunter2"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    error.message().to_owned()
}

#[tokio::test]
async fn memory_and_a_directory_are_stores_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let key = BlobKey::new("a/b").unwrap();
    let mut urls = vec!["memory://".to_owned()];
    if cfg!(feature = "fs") {
        urls.push(format!("file://{}", dir.path().join("blobs").display()));
    }
    for url in urls {
        let blobs = ObjectBlobStore::from_url(&url).await.unwrap();
        blobs.put(&key, BlobBody::Bytes("x".into()), &PutOptions::default().create_only()).await.unwrap();
        assert_eq!(blobs.head(&key).await.unwrap().size, 1, "{url}");
        assert!(!blobs.capability().presign_get && !blobs.capability().presign_put, "{url}");
    }
    assert_eq!(dir.path().join("blobs/a/b").is_file(), cfg!(feature = "fs"));
}

#[tokio::test]
async fn what_does_nothing_is_refused_by_name() {
    for (builder, name) in [
        (at("memory://").endpoint("https://host"), "endpoint"),
        (at("file:///nowhere").credentials(keys()), "credentials"),
        (at("memory://").max_retries(1), "max_retries"),
        (at("gs://voices").region("eu"), "region"),
        (at("gs://voices").virtual_hosted(), "virtual_hosted"),
        (at("az://voices").without_checksums(), "without_checksums"),
    ] {
        let message = refused(builder).await;
        assert!(message.contains(name) && message.contains("://"), "{message}");
    }
    let message = refused(at("gs://voices").credentials(keys())).await;
    assert!(message.contains("s3") && message.contains("gs://voices"), "{message}");
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn plain_http_is_for_this_machine_or_where_it_is_allowed() {
    let s3 = || at("s3://voices").credentials(keys());
    for here in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000", "http://a.localhost:1"] {
        s3().endpoint(here).build().await.unwrap();
    }
    for there in
        ["http://10.0.0.1:9000", "http://minio:9000", "http://127.0.0.1.example.com", "http://localhost.example"]
    {
        let message = refused(s3().endpoint(there)).await;
        assert!(message.contains("allow_http") && message.contains("https"), "{message}");
        s3().endpoint(there).allow_http().build().await.unwrap();
    }
    s3().endpoint("https://10.0.0.1:9000").build().await.unwrap();
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn an_endpoint_is_a_plain_url() {
    for endpoint in [
        "",
        "minio:9000",
        "ftp://host",
        "https://user:hunter2@host",
        "https://hunter2@host",
        "https://host?token=hunter2",
        "https://host#hunter2",
        "https://",
    ] {
        refused(at("s3://voices").credentials(keys()).endpoint(endpoint)).await;
    }
    refused(at("s3://voices").credentials(keys()).connect_timeout(std::time::Duration::ZERO)).await;
}

#[cfg(feature = "gcs")]
#[tokio::test]
async fn a_broken_service_account_is_not_shown() {
    let broken = Credentials::gcs("{\"private_key\": \"hunter2\", \"client_email\": 5}");
    refused(at("gs://voices").credentials(broken)).await;
}

#[cfg(feature = "azure")]
#[tokio::test]
async fn azure_is_asked_for_what_it_needs_of_a_put() {
    let key = BlobKey::new("a/b").unwrap();
    let blobs = at("az://voices/p").credentials(Credentials::azure("account", "aHVudGVyMg=="));
    let blobs = blobs.build().await.unwrap();
    let minute = std::time::Duration::from_mins(1);
    let options = PutOptions::default().media_type("audio/wav");
    let request = blobs.presign_put(&key, minute, &options).await.unwrap();
    assert_eq!(request.headers.get("x-ms-blob-type").map(String::as_str), Some("BlockBlob"));
    assert_eq!(request.headers.get("content-type").map(String::as_str), Some("audio/wav"));
    assert!(request.url.starts_with("https://account.blob.core.windows.net/voices/p/a/b?"), "{}", request.url);
    let unbound = blobs.with_create_only().presign_put(&key, minute, &options.create_only()).await.unwrap_err();
    assert_eq!(unbound.kind(), ErrorKind::Unsupported);
    refused(at("az://voices").credentials(Credentials::azure("account", "no base64: hunter2"))).await;
}

#[tokio::test]
async fn what_is_no_url_is_refused_without_being_repeated() {
    for url in ["/var/blobs", "https://user:hunter2@host/bucket", "s3://user:hunter2@bucket", "s3://bucket?key=hunter2"]
    {
        let error = ObjectBlobStore::from_url(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[cfg(not(feature = "s3"))]
#[tokio::test]
async fn a_feature_that_is_off_is_named() {
    assert!(refused(at("s3://voices")).await.contains("feature s3"));
}
