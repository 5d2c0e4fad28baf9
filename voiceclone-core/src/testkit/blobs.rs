//! The rules of [`BlobStore`], one case each.
use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Case,
    check::{Checked, cases, ensure, ensure_eq, ensure_kind, in_time, race},
};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{BlobBody, BlobKey, BlobStore, PutOptions},
};

/// An empty store to try the rules on.
#[derive(Debug, Clone)]
pub struct BlobFixture {
    /// The store. Nothing else may write to it.
    pub store: Arc<dyn BlobStore>,
}

impl BlobFixture {
    /// The rules are tried on `store`.
    pub fn new(store: impl BlobStore) -> Self {
        Self { store: Arc::new(store) }
    }

    async fn put(&self, key: &str, bytes: impl Into<Bytes>) -> Checked {
        self.store.put(&BlobKey::new(key)?, BlobBody::Bytes(bytes.into()), &PutOptions::default()).await?;
        Ok(())
    }

    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let chunks: Vec<Bytes> = self.store.get(&BlobKey::new(key)?, range).await?.chunks.try_collect().await?;
        Ok(chunks.concat().into())
    }

    async fn keys_below(&self, prefix: &str) -> Checked<Vec<String>> {
        let found: Vec<_> = self.store.list(&BlobKey::new(prefix)?).try_collect().await?;
        let mut keys: Vec<String> = found.into_iter().map(|meta| meta.key.to_string()).collect();
        keys.sort();
        Ok(keys)
    }

    async fn ensure_missing(&self, key: &str, what: &str) -> Checked {
        ensure_kind(self.store.head(&BlobKey::new(key)?).await, ErrorKind::NotFound, what)?;
        ensure_kind(self.read(key, None).await, ErrorKind::NotFound, what)
    }
}

/// Every rule of the seam.
pub const CASES: &[Case<BlobFixture>] = cases![
    what_is_put_comes_back,
    an_empty_blob_is_a_blob,
    fifteen_mebibytes_in_odd_chunks_come_back,
    size_and_key_are_told_by_put_head_and_get,
    a_range_is_cut_exactly,
    a_range_that_reaches_past_the_end_is_cut_there,
    a_range_that_holds_nothing_is_invalid,
    a_missing_blob_is_not_found,
    deleting_is_done_once_and_succeeds_twice,
    a_second_put_replaces_the_first,
    a_reader_sees_one_whole_version,
    a_list_takes_whole_segments,
    a_list_finds_all_of_thirty_and_their_sizes,
    a_list_of_nothing_is_empty,
    create_only_keeps_the_first needs "create_only" if |f| f.store.capability().create_only,
    of_sixteen_creators_one_wins needs "create_only" if |f| f.store.capability().create_only,
    create_only_is_refused_where_it_is_not_offered needs "lacking create_only" if |f| !f.store.capability().create_only,
    a_url_for_reading_is_made needs "presign_get" if |f| f.store.capability().presign_get,
    a_url_for_writing_is_made needs "presign_put" if |f| f.store.capability().presign_put,
    no_url_for_reading_where_none_is_offered needs "lacking presign_get" if |f| !f.store.capability().presign_get,
    no_url_for_writing_where_none_is_offered needs "lacking presign_put" if |f| !f.store.capability().presign_put,
    an_error_in_the_body_leaves_no_blob,
    an_error_in_the_body_leaves_the_old_blob,
    a_put_dropped_half_way_leaves_no_blob,
];

/// Makes one test of every rule of [`BlobStore`](crate::store::BlobStore): `blob_store_conformance!(module, fixture)`,
/// where the fixture is an expression, evaluated anew in async context for every test.
///
/// ```
/// use voiceclone_core::{memory::MemoryBlobs, testkit::blobs::BlobFixture};
/// voiceclone_core::blob_store_conformance!(memory_blobs, BlobFixture::new(MemoryBlobs::new()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! blob_store_conformance {
    ($module:ident, $fixture:expr) => {
        $crate::__conformance_tests!(
            $module,
            $crate::testkit::blobs::CASES,
            $fixture,
            [
                what_is_put_comes_back,
                an_empty_blob_is_a_blob,
                fifteen_mebibytes_in_odd_chunks_come_back,
                size_and_key_are_told_by_put_head_and_get,
                a_range_is_cut_exactly,
                a_range_that_reaches_past_the_end_is_cut_there,
                a_range_that_holds_nothing_is_invalid,
                a_missing_blob_is_not_found,
                deleting_is_done_once_and_succeeds_twice,
                a_second_put_replaces_the_first,
                a_reader_sees_one_whole_version,
                a_list_takes_whole_segments,
                a_list_finds_all_of_thirty_and_their_sizes,
                a_list_of_nothing_is_empty,
                create_only_keeps_the_first,
                of_sixteen_creators_one_wins,
                create_only_is_refused_where_it_is_not_offered,
                a_url_for_reading_is_made,
                a_url_for_writing_is_made,
                no_url_for_reading_where_none_is_offered,
                no_url_for_writing_where_none_is_offered,
                an_error_in_the_body_leaves_no_blob,
                an_error_in_the_body_leaves_the_old_blob,
                a_put_dropped_half_way_leaves_no_blob,
            ]
        );
    };
}

/// Bytes that differ from each of their own shifts, so that a wrong offset shows.
fn noise(len: usize) -> Bytes {
    let mut state = 0x9E37_79B9_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| byte()).collect()
}

/// `bytes` in chunks of growing, odd sizes, some of them empty.
fn odd_chunks(mut bytes: Bytes) -> BlobBody {
    let sizes = [1, 0, 3, 8191, 65_537, 1_048_573].into_iter().cycle();
    let mut chunks = Vec::new();
    for size in sizes {
        if bytes.is_empty() {
            break;
        }
        chunks.push(Ok(bytes.split_to(size.min(bytes.len()))));
    }
    BlobBody::Stream(stream::iter(chunks).boxed())
}

async fn what_is_put_comes_back(f: BlobFixture) -> Checked {
    let sent = noise(100_003);
    f.put("a/b-c_d.e", sent.clone()).await?;
    ensure(f.read("a/b-c_d.e", None).await? == sent, "the bytes read are not the bytes written")
}

async fn an_empty_blob_is_a_blob(f: BlobFixture) -> Checked {
    f.put("empty", Bytes::new()).await?;
    f.store.put(&BlobKey::new("none")?, BlobBody::Stream(stream::empty().boxed()), &PutOptions::default()).await?;
    for key in ["empty", "none"] {
        ensure_eq(f.store.head(&BlobKey::new(key)?).await?.size, 0, "the size of an empty blob")?;
        ensure_eq(f.read(key, None).await?.len(), 0, "the length of an empty blob")?;
    }
    Ok(())
}

async fn fifteen_mebibytes_in_odd_chunks_come_back(f: BlobFixture) -> Checked {
    let sent = noise(15 << 20);
    let meta = f.store.put(&BlobKey::new("large")?, odd_chunks(sent.clone()), &PutOptions::default()).await?;
    ensure_eq(meta.size, 15 << 20, "the size that put tells")?;
    ensure(f.read("large", None).await? == sent, "the bytes read are not the bytes written")?;
    let inner = f.read("large", Some(5_242_879..10_485_761)).await?;
    ensure(inner == sent.slice(5_242_879..10_485_761), "a range across parts is not the bytes written")
}

async fn size_and_key_are_told_by_put_head_and_get(f: BlobFixture) -> Checked {
    let key = BlobKey::new("told/here")?;
    let put = f.store.put(&key, BlobBody::Bytes(noise(1234)), &PutOptions::default().media_type("audio/wav")).await?;
    let head = f.store.head(&key).await?;
    let reader = f.store.get(&key, None).await?;
    let part = f.store.get(&key, Some(10..20)).await?;
    for (meta, verb) in [(&put, "put"), (&head, "head"), (&reader.meta, "get"), (&part.meta, "a ranged get")] {
        ensure_eq((&meta.key, meta.size), (&key, 1234), verb)?;
    }
    ensure_eq(reader.range, 0..1234, "the range of a whole read")?;
    ensure_eq(part.range, 10..20, "the range of a part")
}

async fn a_range_is_cut_exactly(f: BlobFixture) -> Checked {
    let sent = noise(1000);
    f.put("r", sent.clone()).await?;
    for (start, end) in [(0, 1), (0, 1000), (1, 999), (499, 500), (999, 1000)] {
        let read = f.read("r", Some(start as u64..end as u64)).await?;
        ensure(read == sent.slice(start..end), format!("the range {start}..{end} is not the bytes written there"))?;
    }
    Ok(())
}

async fn a_range_that_reaches_past_the_end_is_cut_there(f: BlobFixture) -> Checked {
    let sent = noise(1000);
    f.put("r", sent.clone()).await?;
    for end in [1001, 1_000_000, u64::MAX] {
        let reader = f.store.get(&BlobKey::new("r")?, Some(990..end)).await?;
        ensure_eq(&reader.range, &(990..1000), "the range that is told")?;
        let chunks: Vec<Bytes> = reader.chunks.try_collect().await?;
        ensure(chunks.concat() == sent.slice(990..), format!("the range 990..{end} is not the last ten bytes"))?;
    }
    Ok(())
}

async fn a_range_that_holds_nothing_is_invalid(f: BlobFixture) -> Checked {
    f.put("r", noise(1000)).await?;
    f.put("empty", Bytes::new()).await?;
    let reversed = Range { start: 20, end: 10 };
    for (key, range) in [("r", 10..10), ("r", reversed), ("r", 1000..1001), ("r", 5000..6000), ("empty", 0..1)] {
        let what = format!("the range {range:?} of {key}");
        ensure_kind(f.read(key, Some(range)).await, ErrorKind::InvalidInput, &what)?;
    }
    Ok(())
}

async fn a_missing_blob_is_not_found(f: BlobFixture) -> Checked {
    f.put("there/too", noise(10)).await?;
    for key in ["missing", "there", "there/too-2", "there/to"] {
        f.ensure_missing(key, key).await?;
        ensure_kind(f.read(key, Some(0..1)).await, ErrorKind::NotFound, "a range of a missing blob")?;
    }
    Ok(())
}

async fn deleting_is_done_once_and_succeeds_twice(f: BlobFixture) -> Checked {
    f.put("d/1", noise(10)).await?;
    f.put("d/2", noise(10)).await?;
    for _ in 0..2 {
        f.store.delete(&BlobKey::new("d/1")?).await?;
        f.ensure_missing("d/1", "a deleted blob").await?;
    }
    ensure_eq(f.keys_below("d").await?, ["d/2"], "what is left")
}

async fn a_second_put_replaces_the_first(f: BlobFixture) -> Checked {
    f.put("o", noise(1000)).await?;
    f.put("o", &b"short"[..]).await?;
    ensure_eq(f.read("o", None).await?, &b"short"[..], "the bytes of the second put")?;
    ensure_eq(f.store.head(&BlobKey::new("o")?).await?.size, 5, "the size of the second put")
}

async fn a_reader_sees_one_whole_version(f: BlobFixture) -> Checked {
    const LEN: usize = 300_000;
    f.put("v", vec![0; LEN]).await?;
    let versions = race(8, |i| {
        let f = f.clone();
        async move {
            let fill = u8::try_from(i).unwrap_or_default();
            f.put("v", vec![fill; LEN]).await?;
            Checked::Ok(f.read("v", None).await?)
        }
    });
    for version in versions.await? {
        let version = version?;
        let whole = version.len() == LEN && version.iter().all(|byte| Some(byte) == version.first());
        ensure(whole, "a reader saw the bytes of two writers, or not all of one")?;
    }
    Ok(())
}

async fn a_list_takes_whole_segments(f: BlobFixture) -> Checked {
    for key in ["a/b", "a/c/d", "ab", "abc/d", "b/a/x", "a-b/c"] {
        f.put(key, noise(1)).await?;
    }
    ensure_eq(f.keys_below("a").await?, ["a/b", "a/c/d"], "below a")?;
    ensure_eq(f.keys_below("a/c").await?, ["a/c/d"], "below a/c")?;
    ensure_eq(f.keys_below("a/b").await?, [""; 0], "below a blob")
}

async fn a_list_finds_all_of_thirty_and_their_sizes(f: BlobFixture) -> Checked {
    for i in 0..30 {
        f.put(&format!("all/{}/{i:02}", i % 3), noise(i)).await?;
    }
    let found: Vec<_> = f.store.list(&BlobKey::new("all")?).try_collect().await?;
    let mut found: Vec<_> = found.into_iter().map(|meta| (meta.key.to_string(), meta.size)).collect();
    let mut put: Vec<_> = (0..30_u64).map(|i| (format!("all/{}/{i:02}", i % 3), i)).collect();
    found.sort();
    put.sort();
    ensure_eq(found, put, "the keys and sizes listed")
}

async fn a_list_of_nothing_is_empty(f: BlobFixture) -> Checked {
    ensure_eq(f.keys_below("nothing/here").await?, [""; 0], "below a prefix without blobs")
}

async fn create_only_keeps_the_first(f: BlobFixture) -> Checked {
    let key = BlobKey::new("once")?;
    let create = PutOptions::default().create_only();
    f.store.put(&key, BlobBody::Bytes(Bytes::from_static(b"first")), &create).await?;
    for body in [BlobBody::Bytes(Bytes::from_static(b"second")), odd_chunks(noise(100_000))] {
        ensure_kind(f.store.put(&key, body, &create).await, ErrorKind::AlreadyExists, "the second create")?;
    }
    ensure_eq(f.read("once", None).await?, &b"first"[..], "the bytes after a second create")
}

async fn of_sixteen_creators_one_wins(f: BlobFixture) -> Checked {
    let outcomes = race(16, |i| {
        let store = Arc::clone(&f.store);
        async move {
            let body = odd_chunks(vec![u8::try_from(i).unwrap_or_default(); 1000].into());
            store.put(&BlobKey::new("race")?, body, &PutOptions::default().create_only()).await.map(|_| i)
        }
    });
    let mut winners = Vec::new();
    for outcome in outcomes.await? {
        match outcome {
            Ok(i) => winners.push(i),
            Err(error) => ensure_kind::<()>(Err(error), ErrorKind::AlreadyExists, "a creator that lost")?,
        }
    }
    let [winner] = winners[..] else { return ensure_eq(winners.len(), 1, "creators that won") };
    ensure_eq(f.read("race", None).await?.first().copied(), u8::try_from(winner).ok(), "whose bytes are kept")
}

async fn create_only_is_refused_where_it_is_not_offered(f: BlobFixture) -> Checked {
    let key = BlobKey::new("refused")?;
    let put = f.store.put(&key, BlobBody::Bytes(noise(1)), &PutOptions::default().create_only()).await;
    ensure_kind(put, ErrorKind::Unsupported, "create_only")?;
    f.ensure_missing("refused", "a blob that was refused").await
}

async fn a_url_for_reading_is_made(f: BlobFixture) -> Checked {
    f.put("url", noise(1)).await?;
    let request = f.store.presign_get(&BlobKey::new("url")?, Duration::from_mins(1)).await?;
    ensure_eq(request.method, "GET", "the method")?;
    ensure(request.url.contains("://"), "the URL has no scheme")
}

async fn a_url_for_writing_is_made(f: BlobFixture) -> Checked {
    let key = BlobKey::new("url")?;
    let request = f.store.presign_put(&key, Duration::from_mins(1), &PutOptions::default()).await?;
    ensure_eq(request.method, "PUT", "the method")?;
    ensure(request.url.contains("://"), "the URL has no scheme")?;
    f.ensure_missing("url", "making a URL for writing").await
}

async fn no_url_for_reading_where_none_is_offered(f: BlobFixture) -> Checked {
    f.put("url", noise(1)).await?;
    let request = f.store.presign_get(&BlobKey::new("url")?, Duration::from_mins(1)).await;
    ensure_kind(request, ErrorKind::Unsupported, "a URL for reading")
}

async fn no_url_for_writing_where_none_is_offered(f: BlobFixture) -> Checked {
    let key = BlobKey::new("url")?;
    let request = f.store.presign_put(&key, Duration::from_mins(1), &PutOptions::default()).await;
    ensure_kind(request, ErrorKind::Unsupported, "a URL for writing")
}

/// A body that breaks after six mebibytes, past what a store may buffer before it begins to write.
fn broken_body() -> BlobBody {
    let chunks = (0..6).map(|_| Ok(noise(1 << 20)));
    let broken = Err(Error::new(ErrorKind::Protocol, "the sender went away"));
    BlobBody::Stream(stream::iter(chunks.chain([broken])).boxed())
}

async fn an_error_in_the_body_leaves_no_blob(f: BlobFixture) -> Checked {
    let put = f.store.put(&BlobKey::new("broken/x")?, broken_body(), &PutOptions::default()).await;
    ensure_kind(put, ErrorKind::Protocol, "the body's own error")?;
    f.ensure_missing("broken/x", "a blob whose body broke").await?;
    ensure_eq(f.keys_below("broken").await?, [""; 0], "what is listed after a body broke")
}

async fn an_error_in_the_body_leaves_the_old_blob(f: BlobFixture) -> Checked {
    f.put("old/x", &b"old"[..]).await?;
    let put = f.store.put(&BlobKey::new("old/x")?, broken_body(), &PutOptions::default()).await;
    ensure_kind(put, ErrorKind::Protocol, "the body's own error")?;
    ensure_eq(f.read("old/x", None).await?, &b"old"[..], "the blob that was there before")
}

async fn a_put_dropped_half_way_leaves_no_blob(f: BlobFixture) -> Checked {
    let (half_way, reached) = tokio::sync::oneshot::channel();
    let first = stream::iter((0..6).map(|_| Ok(noise(1 << 20))));
    let stuck = stream::once(async move {
        let _ = half_way.send(());
        std::future::pending().await
    });
    let key = BlobKey::new("dropped/x")?;
    let options = PutOptions::default();
    let put = f.store.put(&key, BlobBody::Stream(first.chain(stuck).boxed()), &options);
    in_time("a put reading its body", async {
        tokio::select! {
            _ = put => Err(super::Failure("a put ended before its body did".into())),
            _ = reached => Ok(()),
        }
    })
    .await??;
    f.ensure_missing("dropped/x", "a blob whose put was dropped").await?;
    ensure_eq(f.keys_below("dropped").await?, [""; 0], "what is listed after a put was dropped")
}
