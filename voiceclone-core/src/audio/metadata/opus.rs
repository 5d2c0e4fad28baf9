//! The comment header of an Ogg Opus file (RFC 7845, section 5.2). Packets are copied one by one into new pages, because a
//! header of another length moves all that follows.
use std::io::{BufReader, Read, Seek as _};

use opus_pure::{Error as Fault, OggOpusReader, OggOpusWriter, OggPacket, OpusTags, packet::samples_48k};

use crate::{
    audio::{
        body::{AudioBody, ReadSeek, spool_failed},
        error::AudioError,
        spool::Spool,
    },
    error::{Error, Result},
};

type Packets = OggOpusReader<BufReader<Box<dyn ReadSeek>>>;

/// The comments of a file.
pub(super) fn comments(body: &AudioBody) -> Result<OpusTags> {
    Ok(open(body)?.tags().clone())
}

/// A copy of `body` whose only comments are `fields`; its vendor, its serial number and its packets stay.
pub(super) fn with_comments(body: &AudioBody, fields: &[(&str, &str)]) -> Result<AudioBody> {
    let mut packets = open(body)?;
    let mut tags = OpusTags { vendor: packets.tags().vendor.clone(), comments: Vec::new() };
    for (field, value) in fields {
        tags.push(field, value).map_err(failed)?;
    }
    let (head, serial) = (packets.head().clone(), packets.serial());
    let mut pages = OggOpusWriter::with_serial(Spool::default(), head, tags, serial).map_err(failed)?;
    let mut waiting = next(&mut packets)?.ok_or_else(damaged)?;
    while let Some(packet) = next(&mut packets)? {
        pages.write_packet(&waiting.data).map_err(failed)?;
        waiting = packet;
    }
    let sound = sound_of_last(&waiting, pages.granule())?;
    pages.write_packet_with_duration(&waiting.data, sound).map_err(failed)?;
    pages.finish().map_err(failed)?.finish()
}

/// How much of the last packet is sound, by the position at which the file says that it ends. A file that does not say so, or
/// whose positions do not begin at zero, would come out with another length.
fn sound_of_last(last: &OggPacket, before: i64) -> Result<u32> {
    let whole = samples_48k(&last.data).map_err(failed)?;
    let sound = usize::try_from(last.page_granule - before).ok().filter(|sound| last.end_of_stream && *sound <= whole);
    sound.and_then(|sound| u32::try_from(sound).ok()).ok_or_else(damaged)
}

fn open(body: &AudioBody) -> Result<Packets> {
    let mut reader = body.reader()?;
    let mut head = Vec::new();
    reader.by_ref().take(64).read_to_end(&mut head).and_then(|_| reader.rewind()).map_err(spool_failed)?;
    // Vorbis, FLAC and others live in Ogg too, with comments of their own.
    if head.starts_with(b"OggS") && !head.windows(8).any(|word| word == b"OpusHead") {
        return Err(AudioError::CannotTag { found: "Ogg that is not Opus" }.into());
    }
    OggOpusReader::new(BufReader::new(reader)).map_err(failed)
}

fn next(packets: &mut Packets) -> Result<Option<OggPacket>> {
    packets.read_packet().map_err(failed)
}

fn damaged() -> Error {
    AudioError::Headers { container: "Ogg Opus" }.into()
}

/// A failing disk stays a failing disk; all else is the file's fault.
fn failed(fault: Fault) -> Error {
    match fault {
        Fault::Io(error) if error.raw_os_error().is_some() => spool_failed(error),
        fault => damaged().with_source(fault),
    }
}
