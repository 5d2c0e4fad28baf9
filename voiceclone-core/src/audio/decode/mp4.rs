//! A look at the boxes of an MP4 file before the parser gets it (ISO/IEC 14496-12).
//!
//! Two things the parser cannot be asked: whether a fragment table claims more samples than the file has bytes (the parser
//! would count them one by one, a minute of work for 1 kB, inside one call that no deadline can interrupt), and which
//! codecs a file without a readable track holds.
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// What the boxes say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// There is an index (`moov`).
    pub(super) has_index: bool,
    /// Types of the sample entries, such as `mp4a`.
    pub(super) entries: Vec<[u8; 4]>,
    /// The file claims more samples than it has bytes, more boxes than a recording needs, or a malformed fragment.
    pub(super) hostile: bool,
}

/// Ten minutes in fragments of one frame have 300 000, and the parser keeps some 300 bytes of each.
const MAX_BOXES: u32 = 400_000;
const MAX_ENTRIES: usize = 16;
const MAX_DEPTH: usize = 8;

/// Walks the boxes between `start` and the end of the file.
pub(super) fn survey(reader: &mut (impl Read + Seek), start: u64) -> io::Result<Survey> {
    let end = reader.seek(SeekFrom::End(0))?;
    let mut reader = BufReader::new(reader);
    reader.seek(SeekFrom::Start(start))?;
    let mut walk = Walk { reader, at: start, boxes: 0, samples: 0, file_len: end, found: Survey::default() };
    match walk.children(end, 0) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(walk.found),
    }
}

struct Walk<R> {
    reader: BufReader<R>,
    at: u64,
    boxes: u32,
    samples: u64,
    file_len: u64,
    found: Survey,
}

impl<R: Read + Seek> Walk<R> {
    /// Visits the boxes up to `end`. Sizes are read as the parser reads them, so that nothing is hidden from this walk.
    fn children(&mut self, end: u64, depth: usize) -> io::Result<()> {
        while !self.found.hostile && end.saturating_sub(self.at) >= 8 {
            let start = self.at;
            let size = u64::from(u32::from_be_bytes(self.read()?));
            let kind: [u8; 4] = self.read()?;
            let len = match size {
                0 => end - start,
                1 => u64::from_be_bytes(self.read()?),
                size => size,
            };
            let Some(box_end) = start.checked_add(len).filter(|at| *at <= end && *at >= self.at) else { return Ok(()) };
            self.boxes += 1;
            self.found.hostile |= self.boxes > MAX_BOXES || depth > MAX_DEPTH;
            self.visit(kind, box_end, depth)?;
            self.go(box_end)?;
        }
        Ok(())
    }

    fn visit(&mut self, kind: [u8; 4], end: u64, depth: usize) -> io::Result<()> {
        match &kind {
            b"moov" => {
                self.found.has_index = true;
                self.children(end, depth + 1)
            }
            b"trak" | b"mdia" | b"minf" | b"stbl" | b"moof" | b"traf" => self.children(end, depth + 1),
            b"stsd" => self.entries(end),
            b"trun" => self.run(),
            _ => Ok(()),
        }
    }

    fn entries(&mut self, end: u64) -> io::Result<()> {
        let _version_flags_and_count: [u8; 8] = self.read()?;
        while end.saturating_sub(self.at) >= 8 && self.found.entries.len() < MAX_ENTRIES {
            let next = self.at + u64::from(u32::from_be_bytes(self.read()?)).max(8);
            let kind = self.read()?;
            self.found.entries.push(kind);
            self.go(next)?;
        }
        Ok(())
    }

    /// Every sample of a run has at least one byte somewhere in the file.
    fn run(&mut self) -> io::Result<()> {
        let _version_and_flags: [u8; 4] = self.read()?;
        self.samples += u64::from(u32::from_be_bytes(self.read()?));
        self.found.hostile |= self.samples > self.file_len;
        Ok(())
    }

    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn go(&mut self, to: u64) -> io::Result<()> {
        match i64::try_from(to).and_then(|to| i64::try_from(self.at).map(|at| to - at)) {
            Ok(by) => self.reader.seek_relative(by)?,
            Err(_) => self.found.hostile = true,
        }
        self.at = to;
        Ok(())
    }
}

/// The usual name of an audio codec that we do not decode, by its sample entry.
pub(super) fn codec_name(entry: [u8; 4]) -> Option<&'static str> {
    Some(match &entry {
        b"samr" => "AMR audio",
        b"sawb" | b"sawp" => "AMR-WB audio",
        b"ac-3" | b"ec-3" | b"ac-4" => "Dolby audio",
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" => "DTS audio",
        b"enca" | b"drms" => "encrypted audio",
        b"QDM2" | b"QDMC" => "QDesign audio",
        b"agsm" => "GSM audio",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len() + 8).unwrap();
        [&len.to_be_bytes()[..], &kind, body].concat()
    }

    fn run(samples: u32) -> Vec<u8> {
        let trun = boxed(*b"trun", &[&[0; 4][..], &samples.to_be_bytes()].concat());
        boxed(*b"moof", &boxed(*b"traf", &trun))
    }

    #[test]
    fn samples_are_summed_over_runs() {
        let few = [run(30), run(30), vec![0; 20]].concat();
        assert!(!survey(&mut Cursor::new(&few), 0).unwrap().hostile);
        let many = [run(60), run(60)].concat();
        assert!(survey(&mut Cursor::new(&many), 0).unwrap().hostile);
    }

    #[test]
    fn a_run_inside_a_box_of_64_bit_or_open_size_is_found() {
        let traf = boxed(*b"traf", &boxed(*b"trun", &[0, 0, 0, 0, 0xFF, 0, 0, 0]));
        let long = u64::try_from(traf.len() + 16).unwrap().to_be_bytes();
        let large = [&[0, 0, 0, 1][..], b"moof", &long, &traf].concat();
        assert!(survey(&mut Cursor::new(&large), 0).unwrap().hostile);
        let open = [&[0, 0, 0, 0][..], b"moof", &traf].concat();
        assert!(survey(&mut Cursor::new(&open), 0).unwrap().hostile);
    }

    #[test]
    fn sample_entries_are_named() {
        let stsd = boxed(*b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(*b"samr", &[0; 20])].concat());
        let nested = [b"stbl", b"minf", b"mdia", b"trak", b"moov"].iter().fold(stsd, |body, kind| boxed(**kind, &body));
        let found = survey(&mut Cursor::new(&nested), 0).unwrap();
        assert!(found.has_index && !found.hostile);
        assert_eq!(found.entries, [*b"samr"]);
    }
}
