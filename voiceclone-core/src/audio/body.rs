//! Audio bytes, in memory or in a temporary file, so that size decides where they live and not who asked.
use std::{
    fmt,
    fs::File,
    io::{self, Cursor, Read, Seek, Write},
    path::Path,
    pin::Pin,
    sync::Arc,
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::spool::Spool;
use crate::error::{Error, ErrorKind, Result};

/// A boxed stream that can cross threads.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send + 'static>>;

/// Bytes up to this size stay in memory; more goes to a temporary file.
pub const SPOOL_THRESHOLD: usize = 4 << 20;
const CHUNK: usize = 256 << 10;

/// Something that reads and seeks and can cross threads.
pub trait ReadSeek: Read + Seek + Send + Sync {}
impl<T: Read + Seek + Send + Sync> ReadSeek for T {}

/// Bytes in memory or in a file. Cheap to clone; a temporary file goes when its last clone goes.
#[derive(Clone)]
pub struct AudioBody(Place);

#[derive(Clone)]
enum Place {
    Memory(Bytes),
    Temporary(Arc<TempPath>, u64),
    File(Arc<Path>, u64),
}

impl AudioBody {
    /// The file at `path`, which stays where it is and must not change while this lives.
    ///
    /// # Errors
    /// `InvalidInput` if it cannot be opened or is not a regular file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refuse = |why: &str| Error::invalid(format!("{why}: {}", path.display()));
        let meta = std::fs::metadata(path).map_err(|e| refuse("the file cannot be opened").with_source(e))?;
        if !meta.is_file() {
            return Err(refuse("this is not a regular file"));
        }
        Ok(Self(Place::File(path.into(), meta.len())))
    }

    /// Takes over a temporary file that was written. `Unavailable` if its size cannot be read.
    pub(crate) fn from_temporary(file: NamedTempFile) -> Result<Self> {
        let len = file.as_file().metadata().map_err(spool_failed)?.len();
        Ok(Self(Place::Temporary(Arc::new(file.into_temp_path()), len)))
    }

    /// Size in bytes.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::Temporary(_, len) | Place::File(_, len) => *len,
        }
    }

    /// True if there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A new reader at the start. Blocking: for a blocking thread.
    ///
    /// # Errors
    /// `Unavailable` if the file is gone.
    pub fn reader(&self) -> Result<Box<dyn ReadSeek>> {
        Ok(match &self.0 {
            Place::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Place::Temporary(path, _) => Box::new(File::open(&**path).map_err(spool_failed)?),
            Place::File(path, _) => Box::new(File::open(path).map_err(spool_failed)?),
        })
    }

    /// All bytes at once.
    ///
    /// # Errors
    /// `InvalidInput` if there are more than `limit`; `Unavailable` if the file is gone.
    pub async fn bytes(&self, limit: u64) -> Result<Bytes> {
        if self.len() > limit {
            return Err(Error::invalid(format!("audio has {} bytes; at most {limit} are accepted here", self.len())));
        }
        if let Place::Memory(bytes) = &self.0 {
            return Ok(bytes.clone());
        }
        let body = self.clone();
        blocking("read", move || {
            let mut out = Vec::new();
            body.reader()?.take(limit).read_to_end(&mut out).map_err(spool_failed)?;
            Ok(out.into())
        })
        .await
    }

    /// The bytes in order, in chunks of at most 256 KiB; reads happen on blocking threads.
    pub fn stream(&self) -> BoxStream<Result<Bytes>> {
        if let Place::Memory(bytes) = &self.0 {
            let bytes = bytes.clone();
            return Box::pin(futures_util::stream::iter((!bytes.is_empty()).then_some(Ok(bytes))));
        }
        let body = self.clone();
        Box::pin(futures_util::stream::try_unfold(None, move |reader: Option<Box<dyn ReadSeek>>| {
            let body = body.clone();
            async move {
                blocking("read", move || {
                    let mut reader = match reader {
                        Some(reader) => reader,
                        None => body.reader()?,
                    };
                    let mut chunk = Vec::with_capacity(CHUNK);
                    reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).map_err(spool_failed)?;
                    Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), Some(reader))))
                })
                .await
            }
        }))
    }

    /// The SHA-256 of the bytes, as lower-case hexadecimal.
    ///
    /// # Errors
    /// `Unavailable` if the file is gone.
    pub async fn sha256(&self) -> Result<String> {
        let body = self.clone();
        blocking("hash", move || {
            let mut hash = Sha256::new();
            let mut reader = body.reader()?;
            let mut chunk = vec![0; CHUNK];
            loop {
                let n = reader.read(&mut chunk).map_err(spool_failed)?;
                if n == 0 {
                    return Ok(crate::id::hex(&hash.finalize()));
                }
                hash.update(chunk.get(..n).unwrap_or_default());
            }
        })
        .await
    }

    /// Takes a stream, in memory while it is small and in a temporary file once it is not.
    ///
    /// # Errors
    /// `InvalidInput` past `limit` bytes, read no further; the stream's own error; `Unavailable` if the disk is full.
    ///
    /// # Cancel safety
    /// Dropping the future removes the temporary file.
    pub async fn spool(chunks: impl Stream<Item = Result<Bytes>> + Send, limit: u64) -> Result<Self> {
        let mut chunks = std::pin::pin!(chunks);
        let mut spool = Spool::default();
        let mut len = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            len += chunk.len() as u64;
            if len > limit {
                return Err(Error::invalid(format!("the upload has more than the {limit} bytes that are accepted")));
            }
            if spool.would_block(chunk.len()) {
                spool =
                    blocking("spool", move || spool.write_all(&chunk).map_err(spool_failed).map(|()| spool)).await?;
            } else {
                spool.write_all(&chunk).map_err(spool_failed)?;
            }
        }
        spool.finish()
    }
}

impl From<Bytes> for AudioBody {
    fn from(bytes: Bytes) -> Self {
        Self(Place::Memory(bytes))
    }
}

impl From<Vec<u8>> for AudioBody {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl fmt::Debug for AudioBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.0 {
            Place::Memory(_) => "memory",
            Place::Temporary(..) => "temporary file",
            Place::File(..) => "file",
        };
        write!(f, "AudioBody({} bytes in {place})", self.len())
    }
}

/// Runs blocking work off the runtime; a panic in it is an error, not a crash.
pub(crate) async fn blocking<T: Send + 'static>(
    op: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|e| e.during(op)),
        Err(join) => {
            Err(Error::unexpected("a background computation stopped unexpectedly").during(op).with_source(join))
        }
    }
}

/// A failure of temporary storage.
pub(super) fn spool_failed(error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::StorageFull { "the disk is full" } else { "temporary storage failed" };
    Error::new(ErrorKind::Unavailable, kind).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt as _;

    fn chunks(n: usize, size: usize) -> impl Stream<Item = Result<Bytes>> + Send {
        futures_util::stream::iter((0..n).map(move |i| Ok(Bytes::from(vec![u8::try_from(i % 251).unwrap(); size]))))
    }

    #[tokio::test]
    async fn what_is_spooled_comes_back_from_memory_and_from_a_file() {
        for n in [0, 1, 3, 100] {
            let body = AudioBody::spool(chunks(n, 100_000), u64::MAX).await.unwrap();
            let back: Vec<Bytes> = body.stream().try_collect().await.unwrap();
            let sent: Vec<Bytes> = chunks(n, 100_000).try_collect().await.unwrap();
            assert_eq!(back.concat(), sent.concat(), "{n} chunks");
            assert_eq!(body.bytes(u64::MAX).await.unwrap(), sent.concat());
            assert_eq!(body.len(), n as u64 * 100_000);
        }
    }

    #[tokio::test]
    async fn a_stream_past_the_limit_is_refused_without_reading_on() {
        let read = std::sync::atomic::AtomicUsize::new(0);
        let counted = chunks(1000, 1000).inspect(|_| {
            read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let error = AudioBody::spool(counted, 10_000).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(read.into_inner(), 11);
    }

    #[tokio::test]
    async fn a_temporary_file_goes_with_its_last_clone() {
        let body = AudioBody::spool(chunks(60, 100_000), u64::MAX).await.unwrap();
        let Place::Temporary(path, _) = &body.0 else { panic!("{body:?} should be in a file") };
        let path = path.to_path_buf();
        let clone = body.clone();
        drop(body);
        assert!(path.exists());
        drop(clone);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn the_hash_is_that_of_sha256sum() {
        let body = AudioBody::from(Bytes::from_static(b"abc"));
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(body.sha256().await.unwrap(), expected);
    }
}
