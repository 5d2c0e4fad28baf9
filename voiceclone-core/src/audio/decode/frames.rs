//! Where the frames of a bare stream (MP3, AAC in ADTS) leave off and on again.
//!
//! Such a stream has no container. The parser looks for the next frame wherever one does not begin, and says nothing of the
//! ones it lost on the way, nor of a last one that is not whole. This counts both.
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes that a header needs.
const HEAD: usize = 6;
/// After so many bytes without a frame this is no stream to count in.
const MAX_LOST: u64 = 4 << 20;

/// What the frames say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frames {
    /// Places where a frame should have begun and did not.
    pub(super) gaps: u64,
    /// The last frame is not whole.
    pub(super) cut: bool,
}

/// The length of the frame that a header begins, with the header.
type Length = fn([u8; HEAD]) -> Option<u64>;

impl Frames {
    /// Walks the frames from the first one after `start`.
    pub(super) fn survey(reader: &mut (impl Read + Seek), start: u64, length: Length) -> io::Result<Self> {
        let len = reader.seek(SeekFrom::End(0))?;
        let mut walk = Walk { reader: BufReader::new(reader), at: 0, len, length };
        walk.reader.seek(SeekFrom::Start(0))?;
        let mut found = Self::default();
        let Some(mut at) = walk.next_frame(start)? else { return Ok(found) };
        while at < len {
            let Some(head) = walk.head(at)? else { break };
            if let Some(frame) = length(head) {
                at += frame;
                found.cut = at > len;
            } else if is_trailer(head) {
                break;
            } else {
                let Some(next) = walk.next_frame(at)? else { break };
                // The tag of a second file that was joined to the first is no damage.
                found.gaps += u64::from(!head.starts_with(b"ID3"));
                at = next;
            }
        }
        Ok(found)
    }
}

struct Walk<R> {
    reader: BufReader<R>,
    at: u64,
    len: u64,
    length: Length,
}

impl<R: Read + Seek> Walk<R> {
    fn head(&mut self, at: u64) -> io::Result<Option<[u8; HEAD]>> {
        if self.len.saturating_sub(at) < HEAD as u64 {
            return Ok(None);
        }
        self.reader.seek_relative(at.cast_signed() - self.at.cast_signed())?;
        let mut head = [0; HEAD];
        self.reader.read_exact(&mut head)?;
        self.at = at + HEAD as u64;
        Ok(Some(head))
    }

    /// The next place from `from` on with a frame and another one after it.
    fn next_frame(&mut self, from: u64) -> io::Result<Option<u64>> {
        for at in from..self.len.min(from.saturating_add(MAX_LOST)) {
            let Some(head) = self.head(at)? else { break };
            let Some(frame) = (self.length)(head) else { continue };
            if self.head(at + frame)?.is_some_and(|head| (self.length)(head).is_some()) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// Tags and zeros that end a file.
fn is_trailer(head: [u8; HEAD]) -> bool {
    [&b"TAG"[..], b"APETAG", b"LYRICS", &[0; HEAD]].iter().any(|tag| head.starts_with(tag))
}

/// An ADTS frame (ISO/IEC 13818-7, section 6.2).
pub(super) fn adts(head: [u8; HEAD]) -> Option<u64> {
    let [sync, kind, rate, high, middle, low] = head;
    let valid = sync == 0xFF && kind & 0xF6 == 0xF0 && (rate >> 2) & 0xF < 13;
    let len = (u64::from(high & 3) << 11) | (u64::from(middle) << 3) | u64::from(low >> 5);
    (valid && len > 7).then_some(len)
}

/// Kilobits per second by the index in the header: MPEG-1 layers I to III, then MPEG-2 layer I and layers II and III.
const BIT_RATES: [[u64; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// An MPEG audio frame (ISO/IEC 11172-3, section 2.4.1.3; 13818-3 for the lower rates). Free format has no length.
pub(super) fn mpeg(head: [u8; HEAD]) -> Option<u64> {
    let [sync, kind, rates, ..] = head;
    let (version, layer) = ((kind >> 3) & 3, (kind >> 1) & 3);
    if sync != 0xFF || kind & 0xE0 != 0xE0 || version == 1 || layer == 0 {
        return None;
    }
    let first = version == 3;
    let row = match (first, layer) {
        (true, layer) => usize::from(3 - layer),
        (false, 3) => 3,
        (false, _) => 4,
    };
    let bit_rate = BIT_RATES.get(row)?.get(usize::from(rates >> 4)).filter(|rate| **rate > 0)? * 1000;
    let full: u64 = *[44_100, 48_000, 32_000].get(usize::from((rates >> 2) & 3))?;
    let rate = match version {
        3 => full,
        2 => full / 2,
        _ => full / 4,
    };
    let padding = u64::from((rates >> 1) & 1);
    Some(match layer {
        3 => (12 * bit_rate / rate + padding) * 4,
        1 if !first => 72 * bit_rate / rate + padding,
        _ => 144 * bit_rate / rate + padding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// 32 kb/s at 16 kHz (MPEG-2 layer III): frames of 144 bytes.
    fn frame() -> Vec<u8> {
        let mut frame = vec![0x55; 144];
        frame[..4].copy_from_slice(&[0xFF, 0xF3, 0x48, 0xC4]);
        frame
    }

    fn survey(parts: &[&[u8]]) -> Frames {
        Frames::survey(&mut Cursor::new(parts.concat()), 0, mpeg).unwrap()
    }

    #[test]
    fn frames_that_are_missing_or_not_whole_are_counted() {
        let frame = frame();
        let whole = frame.repeat(3);
        assert_eq!(survey(&[&whole]), Frames { gaps: 0, cut: false });
        assert_eq!(survey(&[&whole, &frame[..100]]), Frames { gaps: 0, cut: true });
        assert_eq!(survey(&[&whole, &[1; 70], &whole]), Frames { gaps: 1, cut: false });
        assert_eq!(survey(&[&[0; 50], &whole, b"TAG", &[0; 125]]), Frames { gaps: 0, cut: false });
    }

    #[test]
    fn lengths_are_those_of_the_standards() {
        assert_eq!(mpeg([0xFF, 0xFB, 0x90, 0, 0, 0]), Some(417), "128 kb/s at 44.1 kHz");
        assert_eq!(mpeg([0xFF, 0xFD, 0x94, 0, 0, 0]), Some(480), "layer II, 160 kb/s at 48 kHz");
        assert_eq!(mpeg([0xFF, 0xFB, 0xF0, 0, 0, 0]), None);
        assert_eq!(adts([0xFF, 0xF1, 0x60, 0x40, 0x20, 0x00]), Some(257 - 1));
    }
}
