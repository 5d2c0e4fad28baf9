//! Blobs of some sizes, put and got one after the other, by the store and by plain means in turns.
use std::{fmt::Write as _, fs, path::Path, time::Instant};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use voiceclone_core::{
    Error, Result,
    store::{BlobBody, BlobKey, BlobStore, PutOptions},
};
use voiceclone_store::ObjectBlobStore;

use super::{
    plain::{Files, Requests},
    server,
};
use crate::jobs::table::{Spread, cell};

/// Bytes of a round, at the most: so many blobs as fit.
const ROUND: usize = 32 << 20;

/// Megabytes a second, round by round: the store's and the plain ones.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// Bytes of a blob.
    pub size: usize,
    put: [Vec<f64>; 2],
    get: [Vec<f64>; 2],
}

/// Files of each size, in `dir`, which is emptied first.
///
/// # Errors
/// If the disk fails.
pub async fn files(dir: &Path, sizes: &[usize], rounds: u32) -> Result<Vec<Rates>> {
    let cannot = |e| Error::unexpected("there is no place for the blobs").with_source(e);
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(cannot)?;
    }
    let plain = Files(dir.join("plain"));
    fs::create_dir_all(&plain.0).map_err(cannot)?;
    let store = ObjectBlobStore::filesystem(dir.join("store")).await?;
    let mut all = Vec::new();
    for size in sizes {
        let bytes = body(*size);
        let mut rates = Rates { size: *size, ..Rates::default() };
        for round in 1..=rounds {
            eprintln!("files of {size} bytes: round {round} of {rounds}");
            let [ours_put, plain_put] = &mut rates.put;
            let [ours_get, plain_get] = &mut rates.get;
            ours_put.push(timed(*size, async |key| ours_puts(&store, key, &bytes).await).await?);
            plain_put.push(timed(*size, async |key| plain.put(&name(key), &bytes)).await?);
            ours_get.push(timed(*size, async |key| ours_gets(&store, key, *size).await).await?);
            plain_get.push(timed(*size, async |key| same(plain.get(&name(key))?, *size)).await?);
        }
        all.push(rates);
    }
    Ok(all)
}

/// Objects of each size, in the bucket of the server at `endpoint`.
///
/// # Errors
/// If the server fails.
pub async fn objects(endpoint: &str, sizes: &[usize], rounds: u32) -> Result<Vec<Rates>> {
    let store = server::bucket(endpoint).await?;
    let client = reqwest::Client::new();
    let mut all = Vec::new();
    for size in sizes {
        let bytes = body(*size);
        let plain = Requests::to(client.clone(), &store, &BlobKey::new(format!("plain/{size}"))?).await?;
        let mut rates = Rates { size: *size, ..Rates::default() };
        for round in 1..=rounds {
            eprintln!("objects of {size} bytes: round {round} of {rounds}");
            let [ours_put, plain_put] = &mut rates.put;
            let [ours_get, plain_get] = &mut rates.get;
            ours_put.push(timed(*size, async |key| ours_puts(&store, key, &bytes).await).await?);
            plain_put.push(timed(*size, async |_| plain.put(bytes.clone()).await).await?);
            ours_get.push(timed(*size, async |key| ours_gets(&store, key, *size).await).await?);
            plain_get.push(timed(*size, async |_| same(plain.get().await?, *size)).await?);
        }
        all.push(rates);
    }
    Ok(all)
}

fn body(size: usize) -> Bytes {
    (0..size).map(|n| n.to_le_bytes()[0]).collect()
}

fn name(key: &BlobKey) -> String {
    key.as_str().replace('/', "-")
}

/// Does one after the other for so many blobs as a round has, and returns megabytes a second.
async fn timed(size: usize, work: impl AsyncFn(&BlobKey) -> Result<()>) -> Result<f64> {
    let count = u32::try_from((ROUND / size.max(1)).clamp(1, 64)).unwrap_or(1);
    let began = Instant::now();
    for number in 0..count {
        work(&BlobKey::new(format!("{size}/{number}"))?).await?;
    }
    let megabytes = f64::from(count) * f64::from(u32::try_from(size).unwrap_or(u32::MAX)) / 1e6;
    Ok(megabytes / began.elapsed().as_secs_f64())
}

async fn ours_puts(store: &dyn BlobStore, key: &BlobKey, bytes: &Bytes) -> Result<()> {
    store.put(key, BlobBody::Bytes(bytes.clone()), &PutOptions::default()).await.map(drop)
}

async fn ours_gets(store: &dyn BlobStore, key: &BlobKey, size: usize) -> Result<()> {
    let chunks = store.get(key, None).await?.chunks;
    same(chunks.try_fold(0, async |length, chunk| Ok(length + chunk.len() as u64)).await?, size)
}

fn same(got: u64, size: usize) -> Result<()> {
    if got == size as u64 { Ok(()) } else { Err(Error::unexpected(format!("{got} bytes came back of {size}"))) }
}

/// The table.
pub fn table(title: &str, plain: &str, all: &[Rates]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{title:<24}{:<28}{plain:<28}store / plain, by round", "store, MB/s");
    for rates in all {
        for (verb, [ours, plain]) in [("put", &rates.put), ("get", &rates.get)] {
            let line = format!(
                "  {:<22}{}{}{}",
                format!("{verb} {} KiB", rates.size >> 10),
                cell(Spread::of(ours), 1),
                cell(Spread::of(plain), 1),
                cell(Spread::of_ratios(ours, plain), 2)
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}
