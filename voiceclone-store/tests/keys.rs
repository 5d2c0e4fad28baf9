//! No key leads anywhere but to itself.
#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::{ObjectStore as _, memory::InMemory};
use proptest::prelude::*;
#[cfg(feature = "fs")]
use voiceclone_core::ErrorKind;
use voiceclone_core::store::{BlobBody, BlobKey, BlobStore as _, PutOptions};
use voiceclone_store::ObjectBlobStore;

/// Text that somebody might want to pass as a key: anything at all, what looks like a way out, and what is a key.
fn texts() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "..", ".", "/", "//", "\\", "\0", "%2e%2e", "%2F", "%00", "~", "#1", "a", "b.c", "-", "_", "ä", "\u{202e}",
        " ", "?x=1", "C:", "con", ".staging", "\n", "＊", "．．",
    ]);
    prop_oneof![
        ".*",
        prop::collection::vec(odd, 0..8).prop_map(|parts| parts.concat()),
        "[A-Za-z0-9_-][A-Za-z0-9._-]{0,12}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,12}){0,4}",
        "[a-z/]{500,600}",
        "[a-z]{200,300}",
    ]
}

fn is_plain(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'_' || b == b'-';
    key.len() <= 512 && key.split('/').all(|s| !s.is_empty() && !s.starts_with('.') && s.bytes().all(plain))
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

proptest! {
    #[test]
    fn what_is_a_key_reaches_the_store_as_it_is(text in texts()) {
        let key = BlobKey::new(&text);
        prop_assert_eq!(key.is_ok(), is_plain(&text), "{:?}", text);
        let Ok(key) = key else { return Ok(()) };
        run(async {
            let objects = Arc::new(InMemory::new());
            let blobs = ObjectBlobStore::new(Arc::clone(&objects) as Arc<_>);
            blobs.put(&key, BlobBody::Bytes("x".into()), &PutOptions::default()).await.unwrap();
            let stored: Vec<_> = objects.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
            assert_eq!(stored, [text]);
        });
    }
}

#[cfg(feature = "fs")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_a_key_is_a_file_below_the_directory(text in texts()) {
        let Ok(key) = BlobKey::new(&text) else { return Ok(()) };
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("root");
            let blobs = ObjectBlobStore::filesystem(&root).await.unwrap();
            match blobs.put(&key, BlobBody::Bytes("x".into()), &PutOptions::default()).await {
                Ok(_) => {
                    let file = root.canonicalize().unwrap().join(&text);
                    assert_eq!(file.canonicalize().unwrap(), file, "no part of the path leads elsewhere");
                    assert_eq!(std::fs::read(file).unwrap(), b"x");
                }
                Err(e) => {
                    assert!(text.split('/').any(|segment| segment.len() > 250), "{text}: {}", e.chain());
                    assert_eq!(e.kind(), ErrorKind::InvalidInput, "{}", e.chain());
                }
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing beside the directory");
        });
    }
}

#[cfg(feature = "s3")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_a_key_is_the_path_of_its_url(text in texts()) {
        let Ok(key) = BlobKey::new(&text) else { return Ok(()) };
        run(async {
            let blobs = ObjectBlobStore::builder("s3://voices/p").unwrap().endpoint("http://127.0.0.1:1");
            let blobs = blobs.credentials(voiceclone_store::Credentials::s3("id", "secret")).build().await.unwrap();
            let request = blobs.presign_get(&key, std::time::Duration::from_mins(1)).await.unwrap();
            let path = request.url.strip_prefix("http://127.0.0.1:1/voices/p/").unwrap().split('?').next().unwrap();
            assert_eq!(path, text);
        });
    }
}
