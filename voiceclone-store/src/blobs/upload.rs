//! How a body gets into an object store whole or not at all, in bounded memory.
use std::future::Future;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    Attributes, CopyMode, CopyOptions, MultipartUpload, ObjectStore as _, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, path::Path,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::BoxStream,
    store::{BlobBody, BlobKey},
};

use super::ObjectBlobStore;

/// How a body is cut into parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The length of every part but the last, in bytes.
    part: usize,
    /// The most parts there may be.
    most: usize,
}

impl Default for Cut {
    /// S3 asks for at least 5 MiB and at most 10 000 parts, R2 for parts of one size: this allows 78 GiB.
    fn default() -> Self {
        Self { part: 8 << 20, most: 10_000 }
    }
}

/// No key begins with a dot, so nothing below it is ever listed as a blob.
pub(super) const STAGING: &str = ".staging";

/// Writes `body` under `key`; once this returns an error, nothing of it is left.
pub(super) async fn put(
    blobs: &ObjectBlobStore,
    key: &BlobKey,
    body: BlobBody,
    mode: PutMode,
    attributes: Attributes,
) -> Result<()> {
    let (first, rest) = first_part(body, blobs.cut).await?;
    let target = blobs.path(key.as_str());
    let Some(rest) = rest else {
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let put = blobs.store.put_opts(&target, first.into(), options).await;
        return put.map(drop).map_err(|e| blobs.failed(&e, key.as_str()));
    };
    let upload = Upload { blobs: blobs.clone(), key: key.clone(), attributes };
    let stop = CancellationToken::new();
    let _stop_if_dropped = stop.clone().drop_guard();
    let task = match mode {
        PutMode::Create => blobs.uploads.spawn(upload.create(target, first, rest, stop)),
        _ => blobs.uploads.spawn(async move { upload.write(&target, first, rest, stop).await }),
    };
    task.await.unwrap_or_else(|join| Err(Error::unexpected("an upload stopped unexpectedly").with_source(join)))
}

/// The first part of a body, and the rest unless that was all.
async fn first_part(body: BlobBody, cut: Cut) -> Result<(Bytes, Option<Parts>)> {
    let chunks = match body {
        BlobBody::Bytes(bytes) if bytes.len() <= cut.part => return Ok((bytes, None)),
        BlobBody::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
        BlobBody::Stream(chunks) => chunks,
    };
    let mut parts = Parts { chunks, carry: Bytes::new(), cut };
    let first = parts.next().await?;
    let is_whole = first.len() < cut.part;
    Ok((first, (!is_whole).then_some(parts)))
}

/// A body cut into parts.
struct Parts {
    chunks: BoxStream<Result<Bytes>>,
    carry: Bytes,
    cut: Cut,
}

impl Parts {
    /// The next part; one that is short is the last.
    async fn next(&mut self) -> Result<Bytes> {
        let mut part = BytesMut::new();
        while part.len() < self.cut.part {
            if self.carry.is_empty() {
                let Some(chunk) = self.chunks.try_next().await? else { break };
                self.carry = chunk;
            }
            let fits = self.carry.len().min(self.cut.part - part.len());
            part.extend_from_slice(&self.carry.split_to(fits));
        }
        Ok(part.freeze())
    }
}

/// An upload in parts. It runs on a task of the store, so that its end is reached and what it wrote is taken back even
/// if the caller is gone.
struct Upload {
    blobs: ObjectBlobStore,
    key: BlobKey,
    attributes: Attributes,
}

impl Upload {
    fn failed(&self, e: &object_store::Error) -> Error {
        self.blobs.failed(e, self.key.as_str())
    }

    /// Writes to `target`, replacing what is there.
    async fn write(&self, target: &Path, first: Bytes, rest: Parts, stop: CancellationToken) -> Result<()> {
        let options = PutMultipartOptions { attributes: self.attributes.clone(), ..PutMultipartOptions::default() };
        let upload = self.blobs.store.put_multipart_opts(target, options).await;
        let mut upload = upload.map_err(|e| self.failed(&e))?;
        let written = tokio::select! {
            biased;
            () = stop.cancelled() => Err(Error::new(ErrorKind::Cancelled, "the upload was dropped")),
            written = self.write_parts(&mut *upload, first, rest) => written,
        };
        let completed = match written {
            Ok(()) => upload.complete().await.map(drop).map_err(|e| self.failed(&e)),
            Err(e) => Err(e),
        };
        if completed.is_err() {
            self.clean(upload.abort()).await;
        }
        completed
    }

    async fn write_parts(&self, upload: &mut dyn MultipartUpload, first: Bytes, mut rest: Parts) -> Result<()> {
        let Cut { part: full, most } = rest.cut;
        let (mut part, mut number) = (first, 0);
        while !part.is_empty() {
            number += 1;
            if number > most {
                return Err(Error::invalid(format!(
                    "the blob is longer than the {} bytes that can be stored",
                    full * most
                )));
            }
            let is_last = part.len() < full;
            upload.put_part(part.into()).await.map_err(|e| self.failed(&e))?;
            part = if is_last { Bytes::new() } else { rest.next().await? };
        }
        Ok(())
    }

    /// Writes to `target` unless something is there. Uploads in parts cannot ask for that, so the whole goes to another
    /// name first, and the copy asks.
    async fn create(self, target: Path, first: Bytes, rest: Parts, stop: CancellationToken) -> Result<()> {
        let staged = self.blobs.path(&format!("{STAGING}/{}", Uuid::now_v7().simple()));
        self.write(&staged, first, rest, stop).await?;
        let options = CopyOptions { mode: CopyMode::Create, ..CopyOptions::default() };
        let copied = self.blobs.store.copy_opts(&staged, &target, options).await;
        self.clean(self.blobs.store.delete(&staged)).await;
        copied.map_err(|e| self.failed(&e))
    }

    /// What cannot be taken back now is left to the store's own sweep of leftovers.
    async fn clean(&self, work: impl Future<Output = object_store::Result<()>>) {
        if let Err(e) = work.await {
            tracing::warn!(error = %self.failed(&e).chain(), "an unfinished upload could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use voiceclone_core::store::{BlobStore as _, PutOptions as Asked};

    use super::*;

    /// Puts `len` bytes into a store that takes four parts of eight bytes.
    async fn put_bytes(len: usize) -> (ObjectBlobStore, Result<u64>) {
        let mut blobs = ObjectBlobStore::new(Arc::new(InMemory::new()));
        blobs.cut = Cut { part: 8, most: 4 };
        let body = BlobBody::Stream(stream::iter((0..len).map(|_| Ok(Bytes::from_static(b"x")))).boxed());
        let key = BlobKey::new("a").unwrap();
        let put = blobs.put(&key, body, &Asked::default()).await.map(|meta| meta.size);
        (blobs, put)
    }

    #[tokio::test]
    async fn a_body_of_more_parts_than_there_may_be_is_refused_and_leaves_nothing() {
        for len in [0, 7, 8, 9, 31, 32] {
            assert_eq!(put_bytes(len).await.1.unwrap(), len as u64);
        }
        for len in [33, 1000] {
            let (blobs, put) = put_bytes(len).await;
            let error = put.unwrap_err();
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::InvalidInput, false));
            assert!(error.message().contains("32 bytes"), "{error}");
            assert_eq!(blobs.head(&BlobKey::new("a").unwrap()).await.unwrap_err().kind(), ErrorKind::NotFound);
        }
    }

    #[tokio::test]
    async fn bytes_longer_than_a_part_go_in_parts() {
        let cut = Cut { part: 8, most: 4 };
        for (len, first, more) in [(0, 0, false), (8, 8, false), (9, 8, true)] {
            let body = BlobBody::Bytes(vec![0; len].into());
            let (part, rest) = first_part(body, cut).await.unwrap();
            assert_eq!((part.len(), rest.is_some()), (first, more), "{len}");
        }
    }
}
