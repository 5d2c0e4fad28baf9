//! Blobs over a real S3 protocol, with its signatures checked.
#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
mod support {
    pub(crate) mod s3;
}

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY, builder};
use voiceclone_core::{
    Error, ErrorKind,
    audio::BoxStream,
    store::{BlobBody, BlobKey, BlobStore as _, PutOptions},
    testkit::blobs::BlobFixture,
};
use voiceclone_store::{Credentials, ObjectBlobStore};

voiceclone_core::blob_store_conformance!(bucket, BlobFixture::new(S3Server::start().await.store("").await));
voiceclone_core::blob_store_conformance!(prefix, BlobFixture::new(S3Server::start().await.store("a/prefix").await));
voiceclone_core::blob_store_conformance!(
    bucket_that_refuses_to_replace,
    BlobFixture::new(S3Server::start().await.store("").await.with_create_only())
);
voiceclone_core::blob_store_conformance!(
    bucket_without_checksums,
    BlobFixture::new(S3Server::start().await.builder("").without_checksums().build().await.unwrap())
);

const MIB: usize = 1 << 20;

fn key(name: &str) -> BlobKey {
    BlobKey::new(name).unwrap()
}

fn chunks(mib: usize) -> BoxStream<voiceclone_core::Result<Bytes>> {
    stream::iter((0..mib).map(|i| Ok(Bytes::from(vec![u8::try_from(i % 251).unwrap(); MIB])))).boxed()
}

/// Never replacing, where that is offered.
fn as_offered(blobs: &ObjectBlobStore) -> PutOptions {
    if blobs.capability().create_only { PutOptions::default().create_only() } else { PutOptions::default() }
}

async fn bytes_of(blobs: &ObjectBlobStore, key: &BlobKey) -> Vec<u8> {
    let chunks: Vec<Bytes> = blobs.get(key, None).await.unwrap().chunks.try_collect().await.unwrap();
    chunks.concat()
}

async fn keys(blobs: &ObjectBlobStore, prefix: &str) -> Vec<String> {
    let mut keys: Vec<_> = blobs.list(&key(prefix)).map_ok(|meta| meta.key.to_string()).try_collect().await.unwrap();
    keys.sort();
    keys
}

#[tokio::test]
async fn a_body_of_any_length_comes_back() {
    let server = S3Server::start().await;
    for blobs in [server.store("").await, server.store("p").await.with_create_only()] {
        let options = as_offered(&blobs);
        for mib in [0, 1, 8, 9, 16, 20] {
            let key = key(&format!("a/{mib}"));
            let sent: Vec<Bytes> = chunks(mib).try_collect().await.unwrap();
            blobs.put(&key, BlobBody::Stream(chunks(mib)), &options).await.unwrap();
            assert_eq!(bytes_of(&blobs, &key).await, sent.concat(), "{mib} MiB");
        }
        let whole = Bytes::from(vec![7; 9 * MIB]);
        blobs.put(&key("a/whole"), BlobBody::Bytes(whole.clone()), &options).await.unwrap();
        assert_eq!(bytes_of(&blobs, &key("a/whole")).await, whole);
        assert_eq!(keys(&blobs, "a").await.len(), 7);
    }
    assert_eq!(server.unfinished_uploads(), 0);
    let root = server.root().join(BUCKET);
    assert!(root.join("a/20").is_file() && root.join("p/a/20").is_file(), "the prefix is where the blobs are");
    assert_eq!(std::fs::read_dir(root.join("p/.staging")).unwrap().count(), 0, "what was staged is gone");
}

#[tokio::test]
async fn a_put_that_fails_or_is_dropped_leaves_no_upload() {
    let server = S3Server::start().await;
    for blobs in [server.store("").await, server.store("").await.with_create_only()] {
        let options = as_offered(&blobs);
        let failing = chunks(20).chain(stream::once(async { Err(Error::invalid("the sender broke off")) }));
        let error = blobs.put(&key("a/b"), BlobBody::Stream(failing.boxed()), &options).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidInput, "the sender broke off"));
        assert_eq!(server.unfinished_uploads(), 0);

        let (reached, stalled) = tokio::sync::oneshot::channel();
        let stall = stream::once(async move {
            reached.send(()).unwrap();
            std::future::pending().await
        });
        let body = BlobBody::Stream(chunks(20).chain(stall).boxed());
        let key = key("a/b");
        let put = blobs.put(&key, body, &options);
        tokio::select! {
            _ = put => unreachable!("the body never ends"),
            stalled = stalled => stalled.unwrap(),
        }
        blobs.close().await;
        assert_eq!(server.unfinished_uploads(), 0);
        assert_eq!(blobs.head(&key).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn an_upload_in_parts_is_seen_by_the_tests_while_it_lasts() {
    let server = S3Server::start().await;
    let blobs = server.store("").await;
    let root = server.root().to_owned();
    let seen = stream::once(async move { Ok(support::s3::unfinished_uploads(&root).to_string().into()) });
    blobs.put(&key("a/b"), BlobBody::Stream(chunks(20).chain(seen).boxed()), &PutOptions::default()).await.unwrap();
    let last = blobs.get(&key("a/b"), Some(20 * MIB as u64..u64::MAX)).await.unwrap();
    let last: Vec<Bytes> = last.chunks.try_collect().await.unwrap();
    assert_eq!(last.concat(), b"3", "the upload and two parts of it");
    assert_eq!(server.unfinished_uploads(), 0);
}

#[tokio::test]
async fn two_prefixes_of_one_bucket_do_not_see_each_other() {
    let server = S3Server::start().await;
    let (one, two) = (server.store("one").await, server.store("one-two").await);
    one.put(&key("a/b"), BlobBody::Bytes("1".into()), &PutOptions::default()).await.unwrap();
    two.put(&key("a/b"), BlobBody::Bytes("2".into()), &PutOptions::default()).await.unwrap();
    two.put(&key("a/c"), BlobBody::Bytes("2".into()), &PutOptions::default()).await.unwrap();
    assert_eq!(keys(&one, "a").await, ["a/b"]);
    assert_eq!(bytes_of(&one, &key("a/b")).await, b"1");
    one.delete(&key("a/c")).await.unwrap();
    assert_eq!(keys(&two, "a").await, ["a/b", "a/c"]);
}

#[tokio::test]
async fn a_list_goes_on_past_its_first_page() {
    let server = S3Server::start().await;
    let blobs = server.store("p").await;
    let dir = server.root().join(BUCKET).join("p/all");
    std::fs::create_dir_all(&dir).unwrap();
    for i in 0..2345 {
        std::fs::write(dir.join(format!("{i:04}")), "x").unwrap();
    }
    assert_eq!(keys(&blobs, "all").await, (0..2345).map(|i| format!("all/{i:04}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn keys_as_long_as_the_engines_are_kept_as_they_are() {
    let server = S3Server::start().await;
    let blobs = server.store("p").await;
    let long = format!("owners/{0}/samples/smp_{0}/original-{0}{0}", "0123456789abcdef".repeat(2));
    for mib in [1, 9] {
        blobs.put(&key(&long), BlobBody::Stream(chunks(mib)), &PutOptions::default()).await.unwrap();
        assert_eq!(blobs.head(&key(&long)).await.unwrap().size, (mib * MIB) as u64);
        assert_eq!(keys(&blobs, "owners").await, [long.as_str()]);
    }
    blobs.delete(&key(&long)).await.unwrap();
    assert_eq!(keys(&blobs, "owners").await, [""; 0]);
}

#[tokio::test]
async fn wrong_credentials_are_a_matter_of_configuration() {
    let server = S3Server::start().await;
    for (id, secret) in [(ACCESS_KEY, "wrong-secret"), ("AKIDWRONG", SECRET_KEY)] {
        let blobs = server.builder("").credentials(Credentials::s3(id, secret)).build().await.unwrap();
        let put = blobs.put(&key("a"), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap_err();
        let get = blobs.get(&key("a"), None).await.unwrap_err();
        let list = blobs.list(&key("a")).try_collect::<Vec<_>>().await.unwrap_err();
        let delete = blobs.delete(&key("a")).await.unwrap_err();
        for error in [put, get, list, delete] {
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Config, false), "{error:?}");
            assert!(!format!("{error:?} {blobs:?}").contains(secret), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let server = S3Server::start().await;
    let blobs = ObjectBlobStore::builder("s3://nowhere").unwrap().endpoint(&server.endpoint);
    let blobs = blobs.credentials(Credentials::s3(ACCESS_KEY, SECRET_KEY)).build().await.unwrap();
    let put = blobs.put(&key("a"), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap_err();
    let long = blobs.put(&key("a"), BlobBody::Stream(chunks(9)), &PutOptions::default()).await.unwrap_err();
    let get = blobs.get(&key("a"), None).await.unwrap_err();
    let list = blobs.list(&key("a")).try_collect::<Vec<_>>().await.unwrap_err();
    for error in [put, long, get, list] {
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        assert!(error.to_string().contains("nowhere") && error.message().contains("bucket"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let blobs = builder("http://127.0.0.1:1", "").max_retries(0).build().await.unwrap();
    let error = blobs.head(&key("a")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error:?}");
}
