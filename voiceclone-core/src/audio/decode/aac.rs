//! Which kind of AAC it is, where the decoder would not say or not notice.
//!
//! HE-AAC is plain AAC at half the rate with instructions for the upper half of the spectrum (SBR). A plain decoder plays
//! the lower half and skips the rest, so a voice would lose half its spectrum and nobody would be told.

const HE_AAC: &str = "HE-AAC (AAC with spectral band replication; only AAC-LC is decoded)";
/// Packets looked at, and how many of them must end like HE-AAC: one in ten of plain AAC does by chance.
const TRIAL: usize = 24;
const ENOUGH: usize = 16;

/// What cannot be decoded of what the configuration of a track announces (ISO/IEC 14496-3, section 1.6.2.1).
pub(super) fn announced(config: &[u8]) -> Option<String> {
    let mut bits = Bits { bytes: config, at: 0 };
    match bits.read(5)? {
        2 => {}
        5 | 29 => return Some(HE_AAC.to_owned()),
        kind => return Some(format!("AAC of another profile than LC (object type {kind})")),
    }
    if bits.read(4)? == 15 {
        bits.read(24)?;
    }
    let channels = bits.read(4)?;
    if channels > 2 {
        return Some(surround(if channels == 7 { 8 } else { channels }));
    }
    // After the plain configuration and its three flags, where decoders that do not know it do not look (1.6.6.1).
    bits.read(3)?;
    let hidden = bits.read(11)? == 0x2B7 && bits.read(5)? == 5 && bits.read(1)? == 1;
    hidden.then(|| HE_AAC.to_owned())
}

/// AAC of more than two channels.
pub(super) fn surround(channels: u32) -> String {
    format!("AAC of {channels} channels (one or two are decoded)")
}

/// Looks at the first packets of a stream for what no configuration announced.
#[derive(Debug, Default)]
pub(super) struct Unannounced {
    seen: usize,
    extended: usize,
}

impl Unannounced {
    /// The name of the codec once enough packets have shown it.
    pub(super) fn look(&mut self, packet: &[u8]) -> Option<&'static str> {
        if self.seen < TRIAL {
            self.seen += 1;
            self.extended += usize::from(ends_extended(packet));
        }
        (self.extended >= ENOUGH).then_some(HE_AAC)
    }
}

/// True if the packet ends with a fill element that holds SBR data, perhaps more fill, and the end mark (ISO/IEC 14496-3,
/// section 4.4.2.1). Where the element begins is known only to who decodes what is before it, so every place is tried.
fn ends_extended(packet: &[u8]) -> bool {
    let end = packet.len() * 8;
    // A fill element has at most 269 bytes, and SBR fits in far less.
    (end.saturating_sub(8 * 300)..end).any(|at| {
        let mut bits = Bits { bytes: packet, at };
        bits.fill().is_some_and(|kind| matches!(kind, 0xD | 0xE)) && bits.closes()
    })
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let bit = self.bytes.get(at / 8)? >> (7 - at % 8) & 1;
            value = (value << 1) | u32::from(bit);
        }
        self.at += count;
        Some(value)
    }

    /// Passes a fill element and returns the kind of its content; `None` if this is none.
    fn fill(&mut self) -> Option<u32> {
        if self.read(3)? != 6 {
            return None;
        }
        let mut count = self.read(4)?;
        if count == 15 {
            count += self.read(8)?.checked_sub(1)?;
        }
        let end = self.at + usize::try_from(count).ok()? * 8;
        let kind = if count > 0 { self.read(4)? } else { 0 };
        self.at = end;
        Some(kind)
    }

    /// Nothing but fill elements and the end mark up to the last byte.
    fn closes(&mut self) -> bool {
        loop {
            let at = self.at;
            if self.read(3) == Some(7) {
                return self.bytes.len() * 8 - self.at < 8;
            }
            self.at = at;
            if self.fill().is_none() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_announce_what_is_not_decoded_is_named() {
        let named = |config: &[u8]| announced(config).unwrap_or_default();
        assert_eq!(announced(&[0x12, 0x08]), None, "LC, 44.1 kHz, mono");
        assert_eq!(announced(&[0x14, 0x08, 0x56, 0xE5, 0x00]), None, "LC that says it has no SBR");
        assert!(named(&[0x14, 0x08, 0x56, 0xE5, 0xA0]).contains("HE-AAC"), "behind the plain configuration");
        assert!(named(&[0x2B, 0x8A, 0x08, 0x00]).contains("HE-AAC"), "as the object type");
        assert!(named(&[0xEB, 0x8A, 0x08, 0x00]).contains("HE-AAC"), "with parametric stereo");
        assert!(named(&[0x12, 0x30]).contains("6 channels"));
        assert!(named(&[0x0A, 0x08]).contains("object type 1"));
    }
}
