//! The INFO list of a WAV file (Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991).
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::{
    audio::{body::AudioBody, body::ReadSeek, body::spool_failed, error::AudioError, spool::Spool},
    error::Result,
};

/// A copy of `body` whose only INFO list holds `fields`, at the end of the file.
pub(super) fn with_info(body: &AudioBody, fields: &[(&str, &str)]) -> Result<AudioBody> {
    let info = info_list(fields);
    let mut reader = body.reader()?;
    let mut spool = Spool::default();
    let kept = copy_chunks(&mut *reader, body.len(), &mut spool)?;
    let found = kept + info.len() as u64;
    let limit = u64::from(u32::MAX);
    let riff_len = u32::try_from(found - 8).map_err(|_| AudioError::WavFull { found, limit })?;
    spool
        .write_all(&info)
        .and_then(|()| spool.seek(SeekFrom::Start(4)))
        .and_then(|_| spool.write_all(&riff_len.to_le_bytes()))
        .map_err(spool_failed)?;
    spool.finish()
}

/// Copies the RIFF header and every chunk but INFO lists; the number of bytes copied.
fn copy_chunks(reader: &mut dyn ReadSeek, len: u64, spool: &mut Spool) -> Result<u64> {
    let head: [u8; 12] = read(reader)?;
    if !(head.starts_with(b"RIFF") && head.ends_with(b"WAVE")) {
        return Err(damaged().into());
    }
    spool.write_all(&head).map_err(spool_failed)?;
    let (mut at, mut kept) = (12, 12);
    while len - at >= 8 {
        let chunk: [u8; 8] = read(reader)?;
        let [_, _, _, _, size @ ..] = chunk;
        let size = u64::from(u32::from_le_bytes(size));
        // Writers often leave out the padding byte after the last chunk.
        let padded = (size + size % 2).min(len - at - 8);
        if padded < size {
            return Err(damaged().into());
        }
        if chunk.starts_with(b"LIST") && is_info(reader, size)? {
            reader.seek_relative(i64::try_from(padded).unwrap_or(i64::MAX)).map_err(spool_failed)?;
        } else {
            spool.write_all(&chunk).map_err(spool_failed)?;
            copy_exactly(reader, padded, spool)?;
            if padded % 2 == 1 {
                spool.write_all(&[0]).map_err(spool_failed)?;
            }
            kept += 8 + padded + padded % 2;
        }
        at += 8 + padded;
    }
    Ok(kept)
}

/// Whether the list at the reader's position is an INFO list; the position stays.
fn is_info(reader: &mut dyn ReadSeek, size: u64) -> Result<bool> {
    if size < 4 {
        return Ok(false);
    }
    let kind: [u8; 4] = read(reader)?;
    reader.seek_relative(-4).map_err(spool_failed)?;
    Ok(&kind == b"INFO")
}

fn copy_exactly(reader: &mut dyn ReadSeek, len: u64, spool: &mut Spool) -> Result<()> {
    let copied = io::copy(&mut reader.take(len), spool).map_err(spool_failed)?;
    if copied == len { Ok(()) } else { Err(damaged().into()) }
}

fn info_list(fields: &[(&str, &str)]) -> Vec<u8> {
    if fields.is_empty() {
        return Vec::new();
    }
    let mut list = b"INFO".to_vec();
    for (id, value) in fields {
        list.extend(chunk(id.as_bytes(), &[value.as_bytes(), b"\0"].concat()));
    }
    chunk(b"LIST", &list)
}

/// One chunk, padded to an even length. Tags are limited to 1 MiB, far below what the size can say.
fn chunk(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let padding: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
    [id, &size.to_le_bytes(), body, padding].concat()
}

fn read<const N: usize>(reader: &mut dyn ReadSeek) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged().into(),
        _ => spool_failed(error),
    })?;
    Ok(bytes)
}

const fn damaged() -> AudioError {
    AudioError::Headers { container: "WAV" }
}
