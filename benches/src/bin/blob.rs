//! A long blob through a store in a process of its own, so that its memory is its own; and the server of a bucket.
use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use voiceclone_benches::blobs::{server, stream};
use voiceclone_core::{Error, Result};
use voiceclone_store::ObjectBlobStore;

#[derive(Debug, Parser)]
enum Job {
    /// Serves a bucket below a directory.
    Serve { dir: PathBuf },
    /// Streams through a directory or the bucket at an endpoint (`http://…`).
    Stream { place: String, bytes: u64 },
}

fn main() -> ExitCode {
    match run(Job::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run(job: Job) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::unexpected("there is no runtime").with_source(e))?;
    runtime.block_on(async {
        match job {
            Job::Serve { dir } => server::serve(&dir).await,
            Job::Stream { place, bytes } => {
                let store = if place.starts_with("http") {
                    server::bucket(&place).await?
                } else {
                    ObjectBlobStore::filesystem(place).await?
                };
                stream::through(&store, bytes).await
            }
        }
    })
}
