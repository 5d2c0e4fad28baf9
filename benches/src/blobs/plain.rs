//! The same bytes without the store: files written, flushed and renamed, and requests to presigned URLs.
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reqwest::Client;
use voiceclone_core::{
    Error, Result,
    store::{BlobKey, BlobStore as _, PresignedRequest, PutOptions},
};
use voiceclone_store::ObjectBlobStore;

/// Longer than any run.
const TTL: Duration = Duration::from_hours(12);

/// Files below a directory.
#[derive(Debug, Clone)]
pub struct Files(pub PathBuf);

impl Files {
    /// Writes a temporary file, flushes it, renames it, flushes the directory: what a store must do at the least.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, temporary) = (self.0.join(name), self.0.join(format!("{name}#1")));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        write().map_err(|e| Error::unexpected("a plain file cannot be written").with_source(e))
    }

    /// Reads a file in pieces and returns its length.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn get(&self, name: &str) -> Result<u64> {
        let read = || -> io::Result<u64> {
            let mut file = File::open(self.0.join(name))?;
            let mut piece = vec![0; 256 << 10];
            let mut length = 0;
            loop {
                match file.read(&mut piece)? {
                    0 => return Ok(length),
                    n => length += n as u64,
                }
            }
        };
        read().map_err(|e| Error::unexpected("a plain file cannot be read").with_source(e))
    }
}

/// Requests to one object of a bucket.
#[derive(Debug, Clone)]
pub struct Requests {
    client: Client,
    put: PresignedRequest,
    get: PresignedRequest,
}

impl Requests {
    /// With the URLs of `store`, which are made beforehand.
    ///
    /// # Errors
    /// If the store makes no URLs.
    pub async fn to(client: Client, store: &ObjectBlobStore, key: &BlobKey) -> Result<Self> {
        let put = store.presign_put(key, TTL, &PutOptions::default()).await?;
        Ok(Self { client, put, get: store.presign_get(key, TTL).await? })
    }

    /// Writes the object.
    ///
    /// # Errors
    /// If the server refuses it.
    pub async fn put(&self, bytes: Bytes) -> Result<()> {
        let mut request = self.client.put(&self.put.url).body(bytes);
        for (name, value) in &self.put.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        answer.map(drop).map_err(failed)
    }

    /// Reads the object and returns its length.
    ///
    /// # Errors
    /// If the server refuses it.
    pub async fn get(&self) -> Result<u64> {
        let answer = self.client.get(&self.get.url).send().await.and_then(reqwest::Response::error_for_status);
        let pieces = answer.map_err(failed)?.bytes_stream();
        pieces.try_fold(0, async |length, piece| Ok(length + piece.len() as u64)).await.map_err(failed)
    }
}

fn failed(error: reqwest::Error) -> Error {
    Error::unexpected("a plain request fails").with_source(error.without_url())
}
