//! A blob store with one fault.
use std::{ops::Range, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use voiceclone_core::{
    ErrorKind, Result, async_trait,
    audio::BoxStream,
    memory::MemoryBlobs,
    store::{BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, PresignedRequest, PutOptions},
    testkit::blobs::{BlobFixture, CASES},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    DropsTheLastByte,
    SkipsEmptyBlobs,
    TellsAWrongSize,
    StartsARangeLate,
    RefusesALongRange,
    TakesAnEmptyRange,
    ReadsMissingAsEmpty,
    FailsASecondDelete,
    ForgetsToDelete,
    NeverReplaces,
    WritesInTwoSteps,
    ListsByLetters,
    ListsTen,
    CreatesTwice,
    ChecksThenCreates,
    CreatesWithoutOffering,
    PromisesUrls,
    KeepsBrokenBodies,
    DeletesBeforeWriting,
    ShowsHalfAPut,
}

#[derive(Debug)]
struct FaultyBlobs {
    inner: MemoryBlobs,
    fault: Fault,
}

impl FaultyBlobs {
    async fn write(&self, key: &BlobKey, bytes: &[u8]) -> Result<BlobMeta> {
        self.inner.put(key, BlobBody::Bytes(Bytes::copy_from_slice(bytes)), &PutOptions::default()).await
    }

    async fn put_chunks(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        let mut chunks = match body {
            BlobBody::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
            BlobBody::Stream(chunks) => chunks,
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(error) if self.fault == Fault::KeepsBrokenBodies => {
                    self.write(key, &bytes).await?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
            if self.fault == Fault::ShowsHalfAPut {
                self.write(key, &bytes).await?;
            }
        }
        if self.fault == Fault::DropsTheLastByte {
            bytes.pop();
        }
        if self.fault == Fault::WritesInTwoSteps && !options.create_only {
            self.write(key, &bytes[..bytes.len() / 2]).await?;
            tokio::task::yield_now().await;
        }
        self.inner.put(key, BlobBody::Bytes(bytes.into()), options).await
    }
}

#[async_trait]
impl BlobStore for FaultyBlobs {
    fn capability(&self) -> BlobCapability {
        BlobCapability::with(|c| {
            c.create_only = self.fault != Fault::CreatesWithoutOffering;
            c.presign_get = self.fault == Fault::PromisesUrls;
        })
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        let there = self.inner.head(key).await;
        match self.fault {
            Fault::SkipsEmptyBlobs if matches!(&body, BlobBody::Bytes(bytes) if bytes.is_empty()) => {
                Ok(BlobMeta::new(key.clone(), 0, chrono::Utc::now()))
            }
            Fault::NeverReplaces if there.is_ok() && !options.create_only => there,
            Fault::CreatesTwice => self.put_chunks(key, body, &PutOptions::default()).await,
            Fault::ChecksThenCreates if options.create_only && there.is_err() => {
                tokio::task::yield_now().await;
                self.put_chunks(key, body, &PutOptions::default()).await
            }
            Fault::DeletesBeforeWriting if !options.create_only => {
                self.inner.delete(key).await?;
                self.put_chunks(key, body, options).await
            }
            _ => self.put_chunks(key, body, options).await,
        }
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        let late = |range: Range<u64>| range.start + 1..range.end.max(range.start + 2);
        let range = if self.fault == Fault::StartsARangeLate { range.map(late) } else { range };
        let long = range.as_ref().map(|range| range.end);
        let read = self.inner.get(key, range).await;
        let empty = |meta| BlobReader { meta, range: 0..0, chunks: stream::empty().boxed() };
        match (self.fault, &read) {
            (Fault::RefusesALongRange, Ok(reader)) if long > Some(reader.meta.size) => {
                Err(voiceclone_core::Error::invalid("the range reaches past the end"))
            }
            (Fault::TakesAnEmptyRange, Err(e)) if e.kind() == ErrorKind::InvalidInput => {
                Ok(empty(self.inner.head(key).await?))
            }
            (Fault::ReadsMissingAsEmpty, Err(e)) if e.kind() == ErrorKind::NotFound => {
                Ok(empty(BlobMeta::new(key.clone(), 0, chrono::Utc::now())))
            }
            _ => read,
        }
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        let mut meta = self.inner.head(key).await?;
        meta.size += u64::from(self.fault == Fault::TellsAWrongSize);
        Ok(meta)
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        match self.fault {
            Fault::ForgetsToDelete => Ok(()),
            Fault::FailsASecondDelete => {
                self.inner.head(key).await?;
                self.inner.delete(key).await
            }
            _ => self.inner.delete(key).await,
        }
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        match self.fault {
            Fault::ListsTen => self.inner.list(prefix).take(10).boxed(),
            Fault::ListsByLetters => {
                let letters = ["a", "ab", "a-b"].map(|key| BlobKey::new(key).unwrap());
                let near = letters.into_iter().filter(|key| key.as_str().starts_with(prefix.as_str()));
                let found: Vec<_> = near.map(|key| self.inner.list(&key)).collect();
                stream::iter(found).flatten().into_stream().boxed()
            }
            _ => self.inner.list(prefix),
        }
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        self.inner.presign_get(key, ttl).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        self.inner.presign_put(key, ttl, options).await
    }
}

#[test]
fn every_faulty_blob_store_is_caught() {
    for (fault, case) in [
        (Fault::DropsTheLastByte, "what_is_put_comes_back"),
        (Fault::SkipsEmptyBlobs, "an_empty_blob_is_a_blob"),
        (Fault::TellsAWrongSize, "size_and_key_are_told_by_put_head_and_get"),
        (Fault::StartsARangeLate, "a_range_is_cut_exactly"),
        (Fault::RefusesALongRange, "a_range_that_reaches_past_the_end_is_cut_there"),
        (Fault::TakesAnEmptyRange, "a_range_that_holds_nothing_is_invalid"),
        (Fault::ReadsMissingAsEmpty, "a_missing_blob_is_not_found"),
        (Fault::FailsASecondDelete, "deleting_is_done_once_and_succeeds_twice"),
        (Fault::ForgetsToDelete, "deleting_is_done_once_and_succeeds_twice"),
        (Fault::NeverReplaces, "a_second_put_replaces_the_first"),
        (Fault::WritesInTwoSteps, "a_reader_sees_one_whole_version"),
        (Fault::ListsByLetters, "a_list_takes_whole_segments"),
        (Fault::ListsTen, "a_list_finds_all_of_thirty_and_their_sizes"),
        (Fault::CreatesTwice, "create_only_keeps_the_first"),
        (Fault::ChecksThenCreates, "of_sixteen_creators_one_wins"),
        (Fault::CreatesWithoutOffering, "create_only_is_refused_where_it_is_not_offered"),
        (Fault::PromisesUrls, "a_url_for_reading_is_made"),
        (Fault::KeepsBrokenBodies, "an_error_in_the_body_leaves_no_blob"),
        (Fault::DeletesBeforeWriting, "an_error_in_the_body_leaves_the_old_blob"),
        (Fault::ShowsHalfAPut, "a_put_dropped_half_way_leaves_no_blob"),
    ] {
        let store = || FaultyBlobs { inner: MemoryBlobs::new(), fault };
        super::assert_caught(CASES, &format!("{fault:?}"), case, || BlobFixture::new(store()));
    }
}
