//! What bytes are, by their first bytes alone: never by a file name, and before any parser sees them.
//!
//! Parsers guess generously: a WavPack file holds a RIFF header and "opens" as WAV, Sun AU opens as AAC, and both give
//! noise. So this check comes first and names what it found, also where we refuse it. It knows no codec.
use std::io::{self, Read, Seek, SeekFrom};

use super::format::Container;

/// The accepted kinds of audio, as messages and documentation name them.
pub const ACCEPTED_AUDIO: &str = "WAV, AIFF, CAF, FLAC, MP3, AAC (ADTS), MP4/M4A/MOV (AAC, ALAC), Ogg (Vorbis, FLAC) and \
     WebM/Matroska (Vorbis, FLAC, AAC, PCM)";

/// As many first bytes as [`sniff`] looks at.
pub const SNIFF_BYTES: usize = 4096;

/// More tags than this before the audio are not a recording.
const MAX_TAGS: usize = 16;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sniffed {
    /// A container that is accepted; the codec inside is not known yet.
    Audio(Container),
    /// Something known that is not accepted, by its usual name.
    Refused(&'static str),
    /// Nothing known.
    Unknown,
}

impl Sniffed {
    /// The name of what was found, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio(container) => container_name(container),
            Self::Refused(name) => name,
            Self::Unknown => "unknown data",
        }
    }
}

/// The name of a container, as messages write it.
pub(super) const fn container_name(container: Container) -> &'static str {
    match container {
        Container::Raw => "raw samples",
        Container::Wav => "WAV",
        Container::Flac => "FLAC",
        Container::Mp3 => "MP3",
        Container::Ogg => "Ogg",
        Container::Mp4 => "MP4",
        Container::Webm => "WebM/Matroska",
        Container::Aiff => "AIFF",
        Container::Caf => "CAF",
        Container::Adts => "AAC (ADTS)",
    }
}

/// Names what `head` begins. Leading `ID3v2` tags are skipped as far as they lie within `head`; [`SNIFF_BYTES`] bytes after
/// the tags are enough.
///
/// ```
/// use voiceclone_core::audio::{Container, Sniffed, sniff};
/// assert_eq!(sniff(b"fLaC\0\0\0\x22"), Sniffed::Audio(Container::Flac));
/// assert_eq!(sniff(b"%PDF-1.7").name(), "a PDF document");
/// ```
pub fn sniff(head: &[u8]) -> Sniffed {
    let mut rest = head;
    for _ in 0..MAX_TAGS {
        let Some(len) = id3v2_len(rest) else { return sniff_untagged(rest) };
        match usize::try_from(len).ok().and_then(|len| rest.get(len..)) {
            Some(after) if !after.is_empty() => rest = after,
            _ => return ONLY_TAGS,
        }
    }
    ONLY_TAGS
}

const ONLY_TAGS: Sniffed = Sniffed::Refused("ID3 tags without audio");

/// What the reader holds and the offset where the container starts, past any `ID3v2` tags.
pub(super) fn sniff_reader(reader: &mut (impl Read + Seek)) -> io::Result<(Sniffed, u64)> {
    let mut offset = 0;
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    for _ in 0..MAX_TAGS {
        head.clear();
        reader.seek(SeekFrom::Start(offset))?;
        reader.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
        match id3v2_len(&head) {
            Some(len) => offset += len,
            None if head.is_empty() && offset > 0 => return Ok((ONLY_TAGS, offset)),
            None => return Ok((sniff_untagged(&head), offset)),
        }
    }
    Ok((ONLY_TAGS, offset))
}

/// Length of the `ID3v2` tag at the start, with header and footer (<https://id3.org/id3v2.4.0-structure>, section 3).
fn id3v2_len(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', major, _, flags, a, b, c, d] = *head.first_chunk::<10>()? else { return None };
    let size = [a, b, c, d];
    if major == 0xFF || size.iter().any(|byte| *byte > 0x7F) {
        return None;
    }
    let body = size.iter().fold(0, |sum, byte| (sum << 7) | u64::from(*byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + body + footer)
}

fn sniff_untagged(head: &[u8]) -> Sniffed {
    if head.is_empty() {
        return Sniffed::Refused("an empty file");
    }
    let audio = accepted(head).map(Sniffed::Audio);
    audio.or_else(|| refused(head).map(Sniffed::Refused)).unwrap_or(Sniffed::Unknown)
}

fn accepted(head: &[u8]) -> Option<Container> {
    let form = head.get(8..12);
    Some(match head.first_chunk::<4>()? {
        b"RIFF" if form == Some(b"WAVE") => Container::Wav,
        b"FORM" if form == Some(b"AIFF") || form == Some(b"AIFC") => Container::Aiff,
        b"caff" => Container::Caf,
        b"fLaC" => Container::Flac,
        b"OggS" => Container::Ogg,
        b"\x1A\x45\xDF\xA3" => Container::Webm,
        _ if head.get(4..8) == Some(b"ftyp") && still_image(head).is_none() => Container::Mp4,
        _ if is_adts(head) => Container::Adts,
        _ if is_mpeg_audio(head) => Container::Mp3,
        _ => return None,
    })
}

/// First bytes of things that people do upload.
const REFUSED: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"PK\x05\x06", "a ZIP archive or office document"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xD0\xCF\x11\xE0", "an old office document"),
    (b"\x7FELF", "a program"),
    (b"MZ", "a program"),
    (b"#!AMR-WB", "AMR-WB audio"),
    (b"#!AMR", "AMR audio"),
    (b"#!SILK", "SILK audio"),
    (b"\x02#!SILK", "SILK audio"),
    (b"wvpk", "WavPack audio"),
    (b"MAC ", "Monkey's Audio (APE)"),
    (b".snd", "Sun AU audio"),
    (b"dns.", "Sun AU audio"),
    (b"riff\x2E\x91\xCF\x11", "Sony Wave64 (W64) audio"),
    (b"RF64", "RF64 audio"),
    (b"BW64", "BW64 audio"),
    (b"RIFX", "big-endian RIFF audio"),
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "Windows Media (ASF, WMA)"),
    (b"TTA1", "True Audio (TTA)"),
    (b"MPCK", "Musepack audio"),
    (b"MP+", "Musepack audio"),
    (b"DSD ", "DSD audio"),
    (b"FRM8", "DSD audio"),
    (b"MThd", "a MIDI file"),
    (b"FLV\x01", "Flash video"),
    (b".RMF", "RealMedia"),
    (b"\0\0\x01\xBA", "MPEG video"),
    (b"\0\0\x01\xB3", "MPEG video"),
    (b"\x0B\x77", "AC-3 audio"),
    (b"\x7F\xFE\x80\x01", "DTS audio"),
];

fn refused(head: &[u8]) -> Option<&'static str> {
    let known = REFUSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name);
    known.or_else(|| riff_form(head)).or_else(|| quicktime(head)).or_else(|| transport_stream(head)).or_else(|| gsm(head))
        .or_else(|| text(head))
}

fn riff_form(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"RIFF") {
        return None;
    }
    Some(match head.get(8..12)? {
        b"WEBP" => "a WebP image",
        b"AVI " => "AVI video",
        b"RMID" => "a MIDI file",
        _ => "a RIFF file that is not WAVE",
    })
}

fn still_image(head: &[u8]) -> Option<&'static str> {
    match head.get(8..12)? {
        b"heic" | b"heix" | b"mif1" | b"msf1" => Some("a HEIF image"),
        b"avif" | b"avis" => Some("an AVIF image"),
        _ => None,
    }
}

/// `QuickTime` before `ftyp` existed, and still images in the same wrapping.
fn quicktime(head: &[u8]) -> Option<&'static str> {
    match head.get(4..8)? {
        b"ftyp" => still_image(head),
        b"moov" | b"mdat" | b"wide" | b"pnot" => Some("an old QuickTime movie without a file type"),
        _ => None,
    }
}

fn transport_stream(head: &[u8]) -> Option<&'static str> {
    let synced = [0, 188, 376].iter().all(|at| head.get(*at) == Some(&0x47));
    synced.then_some("an MPEG transport stream")
}

/// Raw GSM 06.10: frames of 33 bytes that each begin with the nibble 13 (RFC 3551, section 4.5.8).
fn gsm(head: &[u8]) -> Option<&'static str> {
    let marked = (0..8).all(|frame| head.get(frame * 33).is_some_and(|byte| byte >> 4 == 0xD));
    marked.then_some("raw GSM audio")
}

fn text(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Some("text");
    }
    let readable = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut by the end of the head.
        Err(cut) if cut.error_len().is_none() => std::str::from_utf8(head.get(..cut.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    if readable.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return None;
    }
    let start = readable.trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t']).get(..9).unwrap_or_default();
    let html = ["<!doctype", "<html"].iter().any(|tag| start.to_ascii_lowercase().starts_with(tag));
    Some(if html { "an HTML page" } else { "text" })
}

/// An ADTS header (ISO/IEC 13818-7, 6.2) and, where the head reaches that far, a second one after it.
fn is_adts(head: &[u8]) -> bool {
    let frame = |at: usize| -> Option<usize> {
        let [sync, kind, rate, high, middle, low] = *head.get(at..)?.first_chunk::<6>()?;
        let valid = sync == 0xFF && kind & 0xF6 == 0xF0 && (rate >> 2) & 0xF < 13;
        let len = (usize::from(high & 3) << 11) | (usize::from(middle) << 3) | usize::from(low >> 5);
        (valid && len > 7).then_some(len)
    };
    frame(0).is_some_and(|len| head.len() < len + 6 || frame(len).is_some())
}

/// An MPEG audio header (ISO/IEC 11172-3, 2.4.1.3), after the zeros that some editors leave.
fn is_mpeg_audio(head: &[u8]) -> bool {
    let start = head.iter().position(|byte| *byte != 0).unwrap_or(head.len());
    let Some([sync, kind, rate, _]) = head.get(start..).and_then(|rest| rest.first_chunk::<4>()) else { return false };
    let (version, layer) = ((kind >> 3) & 3, (kind >> 1) & 3);
    let (bit_rate, sample_rate) = (rate >> 4, (rate >> 2) & 3);
    // 0xFF 0xFE is the mark of UTF-16 text; the layer I header that looks like it is not worth a wrong name.
    let utf16 = *kind == 0xFE;
    *sync == 0xFF && kind & 0xE0 == 0xE0 && version != 1 && layer != 0 && bit_rate != 15 && sample_rate != 3 && !utf16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(tag_body: usize, rest: &[u8]) -> Vec<u8> {
        let size = [21, 14, 7, 0].map(|shift| u8::try_from((tag_body >> shift) & 0x7F).unwrap());
        [b"ID3\x03\0\0", &size[..], &vec![0; tag_body], rest].concat()
    }

    #[test]
    fn tags_before_the_audio_are_skipped_even_when_they_are_longer_than_the_head() {
        assert_eq!(sniff(&tagged(300, b"fLaC....")), Sniffed::Audio(Container::Flac));
        let far = tagged(100_000, b"fLaC....");
        assert_eq!(sniff(&far[..SNIFF_BYTES]).name(), "ID3 tags without audio");
        let found = sniff_reader(&mut io::Cursor::new(&far)).unwrap();
        assert_eq!(found, (Sniffed::Audio(Container::Flac), 100_010));
        let only_tags = sniff_reader(&mut io::Cursor::new(tagged(20, b"").repeat(1000))).unwrap().0;
        assert_eq!(only_tags, ONLY_TAGS);
    }

    #[test]
    fn what_we_refuse_is_named() {
        let cases: [(&[u8], &str); 12] = [
            (b"%PDF-1.4\n%\xE2\xE3", "PDF"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
            (b"RIFF\x10\0\0\0AVI LIST", "AVI"),
            (b"wvpk\0\0\0\0RIFF", "WavPack"),
            (b".snd\0\0\0\x18", "AU"),
            (b"#!AMR-WB\n", "AMR-WB"),
            (b"  <!DOCTYPE html><html>", "HTML"),
            ("Grüße".as_bytes(), "text"),
            (b"\xFF\xFEH\0i\0", "text"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIF"),
            (b"", "empty"),
        ];
        for (bytes, name) in cases {
            assert!(sniff(bytes).name().contains(name), "{:?} should name {name}", sniff(bytes));
            assert!(!matches!(sniff(bytes), Sniffed::Audio(_)));
        }
    }

    #[test]
    fn runs_of_one_byte_and_random_bytes_are_not_audio() {
        for byte in 0..=u8::MAX {
            assert!(!matches!(sniff(&[byte; 4096]), Sniffed::Audio(_)), "{byte:#x}");
        }
    }
}
