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
use voiceclone_store::ObjectBlobStore;

use crate::{
    failure::{Failure, io_failed},
    stores::{SharedArgs, Stores},
};

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
    stores: Stores,
    _lock: File,
}

impl State {
    /// The state in `dir`, for this process alone; or in shared stores, of which `dir` only keeps a second run of this
    /// machine out.
    pub(crate) async fn open(dir: &Path, shared: &SharedArgs, engine: EngineBuilder) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|e| io_failed("cannot make the state folder", dir, e))?;
        let lock = lock(dir)?;
        let stores = shared.open(dir).await?;
        let engine = stores.plug_into(engine).build()?;
        Ok(Self { engine, owner: shared.owner()?, kept: Some(Kept { stores, _lock: lock }) })
    }

    /// A state that is forgotten: records in memory, recordings in `dir`, which the caller removes.
    pub(crate) async fn in_scratch(dir: &Path, engine: EngineBuilder) -> Result<Self> {
        let engine = engine.blobs(ObjectBlobStore::filesystem(dir).await?).build()?;
        Ok(Self { engine, owner: OwnerId::new("say")?, kept: None })
    }

    /// Waits for what the stores still do. Nothing is lost without it; the folder is only left tidier.
    pub(crate) async fn close(self) {
        if let Some(kept) = self.kept {
            kept.stores.close().await;
        }
    }
}

/// A temporary folder, removed when it is dropped.
pub(crate) fn scratch_folder() -> Result<TempDir> {
    let failed = |e| Error::unexpected("a temporary folder cannot be made").with_source(e);
    tempfile::Builder::new().prefix("voiceclone-").tempdir().map_err(failed)
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
