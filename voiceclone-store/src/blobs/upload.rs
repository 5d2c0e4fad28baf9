//! How a body gets into an object store whole or not at all, in bounded memory.
use std::{future::Future, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use object_store::{
    Attributes, CopyMode, CopyOptions, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions,
    PutOptions, path::Path,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::BoxStream,
    store::{BlobBody, BlobKey},
};

use super::ObjectBlobStore;
use crate::error;

/// S3 asks for at least 5 MiB and at most 10 000 parts, R2 for parts of one size: this allows 80 GiB.
const PART: usize = 8 << 20;
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
    let (first, rest) = match body {
        BlobBody::Bytes(bytes) => (bytes, None),
        BlobBody::Stream(chunks) => {
            let mut parts = Parts { chunks, carry: Bytes::new() };
            let first = parts.next().await?;
            let is_whole = first.len() < PART;
            (first, (!is_whole).then_some(parts))
        }
    };
    let target = super::path(key);
    let Some(rest) = rest else {
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let put = blobs.store.put_opts(&target, first.into(), options).await;
        return put.map(drop).map_err(|e| error::object(&e, key.as_str()));
    };
    let upload = Upload { store: Arc::clone(&blobs.store), key: key.clone(), attributes };
    let stop = CancellationToken::new();
    let _stop_if_dropped = stop.clone().drop_guard();
    let task = match mode {
        PutMode::Create => blobs.uploads.spawn(upload.create(target, first, rest, stop)),
        _ => blobs.uploads.spawn(async move { upload.write(&target, first, rest, stop).await }),
    };
    task.await.unwrap_or_else(|join| Err(Error::unexpected("an upload stopped unexpectedly").with_source(join)))
}

/// A body cut into parts.
struct Parts {
    chunks: BoxStream<Result<Bytes>>,
    carry: Bytes,
}

impl Parts {
    /// The next part; one that is short is the last.
    async fn next(&mut self) -> Result<Bytes> {
        let mut part = BytesMut::new();
        while part.len() < PART {
            if self.carry.is_empty() {
                let Some(chunk) = self.chunks.try_next().await? else { break };
                self.carry = chunk;
            }
            let fits = self.carry.len().min(PART - part.len());
            part.extend_from_slice(&self.carry.split_to(fits));
        }
        Ok(part.freeze())
    }
}

/// An upload in parts. It runs on a task of the store, so that its end is reached and what it wrote is taken back even if
/// the caller is gone.
struct Upload {
    store: Arc<dyn ObjectStore>,
    key: BlobKey,
    attributes: Attributes,
}

impl Upload {
    fn failed(&self, e: &object_store::Error) -> Error {
        error::object(e, self.key.as_str())
    }

    /// Writes to `target`, replacing what is there.
    async fn write(&self, target: &Path, first: Bytes, rest: Parts, stop: CancellationToken) -> Result<()> {
        let options = PutMultipartOptions { attributes: self.attributes.clone(), ..PutMultipartOptions::default() };
        let upload = self.store.put_multipart_opts(target, options).await;
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
        let mut part = first;
        while !part.is_empty() {
            let is_last = part.len() < PART;
            upload.put_part(part.into()).await.map_err(|e| self.failed(&e))?;
            part = if is_last { Bytes::new() } else { rest.next().await? };
        }
        Ok(())
    }

    /// Writes to `target` unless something is there. Uploads in parts cannot ask for that, so the whole goes to another
    /// name first, and the copy asks.
    async fn create(self, target: Path, first: Bytes, rest: Parts, stop: CancellationToken) -> Result<()> {
        let staged = Path::from_iter([STAGING, &Uuid::now_v7().simple().to_string()]);
        self.write(&staged, first, rest, stop).await?;
        let options = CopyOptions { mode: CopyMode::Create, ..CopyOptions::default() };
        let copied = self.store.copy_opts(&staged, &target, options).await;
        self.clean(self.store.delete(&staged)).await;
        copied.map_err(|e| self.failed(&e))
    }

    /// What cannot be taken back now is left to the store's own sweep of leftovers.
    async fn clean(&self, work: impl Future<Output = object_store::Result<()>>) {
        if let Err(e) = work.await {
            tracing::warn!(error = %self.failed(&e).chain(), "an unfinished upload could not be removed");
        }
    }
}
