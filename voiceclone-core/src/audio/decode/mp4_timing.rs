//! Which part of an MP4 track is the recording (ISO/IEC 14496-12, section 8.6), and whether the file is whole.
//!
//! An AAC encoder begins one or two frames late and fills up its last one. The edit list says which part to play; files
//! from iTunes say it in a tag (`iTunSMPB`). The parser reads neither. This reads only what it needs from boxes that
//! [`mp4`](super::mp4) has looked over, and judges no codec.
use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    ops::Range,
};

use super::span::Span;

/// An index larger than this is not read: ten minutes of AAC have 150 kB.
const MAX_INDEX: u64 = 16 << 20;
/// More edits than this are a film's, not a recording's.
const MAX_EDITS: usize = 1_000;

/// What the boxes say about time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Timing {
    /// The file ends inside a box, or between a fragment's table and its data.
    pub(super) cut: bool,
    movie_scale: u32,
    fragmented: bool,
    tracks: Vec<Track>,
    itunes: Option<Range<u64>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Track {
    id: u32,
    /// Ticks per second of the edit list's start times and of `length`.
    scale: u32,
    /// Ticks of all packets.
    length: u64,
    /// Length in ticks of the movie and start in ticks of the track.
    edits: Vec<(u64, i64)>,
}

impl Timing {
    /// Reads the boxes between `start` and the end of the file.
    pub(super) fn survey(reader: &mut (impl Read + Seek), start: u64) -> io::Result<Self> {
        let len = reader.seek(SeekFrom::End(0))?;
        let mut reader = BufReader::new(reader);
        reader.seek(SeekFrom::Start(start))?;
        let mut found = Self::default();
        let mut left = len.saturating_sub(start);
        let mut promised = false;
        while left > 0 {
            let whole = header(&mut reader, left)?.filter(|(_, _, size)| *size <= left);
            let Some((kind, header, size)) = whole else {
                found.cut = true;
                break;
            };
            promised = kind == *b"moof" || promised && kind != *b"mdat";
            if kind == *b"moov" && size <= MAX_INDEX {
                let mut index = Vec::new();
                reader.by_ref().take(size - header).read_to_end(&mut index)?;
                found.movie(&index);
            } else {
                reader.seek_relative((size - header).cast_signed())?;
            }
            left -= size;
        }
        found.cut |= promised;
        Ok(found)
    }

    /// The part of a track to keep at `rate` frames per second, or `None` if the file does not say.
    pub(super) fn span(&self, track: u32, rate: u32) -> Option<Span> {
        let track = self.tracks.iter().find(|found| found.id == track)?;
        match track.edits(self.movie_scale, rate, self.fragmented) {
            Some(edits) => Some(Span::of(edits)),
            None => self.itunes.clone().map(|range| Span::of(Some(range))),
        }
    }

    fn movie(&mut self, index: &[u8]) {
        for (kind, body) in boxes(index) {
            match kind {
                b"mvhd" => self.movie_scale = time_header(body).map_or(0, |(scale, _)| scale),
                b"mvex" => self.fragmented = true,
                b"trak" => self.tracks.push(Track::read(body)),
                b"udta" => self.itunes = itunes(body).or(self.itunes.take()),
                _ => {}
            }
        }
    }
}

impl Track {
    fn read(body: &[u8]) -> Self {
        let mut track = Self::default();
        for (kind, body) in boxes(body) {
            match kind {
                b"tkhd" => track.id = track_id(body).unwrap_or(0),
                b"edts" => track.edits = inside(body, *b"elst").map(edit_list).unwrap_or_default(),
                b"mdia" => {
                    (track.scale, track.length) = inside(body, *b"mdhd").and_then(time_header).unwrap_or_default();
                }
                _ => {}
            }
        }
        track
    }

    /// The frames that the edits play, unless they repeat or turn back.
    fn edits(&self, movie_scale: u32, rate: u32, fragmented: bool) -> Option<Vec<Range<u64>>> {
        let scale = u64::from(self.scale);
        let frames = |ticks: u64| rescale(ticks, rate, self.scale);
        let mut keep: Vec<Range<u64>> = Vec::new();
        // An edit without a start time is silence before the recording.
        let played = self.edits.iter().filter_map(|(length, start)| Some((*length, u64::try_from(*start).ok()?)));
        for (length, start) in played {
            if scale == 0 || keep.last().is_some_and(|last| last.end > frames(start)) {
                keep.truncate(1);
                if let Some(first) = keep.first_mut() {
                    first.end = u64::MAX;
                }
                break;
            }
            let tick = scale.checked_div(u64::from(movie_scale)).unwrap_or(0) + 1;
            let end = start.saturating_add(rescale(length, self.scale, movie_scale));
            // The length is in the coarse ticks of the movie; where it means the end of the track, that is known better.
            let end = if self.length.abs_diff(end) <= tick { self.length } else { end };
            // A fragmented file is longer than its index knew.
            let open = length == 0 || fragmented || movie_scale == 0;
            keep.push(frames(start)..if open { u64::MAX } else { frames(end) });
        }
        (!keep.is_empty()).then_some(keep)
    }
}

fn rescale(ticks: u64, to: u32, from: u32) -> u64 {
    let scaled = (u128::from(ticks) * u128::from(to) + u128::from(from / 2)).checked_div(u128::from(from)).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Name, header length and whole length of the next box, or `None` if not even its header is there.
fn header(reader: &mut impl Read, left: u64) -> io::Result<Option<([u8; 4], u64, u64)>> {
    let mut bytes = Vec::with_capacity(16);
    reader.take(8).read_to_end(&mut bytes)?;
    let (Some(size), Some(kind)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) else { return Ok(None) };
    let (size, kind) = (u32::from_be_bytes(*size), *kind);
    if bytes.len() < 8 {
        return Ok(None);
    }
    Ok(match size {
        0 => Some((kind, 8, left)),
        1 => {
            bytes.clear();
            reader.take(8).read_to_end(&mut bytes)?;
            bytes.first_chunk::<8>().map(|size| (kind, 16, u64::from_be_bytes(*size).max(16)))
        }
        size => Some((kind, 8, u64::from(size).max(8))),
    })
}

/// The boxes of a box that is in memory, as far as they are whole.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (size, after) = rest.split_first_chunk::<4>()?;
        let (kind, _) = after.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
        let size = if size == 0 { rest.len() } else { size };
        let body = rest.get(8..size)?;
        rest = rest.get(size..)?;
        Some((kind, body))
    })
}

fn inside(body: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    boxes(body).find_map(|(kind, body)| (*kind == wanted).then_some(body))
}

fn word(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn long(body: &[u8], at: usize) -> Option<u64> {
    body.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Ticks per second and length, which stand at the same place in a movie's and a track's header.
fn time_header(body: &[u8]) -> Option<(u32, u64)> {
    match body.first()? {
        0 => Some((word(body, 12)?, u64::from(word(body, 16)?))),
        _ => Some((word(body, 20)?, long(body, 24)?)),
    }
}

fn track_id(body: &[u8]) -> Option<u32> {
    word(body, if *body.first()? == 0 { 12 } else { 20 })
}

fn edit_list(body: &[u8]) -> Vec<(u64, i64)> {
    let wide = body.first().is_some_and(|version| *version == 1);
    let entries = body.get(8..).unwrap_or_default().chunks_exact(if wide { 20 } else { 12 }).take(MAX_EDITS);
    let entry = |entry: &[u8]| {
        Some(if wide {
            (long(entry, 0)?, long(entry, 8)?.cast_signed())
        } else {
            (u64::from(word(entry, 0)?), i64::from(word(entry, 4)?.cast_signed()))
        })
    };
    let count = word(body, 4).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    entries.take(count).filter_map(entry).collect()
}

/// Run-in, padding and true length from the tag that iTunes writes: four numbers in hexadecimal, the first of them zero.
fn itunes(udta: &[u8]) -> Option<Range<u64>> {
    // `meta` has a version before its boxes.
    let list = inside(inside(udta, *b"meta")?.get(4..)?, *b"ilst")?;
    let tag = boxes(list).filter(|(kind, _)| *kind == b"----").find_map(|(_, tag)| {
        let name = inside(tag, *b"name")?.get(4..)?;
        (name == b"iTunSMPB").then(|| inside(tag, *b"data"))?
    })?;
    let text = std::str::from_utf8(tag.get(8..)?).ok()?;
    let mut numbers = text.split_whitespace().map(|number| u64::from_str_radix(number, 16));
    let (_zero, run_in, _padding, length) = (numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?);
    let (run_in, length) = (run_in.ok()?, length.ok()?);
    Some(run_in..if length == 0 { u64::MAX } else { run_in.saturating_add(length) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &kind, body].concat()
    }

    fn words(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn movie(edits: &[[u32; 3]], length: u32, more: &[u8]) -> Vec<u8> {
        let list = [&[0, u32::try_from(edits.len()).unwrap()][..], edits.as_flattened()].concat();
        let list = boxed(*b"edts", &boxed(*b"elst", &words(&list)));
        let mdia = boxed(*b"mdia", &boxed(*b"mdhd", &words(&[0, 0, 0, 44_100, length, 0])));
        let track = boxed(*b"trak", &[boxed(*b"tkhd", &words(&[0, 0, 0, 7, 0, 0])), list, mdia].concat());
        boxed(*b"moov", &[boxed(*b"mvhd", &words(&[0, 0, 0, 1000, 0])), track, more.to_vec()].concat())
    }

    fn span(file: &[u8], rate: u32) -> Option<Span> {
        Timing::survey(&mut Cursor::new(file), 0).unwrap().span(7, rate)
    }

    const WHOLE: u32 = 0x0001_0000;

    #[test]
    fn an_edit_list_gives_the_part_to_keep_in_frames() {
        let one = movie(&[[1_000, 1_024, WHOLE]], 60_000, &[]);
        assert_eq!(span(&one, 44_100), Some(Span::of(Some(1_024..45_124))));
        assert_eq!(span(&one, 22_050), Some(Span::of(Some(512..22_562))));
        let delayed = movie(&[[500, u32::MAX, WHOLE], [1_000, 1_024, WHOLE]], 60_000, &[]);
        assert_eq!(span(&delayed, 44_100), Some(Span::of(Some(1_024..45_124))));
        let two = movie(&[[100, 0, WHOLE], [100, 8_820, WHOLE]], 60_000, &[]);
        assert_eq!(span(&two, 44_100), Some(Span::of([0..4_410, 8_820..13_230])));
        let back = movie(&[[100, 8_820, WHOLE], [100, 0, WHOLE]], 60_000, &[]);
        assert_eq!(span(&back, 44_100), Some(Span::from_frame(8_820)));
    }

    #[test]
    fn an_end_that_milliseconds_cannot_tell_is_taken_from_the_track() {
        let file = movie(&[[1_235, 1_024, WHOLE]], 1_024 + 54_450, &[]);
        assert_eq!(span(&file, 44_100), Some(Span::of(Some(1_024..55_474))));
    }

    #[test]
    fn a_fragmented_file_ends_where_its_fragments_end() {
        let file = movie(&[[100, 1_024, WHOLE]], 0, &boxed(*b"mvex", &[]));
        assert_eq!(span(&file, 44_100), Some(Span::from_frame(1_024)));
    }

    #[test]
    fn the_tag_of_itunes_counts_where_there_is_no_edit_list() {
        let value = b"\0\0\0\x01\0\0\0\0 00000000 00000840 000001CA 00000000003F31F6 00000000 00000000";
        let parts = [
            boxed(*b"mean", b"\0\0\0\0com.apple.iTunes"),
            boxed(*b"name", b"\0\0\0\0iTunSMPB"),
            boxed(*b"data", value),
        ];
        let list = boxed(*b"ilst", &boxed(*b"----", &parts.concat()));
        let udta = boxed(*b"udta", &boxed(*b"meta", &[vec![0; 4], list].concat()));
        assert_eq!(span(&movie(&[], 9, &udta), 44_100), Some(Span::of(Some(2_112..2_112 + 0x3F_31F6))));
        assert_eq!(span(&movie(&[], 9, &[]), 44_100), None);
    }

    #[test]
    fn a_file_is_cut_inside_a_box_or_before_the_data_of_a_fragment() {
        let cut = |file: &[u8]| Timing::survey(&mut Cursor::new(file), 0).unwrap().cut;
        let (moof, mdat) = (boxed(*b"moof", &[0; 20]), boxed(*b"mdat", &[0; 20]));
        assert!(!cut(&[movie(&[], 9, &[]), moof.clone(), mdat.clone()].concat()));
        assert!(cut(&[mdat.clone(), moof.clone()].concat()));
        assert!(cut(&[moof, mdat[..24].to_vec()].concat()));
        assert!(cut(&[mdat, vec![0; 5]].concat()));
    }
}
