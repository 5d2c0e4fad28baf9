//! What the conformance suite cannot see of a blob store: the files below it.
#![cfg(feature = "fs")]
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use voiceclone_core::{
    Error, ErrorKind,
    audio::BoxStream,
    store::{BlobBody, BlobKey, BlobStore as _, PutOptions},
};
use voiceclone_store::ObjectBlobStore;

const MIB: usize = 1 << 20;

fn key(name: &str) -> BlobKey {
    BlobKey::new(name).unwrap()
}

/// `mib` chunks of a MiB, each of another byte.
fn chunks(mib: usize) -> BoxStream<voiceclone_core::Result<Bytes>> {
    stream::iter((0..mib).map(|i| Ok(Bytes::from(vec![u8::try_from(i % 251).unwrap(); MIB])))).boxed()
}

async fn bytes_of(blobs: &ObjectBlobStore, key: &BlobKey) -> Vec<u8> {
    let chunks: Vec<Bytes> = blobs.get(key, None).await.unwrap().chunks.try_collect().await.unwrap();
    chunks.concat()
}

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}"))),
            false => found.push(name),
        }
    }
    found
}

#[tokio::test]
async fn a_long_stream_becomes_one_file_of_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobStore::filesystem(dir.path().join("new/dir")).await.unwrap();
    // Two of these lengths are whole numbers of parts.
    for mib in [0, 1, 8, 9, 16, 20] {
        let key = key(&format!("a/{mib}"));
        let meta = blobs.put(&key, BlobBody::Stream(chunks(mib)), &PutOptions::default()).await.unwrap();
        assert_eq!(meta.size, (mib * MIB) as u64);
        let sent: Vec<Bytes> = chunks(mib).try_collect().await.unwrap();
        assert_eq!(bytes_of(&blobs, &key).await, sent.concat(), "{mib} MiB");
    }
    assert_eq!(files(dir.path()).len(), 6);
}

#[tokio::test]
async fn a_stream_that_fails_late_leaves_no_file_and_its_own_error() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobStore::filesystem(dir.path()).await.unwrap();
    for options in [PutOptions::default(), PutOptions::default().create_only()] {
        let failing = chunks(20).chain(stream::once(async { Err(Error::invalid("the upload broke off")) }));
        let error = blobs.put(&key("a/b"), BlobBody::Stream(failing.boxed()), &options).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidInput, "the upload broke off"));
        assert_eq!(files(dir.path()), [""; 0]);
    }
}

#[tokio::test]
async fn a_put_that_is_dropped_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobStore::filesystem(dir.path()).await.unwrap();
    for options in [PutOptions::default(), PutOptions::default().create_only()] {
        let (reached, stalled) = tokio::sync::oneshot::channel();
        let stall = stream::once(async move {
            reached.send(()).unwrap();
            std::future::pending().await
        });
        let body = BlobBody::Stream(chunks(20).chain(stall).boxed());
        let key = key("a/b");
        let put = blobs.put(&key, body, &options);
        tokio::select! {
            _ = put => panic!("the body never ends"),
            stalled = stalled => stalled.unwrap(),
        }
        blobs.close().await;
        assert_eq!(files(dir.path()), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_create_one_blob_exactly_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobStore::filesystem(dir.path()).await.unwrap();
    for mib in [1, 9] {
        let key = key(&format!("race/{mib}"));
        let puts = (0..6).map(|_| async {
            blobs.put(&key, BlobBody::Stream(chunks(mib)), &PutOptions::default().create_only()).await
        });
        let outcomes = futures_util::future::join_all(puts).await;
        let lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        assert!(lost.clone().all(|e| e.kind() == ErrorKind::AlreadyExists), "{outcomes:?}");
        assert_eq!(lost.count(), 5);
    }
    assert_eq!(files(dir.path()).len(), 2);
}

#[tokio::test]
async fn a_foreign_file_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobStore::filesystem(dir.path()).await.unwrap();
    blobs.put(&key("a/ours"), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap();
    for foreign in [".hidden", "a b", "ours#1"] {
        std::fs::write(dir.path().join("a").join(foreign), "x").unwrap();
    }
    let listed: Vec<_> = blobs.list(&key("a")).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["a/ours"]);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_a_matter_of_configuration() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = ObjectBlobStore::filesystem(file.path().join("below")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_blob_where_another_needs_a_directory_is_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobStore::filesystem(dir.path()).await.unwrap();
    for name in ["a/b", "c"] {
        blobs.put(&key(name), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap();
    }
    for name in ["a", "c/d"] {
        let error = blobs.put(&key(name), BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {}", error.chain());
    }
}
