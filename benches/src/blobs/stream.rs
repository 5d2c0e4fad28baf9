//! Many gigabytes through a store and back, and the memory that takes.
use std::{fs, time::Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use voiceclone_core::{
    Error, Result,
    store::{BlobBody, BlobKey, BlobStore, PutOptions},
};

use crate::goals::Verdict;

/// Bytes in one piece of the body.
const PIECE: u64 = 256 << 10;
/// The most that the resident set may grow.
const GROWTH: u64 = 64 << 20;

/// What the streams took.
#[derive(Debug, Clone, Copy)]
pub struct Streamed {
    /// Length of the blob in bytes.
    pub bytes: u64,
    /// Seconds to put it.
    pub put: f64,
    /// Seconds to get it.
    pub get: f64,
    /// The resident set before, in bytes.
    pub before: u64,
    /// Its peak, in bytes.
    pub peak: u64,
}

/// Puts a blob of this length and gets it, and prints `streamed BYTES PUT GET BEFORE PEAK`: microseconds and bytes.
///
/// # Errors
/// If the store fails, or another number of bytes comes back.
pub async fn through(store: &dyn BlobStore, bytes: u64) -> Result<()> {
    let key = BlobKey::new("stream/long")?;
    let piece: Bytes = (0..PIECE).map(|n| n.to_le_bytes()[0]).collect();
    // The first small blob makes what every process has only once.
    store.put(&key, BlobBody::Bytes(piece.clone()), &PutOptions::default()).await?;
    let before = memory("VmRSS:")?;
    let began = Instant::now();
    let pieces = stream::iter((0..bytes.div_ceil(PIECE)).map(move |number| {
        let left = usize::try_from(bytes - number * PIECE).unwrap_or(usize::MAX);
        Ok(piece.slice(..left.min(piece.len())))
    }));
    store.put(&key, BlobBody::Stream(pieces.boxed()), &PutOptions::default()).await?;
    let put = began.elapsed();
    let began = Instant::now();
    let chunks = store.get(&key, None).await?.chunks;
    let length = chunks.try_fold(0, async |length, chunk| Ok(length + chunk.len() as u64)).await?;
    let get = began.elapsed();
    store.delete(&key).await?;
    if length != bytes {
        return Err(Error::unexpected(format!("{length} bytes came back of {bytes}")));
    }
    println!("streamed {bytes} {} {} {before} {}", put.as_micros(), get.as_micros(), memory("VmHWM:")?);
    Ok(())
}

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status");
    let status = status.map_err(|e| Error::unsupported("memory is read from /proc/self/status").with_source(e))?;
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.map(|kilobytes: u64| kilobytes << 10).ok_or_else(|| Error::unsupported("/proc/self/status has no memory"))
}

impl Streamed {
    /// What the words after `streamed` say.
    pub fn of(words: &[String]) -> Option<Self> {
        let [bytes, put, get, before, peak] = words else { return None };
        let seconds = |word: &str| word.parse::<f64>().ok().map(|micros| micros / 1e6);
        Some(Self {
            bytes: bytes.parse().ok()?,
            put: seconds(put)?,
            get: seconds(get)?,
            before: before.parse().ok()?,
            peak: peak.parse().ok()?,
        })
    }

    /// The row of a table.
    pub fn row(&self, name: &str) -> String {
        #[expect(clippy::cast_precision_loss, reason = "sizes in bytes are far below 2^53")]
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let size = megabytes(self.bytes);
        format!(
            "  {name:<26}{size:>10.0} MB{:>12.0} MB/s{:>12.0} MB/s{:>12.1} MB{:>12.1} MB",
            size / self.put,
            size / self.get,
            megabytes(self.before),
            megabytes(self.peak)
        )
    }

    /// What was asked, and what came of it.
    pub fn judge(&self) -> Verdict {
        let grown = self.peak.saturating_sub(self.before);
        Verdict::of(
            grown < GROWTH,
            format!("{:.1} MiB over {} MB", f64::from(kib(grown)) / 1024.0, self.bytes / 1_000_000),
        )
    }
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use voiceclone_core::memory::MemoryBlobs;

    #[test]
    fn growth_is_what_counts() {
        let said = |peak: &str| ["5", "1000000", "1", "100000000", peak].map(str::to_owned);
        let streamed = Streamed::of(&said("110000000")).unwrap();
        assert!(matches!(streamed.judge(), Verdict::Pass(_)) && (streamed.put - 1.0).abs() < 1e-9);
        assert!(matches!(Streamed::of(&said("170000000")).unwrap().judge(), Verdict::Miss(_)));
        assert!(Streamed::of(&said("x")).is_none());
    }

    #[tokio::test]
    async fn lengths_that_are_no_whole_pieces_come_back() {
        for bytes in [0, 1, PIECE, PIECE * 2 + 7] {
            through(&MemoryBlobs::default(), bytes).await.unwrap();
        }
    }
}
