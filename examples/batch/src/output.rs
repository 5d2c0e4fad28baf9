//! Files that appear whole or not at all: written beside their place, flushed, then renamed.
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use futures_util::{Stream, TryStreamExt as _};
use tempfile::TempPath;
use tokio::{fs::File, io::AsyncWriteExt as _};
use voiceclone_core::{
    Error, ErrorKind, Result,
    audio::{AudioBody, Container},
    domain::SpokenAudio,
    engine::Engine,
    id::{JobId, OwnerId},
};

use crate::failure::{Failure, io_failed};

/// The container that a file's ending asks for. Speech in Ogg is Opus, by either ending.
pub(crate) fn container(path: &Path) -> Result<Container, Failure> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("wav") => Ok(Container::Wav),
        Some("flac") => Ok(Container::Flac),
        Some("opus" | "ogg") => Ok(Container::Ogg),
        _ => Err(Failure::Usage(format!("{} must end in .wav, .flac, .opus or .ogg", path.display()))),
    }
}

/// Refuses an output whose folder is missing, before any work.
pub(crate) fn check_folder(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::Usage(format!("there is no folder {}; make it first", folder.display())))
}

/// Writes what a job spoke to `path` and checks it against the job's own hash.
pub(crate) async fn export(
    engine: &Engine,
    owner: &OwnerId,
    job: JobId,
    spoken: &SpokenAudio,
    path: &Path,
) -> Result<()> {
    let part = write_part(engine.audio(owner, job, None).await?.chunks, path).await?;
    if AudioBody::from_file(&part)?.sha256().await? != spoken.sha256 {
        return Err(
            Error::new(ErrorKind::Unexpected, "the finished audio was changed in the state folder").with("job", job)
        );
    }
    part.persist(path).map_err(|e| io_failed("cannot write", path, e.error))
}

/// Writes bytes to `path`.
pub(crate) async fn write(bytes: impl Into<AudioBody>, path: &Path) -> Result<()> {
    let part = write_part(bytes.into().stream(), path).await?;
    part.persist(path).map_err(|e| io_failed("cannot write", path, e.error))
}

/// The unfinished file, which goes when it is dropped. Its name is fixed, so that what a killed run left is written over.
async fn write_part(mut chunks: impl Stream<Item = Result<impl AsRef<[u8]>>> + Unpin, path: &Path) -> Result<TempPath> {
    let part = part_of(path);
    let failed = |e| io_failed("cannot write", path, e);
    let mut file = File::create(&part).await.map_err(failed)?;
    let part = TempPath::try_from_path(part).map_err(failed)?;
    while let Some(chunk) = chunks.try_next().await? {
        file.write_all(chunk.as_ref()).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    Ok(part)
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    path.with_file_name(name)
}
