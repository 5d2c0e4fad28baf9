//! Where a command keeps what it knows: a locked folder that a later run finds again, or nothing that outlives it.
use std::{
    fs::{File, TryLockError},
    path::Path,
};

use tempfile::TempDir;
use voiceclone_core::{
    Error, Result,
    engine::{Engine, EngineBuilder},
    id::OwnerId,
};
use voiceclone_store::{ObjectBlobStore, SqliteStore};

use crate::failure::{Failure, io_failed};

/// An engine over its stores.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) owner: OwnerId,
    /// What is behind it; nothing for a state that is forgotten.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    blobs: ObjectBlobStore,
    records: SqliteStore,
    _lock: File,
}

impl State {
    /// The state in `dir`, for this process alone.
    pub(crate) async fn open(dir: &Path, engine: EngineBuilder) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|e| io_failed("cannot make the state folder", dir, e))?;
        let lock = lock(dir)?;
        let blobs = ObjectBlobStore::filesystem(dir.join("blobs")).await?;
        let records = SqliteStore::open(dir.join("voiceclone.sqlite")).await?;
        let engine = engine.blobs(blobs.clone()).catalog(records.clone()).jobs(records.clone()).build()?;
        Ok(Self { engine, owner: owner()?, kept: Some(Kept { blobs, records, _lock: lock }) })
    }

    /// A state that is forgotten: records in memory, recordings in `dir`, which the caller removes.
    pub(crate) async fn in_scratch(dir: &Path, engine: EngineBuilder) -> Result<Self> {
        let engine = engine.blobs(ObjectBlobStore::filesystem(dir).await?).build()?;
        Ok(Self { engine, owner: owner()?, kept: None })
    }

    /// Waits for what the stores still do. Nothing is lost without it; the folder is only left tidier.
    pub(crate) async fn close(self) {
        if let Some(kept) = self.kept {
            kept.blobs.close().await;
            kept.records.close().await;
        }
    }
}

/// A temporary folder, removed when it is dropped.
pub(crate) fn scratch_folder() -> Result<TempDir> {
    let failed = |e| Error::unexpected("a temporary folder cannot be made").with_source(e);
    tempfile::Builder::new().prefix("voiceclone-").tempdir().map_err(failed)
}

/// All records of one state have one owner: the command line knows no users.
fn owner() -> Result<OwnerId> {
    OwnerId::new("batch")
}

fn lock(dir: &Path) -> Result<File, Failure> {
    let path = dir.join("lock");
    let failed = |e| io_failed("cannot lock", &path, e);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Usage(format!(
            "the state folder {} is in use by another run; wait for it, or choose another --state",
            dir.display()
        ))),
        Err(TryLockError::Error(e)) => Err(failed(e).into()),
    }
}
