//! A look at the elements of a `WebM` or Matroska file (RFC 8794, RFC 9559) for two things the parser does not tell.
//!
//! How much of a block is padding (`DiscardPadding`), and whether the file ends where an element ends. A browser's recorder
//! writes segments and clusters of unknown size, so that the parser meets the end of the file unexpectedly even where
//! nothing is missing.
use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

/// What the elements say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blocks {
    /// The file ends inside an element; `None` if the elements are too damaged to tell.
    pub(super) cut: Option<bool>,
    /// Padding in nanoseconds, by track number and the number of the packet in its track; negative at the packet's start.
    padding: HashMap<(u64, u64), i64>,
}

/// Ten hours of 20 ms blocks with all their parts.
const MAX_ELEMENTS: u32 = 10_000_000;
/// Files have one padded block for each track.
const MAX_PADDED: usize = 10_000;
/// Tracks whose packets are counted; recordings have one or two.
const MAX_TRACKS: usize = 1_000;

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const SIMPLE_BLOCK: u32 = 0xA3;
const DISCARD_PADDING: u32 = 0x75A2;

impl Blocks {
    /// Walks the elements from `start` to the end of the file.
    pub(super) fn survey(reader: impl Read + Seek, start: u64) -> io::Result<Self> {
        let mut reader = BufReader::new(reader);
        let len = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(start))?;
        let mut walk = Walk { reader, at: start, len, packets: HashMap::new(), last: None, found: Self::default() };
        walk.found.cut = match walk.elements() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some(true),
            walked => walked?,
        };
        Ok(walk.found)
    }

    /// Frames of padding at the start and the end of a packet.
    pub(super) fn padding(&self, track: u32, packet: u64, rate: u32) -> (usize, usize) {
        let padding = self.padding.get(&(u64::from(track), packet)).copied().unwrap_or(0);
        let frames = (u128::from(padding.unsigned_abs()) * u128::from(rate) + 500_000_000) / 1_000_000_000;
        let frames = usize::try_from(frames).unwrap_or(usize::MAX);
        if padding < 0 { (frames, 0) } else { (0, frames) }
    }
}

enum Size {
    Known(u64),
    /// All bits are set.
    Unknown,
    /// No such number begins with a zero byte.
    Invalid,
}

struct Walk<R> {
    reader: BufReader<R>,
    at: u64,
    len: u64,
    packets: HashMap<u64, u64>,
    /// Track and number of the last packet of the last block.
    last: Option<(u64, u64)>,
    found: Blocks,
}

impl<R: Read + Seek> Walk<R> {
    /// Whether the file ends inside an element, or `None` at something that is no element.
    ///
    /// What holds blocks is entered and everything else stepped over, so unknown sizes need no care.
    fn elements(&mut self) -> io::Result<Option<bool>> {
        let mut cut = false;
        for _ in 0..MAX_ELEMENTS {
            if self.at >= self.len {
                return Ok(Some(cut || self.at > self.len));
            }
            let Some(id) = self.id()? else { return Ok(None) };
            let end = match self.size()? {
                Size::Known(size) => Some(self.at.saturating_add(size)),
                Size::Unknown => None,
                Size::Invalid => return Ok(None),
            };
            cut |= end.is_some_and(|end| end > self.len);
            match (id, end) {
                (SEGMENT | CLUSTER | BLOCK_GROUP, _) => {}
                (_, None) => return Ok(None),
                (_, Some(end)) if end > self.len => return Ok(Some(true)),
                (_, Some(end)) => {
                    self.visit(id, end)?;
                    self.go(end)?;
                }
            }
        }
        Ok(None)
    }

    fn visit(&mut self, id: u32, end: u64) -> io::Result<()> {
        match id {
            BLOCK | SIMPLE_BLOCK if end - self.at >= 4 => self.block(),
            DISCARD_PADDING if self.found.padding.len() < MAX_PADDED && (1..=8).contains(&(end - self.at)) => {
                let first = self.byte()?.cast_signed();
                let mut padding = i64::from(first);
                while self.at < end {
                    padding = (padding << 8) | i64::from(self.byte()?);
                }
                if let Some(last) = self.last {
                    self.found.padding.insert(last, padding);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts the packets of a block (RFC 9559, section 10.2).
    fn block(&mut self) -> io::Result<()> {
        let Size::Known(track) = self.size()? else { return Ok(()) };
        let _time = [self.byte()?, self.byte()?];
        let laced = self.byte()? & 0x06 != 0;
        let packets = if laced { u64::from(self.byte()?) + 1 } else { 1 };
        if self.packets.len() == MAX_TRACKS && !self.packets.contains_key(&track) {
            self.last = None;
            return Ok(());
        }
        let count = self.packets.entry(track).or_default();
        *count += packets;
        self.last = Some((track, *count - 1));
        Ok(())
    }

    /// An element's name, with its length marker.
    fn id(&mut self) -> io::Result<Option<u32>> {
        let first = self.byte()?;
        let more = first.leading_zeros();
        if more > 3 {
            return Ok(None);
        }
        let mut id = u32::from(first);
        for _ in 0..more {
            id = (id << 8) | u32::from(self.byte()?);
        }
        Ok(Some(id))
    }

    /// A number of variable length.
    fn size(&mut self) -> io::Result<Size> {
        let first = self.byte()?;
        let more = first.leading_zeros();
        if more > 7 {
            return Ok(Size::Invalid);
        }
        let mut size = u64::from(first) & (0x7F >> more);
        for _ in 0..more {
            size = (size << 8) | u64::from(self.byte()?);
        }
        let unknown = (1_u64 << (7 * (more + 1))) - 1;
        Ok(if size == unknown { Size::Unknown } else { Size::Known(size) })
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.at += 1;
        let [byte] = byte;
        Ok(byte)
    }

    fn go(&mut self, to: u64) -> io::Result<()> {
        // Both are positions in a file, so the difference fits.
        self.reader.seek_relative(to.cast_signed() - self.at.cast_signed())?;
        self.at = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const OPEN: &[u8] = &[0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    const CLUSTER_OPEN: &[u8] = &[0x1F, 0x43, 0xB6, 0x75, 0xFF];

    fn survey(parts: &[&[u8]]) -> Blocks {
        Blocks::survey(Cursor::new(parts.concat()), 0).unwrap()
    }

    #[test]
    fn a_live_recording_is_whole_where_a_block_ends() {
        let block = [0xA3, 0x85, 0x81, 0, 0, 0x80, 0xFC];
        assert_eq!(survey(&[OPEN, CLUSTER_OPEN, &block, &block]).cut, Some(false));
        assert_eq!(survey(&[OPEN, CLUSTER_OPEN, &block, &block[..5]]).cut, Some(true));
        assert_eq!(survey(&[OPEN, CLUSTER_OPEN, &block, &block[..1]]).cut, Some(true));
        let sized = [0x1F, 0x43, 0xB6, 0x75, 0x90];
        assert_eq!(survey(&[OPEN, &sized, &block]).cut, Some(true), "the cluster says it is longer");
        assert_eq!(survey(&[OPEN, &[0x00; 9]]).cut, None);
    }

    #[test]
    fn tracks_without_end_are_not_counted() {
        // Track numbers of two bytes, each with a padded block.
        let group = |track: u16| {
            let [high, low] = (0x4000 | track).to_be_bytes();
            vec![0xA0, 0x8C, 0xA1, 0x86, high, low, 0, 0, 0, 0xFC, 0x75, 0xA2, 0x81, 0x7F]
        };
        let groups: Vec<Vec<u8>> = (1..=1_001).map(group).collect();
        let file = [vec![CLUSTER_OPEN], groups.iter().map(Vec::as_slice).collect()].concat();
        let blocks = survey(&file);
        assert_eq!(blocks.padding(1_000, 0, 1_000_000_000), (0, 127));
        assert_eq!(blocks.padding(1_001, 0, 1_000_000_000), (0, 0));
    }

    #[test]
    fn padding_belongs_to_the_last_packet_of_its_block() {
        let laced = [0xA3, 0x88, 0x82, 0, 0, 0x86, 2, 1, 2, 3];
        let plain = [0xA3, 0x85, 0x81, 0, 0, 0x80, 0xFC];
        // 13.5 ms, as in a file that ffmpeg wrote.
        let group = [0xA0, 0x8E, 0xA1, 0x85, 0x82, 0, 0, 0, 0xFC, 0x75, 0xA2, 0x84, 0x00, 0xCD, 0xFE, 0x60];
        let blocks = survey(&[OPEN, CLUSTER_OPEN, &laced, &plain, &group]);
        assert_eq!(blocks.padding(2, 3, 48_000), (0, 648));
        assert_eq!(blocks.padding(2, 2, 48_000), (0, 0));
        assert_eq!(blocks.padding(1, 0, 48_000), (0, 0));
        let start = [0xA0, 0x8B, 0xA1, 0x85, 0x81, 0, 0, 0, 0xFC, 0x75, 0xA2, 0x81, 0xFF];
        assert_eq!(survey(&[CLUSTER_OPEN, &start]).padding(1, 0, 1_000_000_000), (1, 0));
    }
}
