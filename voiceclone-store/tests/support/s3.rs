//! A server that speaks S3 over a directory: the protocol and its signatures are those of `s3s`, the files those of
//! `s3s-fs`. What that store gets wrong is put right here, so that the tests see what a real one does:
//!
//! - The names of its side files are longer than a file's name may be where a key is as long as the engine's. Each run of
//!   32 hexadecimal digits in a key is kept as 23 characters.
//! - A list fails while another request deletes: they take turns.
//! - A put or copy that must not replace is not atomic: it has the store to itself.
//! - A put into a bucket that is not there makes one.
//! - The path to an object is a directory, which it takes for a broken object.
#![allow(dead_code, reason = "every test binary uses another part of it")]
#![allow(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]
use std::{
    fmt::Write as _,
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    auth::SimpleAuth,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CopySource, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
        GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output,
        PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
    },
    s3_error,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::RwLock, task::JoinSet};
use voiceclone_store::{Credentials, ObjectBlobStore, ObjectBlobStoreBuilder};

/// The only bucket there is.
pub(crate) const BUCKET: &str = "voices";
/// Whom the server knows.
pub(crate) const ACCESS_KEY: &str = "AKIDTEST";
/// What it signs with.
pub(crate) const SECRET_KEY: &str = "the-secret-of-the-test";
/// Where it says it is.
pub(crate) const REGION: &str = "us-east-1";

/// A server in this process, stopped when it is dropped.
pub(crate) struct S3Server {
    /// Its address, as a URL without a path.
    pub(crate) endpoint: String,
    root: TempDir,
    _serving: JoinSet<io::Result<()>>,
}

impl S3Server {
    /// An empty bucket behind a port of its own.
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let dir = root.path().to_owned();
        let mut serving = JoinSet::new();
        serving.spawn(async move { serve(&dir, listener).await });
        Self { endpoint, root, _serving: serving }
    }

    /// Blobs below `prefix` of the bucket, yet to be opened.
    pub(crate) fn builder(&self, prefix: &str) -> ObjectBlobStoreBuilder {
        builder(&self.endpoint, prefix)
    }

    /// Blobs below `prefix` of the bucket.
    pub(crate) async fn store(&self, prefix: &str) -> ObjectBlobStore {
        self.builder(prefix).build().await.unwrap()
    }

    /// Where its files are: the objects below the bucket's name.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// How many uploads in parts were begun and neither completed nor aborted.
    pub(crate) fn unfinished_uploads(&self) -> usize {
        unfinished_uploads(self.root())
    }
}

/// Blobs below `prefix` of the bucket of whoever serves at `endpoint`, yet to be opened.
pub(crate) fn builder(endpoint: &str, prefix: &str) -> ObjectBlobStoreBuilder {
    let builder = ObjectBlobStore::builder(&format!("s3://{BUCKET}/{prefix}")).unwrap();
    builder.endpoint(endpoint).region(REGION).credentials(Credentials::s3(ACCESS_KEY, SECRET_KEY))
}

/// How many uploads in parts lie unfinished in the directory of a server.
pub(crate) fn unfinished_uploads(root: &Path) -> usize {
    let names = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".upload-") || name.starts_with(".upload_id-")).count()
}

/// Serves [`BUCKET`] below `root` to whoever connects, until it is dropped. A process of its own may do only this.
pub(crate) async fn serve(root: &Path, listener: TcpListener) -> io::Result<()> {
    std::fs::create_dir_all(root.join(BUCKET))?;
    let mut service = S3ServiceBuilder::new(Bucket::new(root));
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let mut connections = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await?;
        let service = service.clone();
        connections.spawn(async move {
            // A client that goes away is no concern of the server's.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

struct Bucket {
    files: FileSystem,
    root: PathBuf,
    turn: RwLock<()>,
}

impl Bucket {
    fn new(root: &Path) -> Self {
        Self { files: FileSystem::new(root).unwrap(), root: root.to_owned(), turn: RwLock::new(()) }
    }

    fn ensure(&self, bucket: &str) -> S3Result<()> {
        if self.root.join(bucket).is_dir() { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    fn ensure_object(&self, bucket: &str, kept: &str) -> S3Result<()> {
        self.ensure(bucket)?;
        if self.root.join(bucket).join(kept).is_file() { Ok(()) } else { Err(s3_error!(NoSuchKey)) }
    }
}

const DIGITS: usize = 32;
const CHARS: usize = 22;
const MARK: char = '=';
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The name under which a key is kept. Segments stay segments.
fn kept(key: &str) -> String {
    let mut out = String::new();
    let mut rest = key;
    while let Some(first) = rest.chars().next() {
        let digits = rest.bytes().take(DIGITS).take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).count();
        if digits == DIGITS {
            let mut number = u128::from_str_radix(&rest[..DIGITS], 16).unwrap();
            out.push(MARK);
            for _ in 0..CHARS {
                out.push((*ALPHABET.get((number & 63) as usize).unwrap()).into());
                number >>= 6;
            }
            rest = &rest[DIGITS..];
        } else {
            let plain = digits.max(first.len_utf8());
            out.push_str(&rest[..plain]);
            rest = &rest[plain..];
        }
    }
    out
}

/// The key of a name.
pub(crate) fn key_of(kept: &str) -> String {
    let mut parts = kept.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (chars, plain) = part.split_at(CHARS);
        let digit = |b: u8| ALPHABET.iter().position(|a| *a == b).unwrap() as u128;
        let number = chars.bytes().rev().fold(0_u128, |number, b| number << 6 | digit(b));
        write!(out, "{number:032x}{plain}").unwrap();
    }
    out
}

#[async_trait]
impl S3 for Bucket {
    async fn put_object(&self, mut req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.ensure(&req.input.bucket)?;
        req.input.key = kept(&req.input.key);
        if req.input.if_none_match.is_some() || req.input.if_match.is_some() {
            let _alone = self.turn.write().await;
            return self.files.put_object(req).await;
        }
        let _shared = self.turn.read().await;
        self.files.put_object(req).await
    }

    async fn get_object(&self, mut req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        req.input.key = kept(&req.input.key);
        self.ensure_object(&req.input.bucket, &req.input.key)?;
        self.files.get_object(req).await
    }

    async fn head_object(&self, mut req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        req.input.key = kept(&req.input.key);
        self.ensure_object(&req.input.bucket, &req.input.key)?;
        self.files.head_object(req).await
    }

    async fn delete_object(&self, mut req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        req.input.key = kept(&req.input.key);
        let _alone = self.turn.write().await;
        self.files.delete_object(req).await
    }

    async fn delete_objects(
        &self,
        mut req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.ensure(&req.input.bucket)?;
        for object in &mut req.input.delete.objects {
            object.key = kept(&object.key);
        }
        let _alone = self.turn.write().await;
        let mut found = self.files.delete_objects(req).await?;
        for deleted in found.output.deleted.iter_mut().flatten() {
            deleted.key = deleted.key.as_deref().map(key_of);
        }
        Ok(found)
    }

    async fn list_objects_v2(
        &self,
        mut req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        req.input.prefix = req.input.prefix.as_deref().map(kept);
        req.input.start_after = req.input.start_after.as_deref().map(kept);
        let _shared = self.turn.read().await;
        let mut found = self.files.list_objects_v2(req).await?;
        for object in found.output.contents.iter_mut().flatten() {
            object.key = object.key.as_deref().map(key_of);
        }
        for common in found.output.common_prefixes.iter_mut().flatten() {
            common.prefix = common.prefix.as_deref().map(key_of);
        }
        found.output.prefix = found.output.prefix.as_deref().map(key_of);
        Ok(found)
    }

    async fn copy_object(&self, mut req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        req.input.key = kept(&req.input.key);
        keep_source(&mut req.input.copy_source);
        let _alone = self.turn.write().await;
        self.files.copy_object(req).await
    }

    async fn create_multipart_upload(
        &self,
        mut req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.ensure(&req.input.bucket)?;
        req.input.key = kept(&req.input.key);
        self.files.create_multipart_upload(req).await
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(req).await
    }

    async fn upload_part_copy(
        &self,
        mut req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        keep_source(&mut req.input.copy_source);
        self.files.upload_part_copy(req).await
    }

    async fn complete_multipart_upload(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        req.input.key = kept(&req.input.key);
        let _alone = self.turn.write().await;
        self.files.complete_multipart_upload(req).await
    }

    async fn abort_multipart_upload(
        &self,
        mut req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        req.input.key = kept(&req.input.key);
        self.files.abort_multipart_upload(req).await
    }
}

fn keep_source(source: &mut CopySource) {
    if let CopySource::Bucket { key, .. } = source {
        *key = kept(key).into();
    }
}
