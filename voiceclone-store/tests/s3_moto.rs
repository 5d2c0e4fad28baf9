//! A second opinion on S3, for the codes of its errors: moto, an independent server. Its path comes in
//! `VOICECLONE_TEST_MOTO`; without it these tests say that they are skipped, and on a build server they fail.
#![cfg(all(feature = "s3", unix))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "functions that tests share fail as tests do")]
mod support {
    pub(crate) mod s3;
}

use std::{ffi::OsStr, net::TcpListener, path::Path, process::Stdio, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    ObjectStore as _, ObjectStoreExt as _, PutMultipartOptions, aws::AmazonS3Builder, path::Path as ObjectPath,
};
use support::s3::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY, builder};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};
use voiceclone_core::{
    ErrorKind,
    store::{BlobBody, BlobKey, BlobStore as _, PutOptions},
};
use voiceclone_store::{Credentials, ObjectBlobStore};

struct Moto {
    endpoint: String,
    _process: Child,
}

/// The server with an empty bucket, or nothing where there is none to start.
async fn moto() -> Option<Moto> {
    let moto = start("http", &[]).await?;
    // It installs what TLS needs.
    builder(&moto.endpoint, "").build().await.unwrap();
    // Anybody may do anything there; a bucket is made by a put of its name.
    let made = reqwest::Client::new().put(format!("{}/{BUCKET}", moto.endpoint)).send().await.unwrap();
    assert!(made.status().is_success(), "{made:?}");
    Some(moto)
}

async fn start(scheme: &str, more: &[&OsStr]) -> Option<Moto> {
    let Some(program) = std::env::var_os("VOICECLONE_TEST_MOTO") else {
        assert!(std::env::var_os("CI").is_none(), "VOICECLONE_TEST_MOTO names no moto_server");
        eprintln!("skipped: VOICECLONE_TEST_MOTO names no moto_server");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).args(more).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.kill_on_drop(true).spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(process.try_wait().unwrap().is_none(), "moto ended before it listened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some(Moto { endpoint: format!("{scheme}://127.0.0.1:{port}"), _process: process })
}

fn key(name: &str) -> BlobKey {
    BlobKey::new(name).unwrap()
}

async fn put(blobs: &ObjectBlobStore, name: &str, options: &PutOptions) -> voiceclone_core::Result<()> {
    blobs.put(&key(name), BlobBody::Bytes("0123456789".into()), options).await.map(drop)
}

#[tokio::test]
async fn a_missing_bucket_key_or_range_is_told_apart() {
    let Some(moto) = moto().await else { return };
    let blobs = builder(&moto.endpoint, "p").build().await.unwrap();
    put(&blobs, "a/b", &PutOptions::default()).await.unwrap();
    assert_eq!(blobs.get(&key("a/c"), None).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(blobs.head(&key("a/c")).await.unwrap_err().kind(), ErrorKind::NotFound);
    blobs.delete(&key("a/c")).await.unwrap();
    for range in [10..11, 500..600, 5..5] {
        let error = blobs.get(&key("a/b"), Some(range)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        assert!(error.message().contains("10 bytes"), "{error}");
    }
    assert_eq!(blobs.get(&key("a/b"), Some(8..u64::MAX)).await.unwrap().range, 8..10);

    let nowhere = ObjectBlobStore::builder("s3://nowhere").unwrap().endpoint(&moto.endpoint);
    let nowhere = nowhere.credentials(Credentials::s3(ACCESS_KEY, SECRET_KEY)).build().await.unwrap();
    let errors = [
        put(&nowhere, "a/b", &PutOptions::default()).await.unwrap_err(),
        nowhere.get(&key("a/b"), None).await.unwrap_err(),
        nowhere.delete(&key("a/b")).await.unwrap_err(),
        nowhere.list(&key("a")).try_collect::<Vec<_>>().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}

#[tokio::test]
async fn a_put_that_must_not_replace_does_not() {
    let Some(moto) = moto().await else { return };
    let blobs = builder(&moto.endpoint, "").build().await.unwrap().with_create_only();
    let create = PutOptions::default().create_only();
    put(&blobs, "a/b", &create).await.unwrap();
    assert_eq!(put(&blobs, "a/b", &create).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let nine = || BlobBody::Stream(stream::iter((0..9).map(|_| Ok(Bytes::from(vec![7; 1 << 20])))).boxed());
    blobs.put(&key("a/long"), nine(), &create).await.unwrap();
    assert_eq!(blobs.head(&key("a/long")).await.unwrap().size, 9 << 20);
    assert_eq!(blobs.put(&key("a/long"), nine(), &create).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn a_list_of_more_than_a_page_is_whole() {
    let Some(moto) = moto().await else { return };
    let blobs = builder(&moto.endpoint, "p").build().await.unwrap();
    let names: Vec<String> = (0..1100).map(|i| format!("all/{i:04}")).collect();
    stream::iter(&names)
        .map(Ok::<_, voiceclone_core::Error>)
        .try_for_each_concurrent(8, |name| {
            let blobs = &blobs;
            async move { put(blobs, name, &PutOptions::default()).await }
        })
        .await
        .unwrap();
    let mut listed: Vec<_> = blobs.list(&key("all")).map_ok(|meta| meta.key.to_string()).try_collect().await.unwrap();
    listed.sort();
    assert_eq!(listed, names);
}

#[tokio::test]
async fn a_body_of_many_parts_is_one_object_and_parts_that_are_too_small_would_be_refused() {
    let Some(moto) = moto().await else { return };
    let blobs = builder(&moto.endpoint, "").build().await.unwrap();
    let body = stream::iter((0..20).map(|i| Ok(Bytes::from(vec![i; 1 << 20])))).boxed();
    let media_type = PutOptions::default().media_type("audio/wav");
    blobs.put(&key("a/long"), BlobBody::Stream(body), &media_type).await.unwrap();
    let request = blobs.presign_get(&key("a/long"), Duration::from_mins(1)).await.unwrap();
    let found = reqwest::get(&request.url).await.unwrap();
    assert_eq!(found.headers().get("content-type").unwrap(), "audio/wav", "parts keep the media type");
    assert_eq!(found.bytes().await.unwrap().len(), 20 << 20);

    // What we rely on never to happen: the server does check the size of parts.
    let raw = AmazonS3Builder::new().with_endpoint(&moto.endpoint).with_allow_http(true).with_bucket_name(BUCKET);
    let raw =
        raw.with_region(REGION).with_access_key_id(ACCESS_KEY).with_secret_access_key(SECRET_KEY).build().unwrap();
    let mut upload = raw.put_multipart_opts(&ObjectPath::from("small"), PutMultipartOptions::default()).await.unwrap();
    for _ in 0..2 {
        upload.put_part(Bytes::from_static(b"small").into()).await.unwrap();
    }
    let error = upload.complete().await.unwrap_err();
    assert!(error.to_string().contains("EntityTooSmall"), "{error}");
    upload.abort().await.unwrap();
    assert!(raw.head(&ObjectPath::from("small")).await.is_err());
}

const TLS_ENDPOINT: &str = "VOICECLONE_TEST_TLS_ENDPOINT";

/// Certificates are read from the environment when a process begins to need them, so each trial is a process.
#[tokio::test]
#[ignore = "the process that the other test starts"]
async fn tls_client() {
    let Ok(endpoint) = std::env::var(TLS_ENDPOINT) else { return };
    let said = match builder(&endpoint, "").max_retries(0).build().await {
        Ok(blobs) => blobs.head(&key("a")).await.unwrap_err(),
        Err(e) => e,
    };
    println!("\nsaid {} {}", said.kind(), said.chain());
}

async fn said_under(endpoint: &str, certificates: &Path) -> String {
    let mut client = Command::new(std::env::current_exe().unwrap());
    client.args(["--ignored", "--exact", "tls_client", "--nocapture"]);
    client.env(TLS_ENDPOINT, endpoint).env("SSL_CERT_FILE", certificates).env_remove("SSL_CERT_DIR");
    let out = String::from_utf8(client.output().await.unwrap().stdout).unwrap();
    out.lines().find_map(|line| line.strip_prefix("said ")).unwrap_or_else(|| panic!("{out}")).to_owned()
}

async fn make_certificate(dir: &Path, name: &str) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(dir).args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]);
    openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    let made = openssl.output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test]
async fn a_server_behind_tls_is_known_by_the_certificates_of_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    for name in ["ours", "another"] {
        make_certificate(dir.path(), name).await;
    }
    std::fs::write(file("none.pem"), "").unwrap();
    let (cert, secret) = (file("ours.pem"), file("ours.key"));
    let args = ["-s", "-c"].map(OsStr::new).into_iter().chain([cert.as_os_str(), OsStr::new("-k"), secret.as_os_str()]);
    let Some(moto) = start("https", &args.collect::<Vec<_>>()).await else { return };

    let known = said_under(&moto.endpoint, &cert).await;
    assert!(known.starts_with("not_found"), "the server was reached and has no such blob: {known}");
    let unknown = said_under(&moto.endpoint, &file("another.pem")).await;
    assert!(unknown.starts_with("unavailable") && unknown.contains("certificate"), "{unknown}");
    let none = said_under(&moto.endpoint, &file("none.pem")).await;
    assert!(none.starts_with("config") && none.contains("SSL_CERT_FILE"), "{none}");
}
