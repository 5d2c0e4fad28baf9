//! Tags of finished WAV, FLAC and Ogg Opus files. The audio bytes are copied as they are, in pieces, into a new file.
//!
//! FLAC is written and WAV and FLAC are read by `lofty`. It writes WAV and Ogg by loading the whole file, so WAV is written
//! here and Ogg with the multiplexer that made it. What the tags mean is not known here.
mod opus;
mod riff;

use std::io::{self, Cursor, Seek, Write};

use lofty::{
    config::{ParseOptions, WriteOptions},
    file::AudioFile,
    flac::FlacFile,
    iff::wav::WavFile,
    ogg::tag::VorbisComments,
    tag::TagExt,
};
use tempfile::NamedTempFile;

use super::{
    body::{AudioBody, SPOOL_THRESHOLD, spool_failed},
    encoded::EncodedAudio,
    error::AudioError,
    format::Container,
    sniff::{Sniffed, container_name, sniff_reader},
};
use crate::error::{Error, Result};

/// The tag names that every container can keep.
pub const TAG_NAMES: [&str; 8] = ["title", "artist", "album", "comment", "copyright", "date", "genre", "software"];

/// A tag name with its Vorbis comment field (<https://xiph.org/vorbis/doc/v-comment.html>; `ENCODER` is what encoders write)
/// and its RIFF INFO chunk (Microsoft, "RIFF MCI", 1991).
const NAMES: [(&str, &str, &str); 8] = [
    (TAG_NAMES[0], "TITLE", "INAM"),
    (TAG_NAMES[1], "ARTIST", "IART"),
    (TAG_NAMES[2], "ALBUM", "IPRD"),
    (TAG_NAMES[3], "COMMENT", "ICMT"),
    (TAG_NAMES[4], "COPYRIGHT", "ICOP"),
    (TAG_NAMES[5], "DATE", "ICRD"),
    (TAG_NAMES[6], "GENRE", "IGNR"),
    (TAG_NAMES[7], "ENCODER", "ISFT"),
];

/// More than this is no metadata.
const MAX_TAG_BYTES: u64 = 1 << 20;

/// The same audio with exactly these tags: whatever tags of the same kind (RIFF INFO, Vorbis comments) the file had are
/// replaced. The samples keep their bytes, and bodies that share the old file are not touched. Blocking.
///
/// ```
/// # fn main() -> voiceclone_core::Result<()> {
/// use voiceclone_core::audio::{Container, Pcm, encode, read_tags, write_tags};
/// let audio = encode(&Pcm::new(vec![0.0; 24_000], 24_000, 1)?, Container::Wav)?;
/// let tagged = write_tags(&audio, &[("comment", "synthetic speech".to_owned())])?;
/// assert_eq!(read_tags(&tagged.body)?, [("comment".to_owned(), "synthetic speech".to_owned())]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Unsupported` for anything but WAV, FLAC and Ogg Opus; `InvalidInput` for a name outside [`TAG_NAMES`], a name given
/// twice, a value that is empty or holds a zero byte, more than 1 MiB of tags, or a damaged file; `Unavailable` if the disk
/// is full.
pub fn write_tags(audio: &EncodedAudio, tags: &[(&str, String)]) -> Result<EncodedAudio> {
    check(tags)?;
    let body = match audio.format.container() {
        Container::Wav => riff::with_info(&audio.body, &named(tags, |(_, _, riff)| riff))?,
        Container::Flac => flac_with_comments(&audio.body, &named(tags, |(_, vorbis, _)| vorbis))?,
        Container::Ogg => opus::with_comments(&audio.body, &named(tags, |(_, vorbis, _)| vorbis))?,
        other => return Err(AudioError::CannotTag { found: container_name(other) }.into()),
    };
    Ok(EncodedAudio { body, ..audio.clone() })
}

/// The tags of a file, by the names of [`TAG_NAMES`] and in that order; others are left out. Blocking.
///
/// # Errors
/// `Unsupported` for anything but WAV, FLAC and Ogg Opus; `InvalidInput` for a damaged file; `Unavailable` if it cannot be read.
pub fn read_tags(body: &AudioBody) -> Result<Vec<(String, String)>> {
    let mut reader = body.reader()?;
    let found = sniff_reader(&mut reader).map_err(spool_failed)?.0;
    reader.rewind().map_err(spool_failed)?;
    let options = ParseOptions::new().read_properties(false).read_cover_art(false);
    match found {
        Sniffed::Audio(Container::Wav) => {
            let file = WavFile::read_from(&mut reader, options).map_err(|error| damaged("WAV", error))?;
            let info = file.riff_info();
            Ok(collect(|(_, _, riff)| info.and_then(|info| info.get(riff)).map(str::to_owned)))
        }
        Sniffed::Audio(Container::Flac) => {
            let file = FlacFile::read_from(&mut reader, options).map_err(|error| damaged("FLAC", error))?;
            let comments = file.vorbis_comments();
            Ok(collect(|(_, vorbis, _)| comments.and_then(|comments| comments.get(vorbis)).map(str::to_owned)))
        }
        Sniffed::Audio(Container::Ogg) => {
            let comments = opus::comments(body)?;
            Ok(collect(|(_, vorbis, _)| comments.get(vorbis).map(str::to_owned)))
        }
        other => Err(AudioError::CannotTag { found: other.name() }.into()),
    }
}

type Names = (&'static str, &'static str, &'static str);

fn collect(value: impl Fn(Names) -> Option<String>) -> Vec<(String, String)> {
    NAMES.into_iter().filter_map(|names| Some((names.0.to_owned(), value(names)?))).collect()
}

fn named<'a>(tags: &'a [(&str, String)], field: impl Fn(Names) -> &'static str) -> Vec<(&'static str, &'a str)> {
    let value = |names: Names| tags.iter().find(|(name, _)| *name == names.0).map(|(_, value)| value.as_str());
    NAMES.into_iter().filter_map(|names| Some((field(names), value(names)?))).collect()
}

fn check(tags: &[(&str, String)]) -> Result<()> {
    for (at, (name, value)) in tags.iter().enumerate() {
        if !TAG_NAMES.contains(name) {
            return Err(AudioError::TagName { found: (*name).to_owned(), accepted: TAG_NAMES.join(", ") }.into());
        }
        if tags.iter().skip(at + 1).any(|(other, _)| other == name) {
            return Err(AudioError::TagTwice { name: (*name).to_owned() }.into());
        }
        if value.is_empty() || value.contains('\0') {
            return Err(AudioError::TagValue { name: (*name).to_owned() }.into());
        }
    }
    let found = tags.iter().map(|(_, value)| value.len() as u64).sum();
    if found > MAX_TAG_BYTES {
        return Err(AudioError::TagsTooLong { found, limit: MAX_TAG_BYTES }.into());
    }
    Ok(())
}

fn flac_with_comments(body: &AudioBody, fields: &[(&str, &str)]) -> Result<AudioBody> {
    let mut comments = VorbisComments::default();
    for (field, value) in fields {
        comments.push((*field).to_owned(), (*value).to_owned());
    }
    let options = WriteOptions::new().preferred_padding(0);
    let mut reader = body.reader()?;
    if body.len() <= SPOOL_THRESHOLD as u64 {
        let mut memory = Cursor::new(Vec::new());
        io::copy(&mut reader, &mut memory).and_then(|_| memory.rewind()).map_err(spool_failed)?;
        comments.save_to(&mut memory, options).map_err(|error| damaged("FLAC", error))?;
        return Ok(memory.into_inner().into());
    }
    let mut file = NamedTempFile::new().map_err(spool_failed)?;
    io::copy(&mut reader, &mut file).and_then(|_| file.rewind()).map_err(spool_failed)?;
    comments.save_to(file.as_file_mut(), options).map_err(|error| damaged("FLAC", error))?;
    file.flush().map_err(spool_failed)?;
    AudioBody::from_temporary(file)
}

fn damaged(container: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::from(AudioError::Headers { container }).with_source(error)
}
