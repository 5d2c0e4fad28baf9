//! A look at the tables of a Vorbis stream before the codec builds them (Vorbis I specification, section 3.2.1).
//!
//! Twenty bytes can ask for a table of 16 MB, and a setup header can ask for 256 of them.

/// Entries of all codebooks together; encoders write fewer than 100 000.
const MAX_ENTRIES: u64 = 1 << 19;
/// Numbers in all tables of vectors together: 16 MB.
const MAX_NUMBERS: u64 = 1 << 22;
/// Length of the identification header, behind which the setup header follows.
const IDENTIFICATION: usize = 30;
/// Length of the type and name of a setup header.
const NAME: usize = 7;

/// Whether the headers of a stream ask for larger tables than any encoder writes. What is malformed is left to the codec.
pub(super) fn asks_too_much(headers: &[u8]) -> bool {
    let Some(setup) = setup(headers).and_then(|setup| setup.get(NAME..)) else { return false };
    let mut walk = Walk { bits: Bits { bytes: setup, at: 0 }, entries: 0, numbers: 0 };
    walk.codebooks();
    walk.entries > MAX_ENTRIES || walk.numbers > MAX_NUMBERS
}

/// The setup header: behind the identification header, or the last of three packets in Xiph's lacing, as Matroska keeps them.
fn setup(headers: &[u8]) -> Option<&[u8]> {
    let Some((2, mut rest)) = headers.split_first() else { return headers.get(IDENTIFICATION..) };
    let mut before = 0;
    for _ in 0..2 {
        let len = rest.iter().position(|byte| *byte < 255)? + 1;
        let (lacing, after) = rest.split_at_checked(len)?;
        before += lacing.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        rest = after;
    }
    rest.get(before..)
}

struct Walk<'a> {
    bits: Bits<'a>,
    entries: u64,
    numbers: u64,
}

impl Walk<'_> {
    /// Adds up what the codebooks ask for, up to the end, damage or the limits.
    fn codebooks(&mut self) -> Option<()> {
        let count = self.bits.take(8)? + 1;
        (0..count).try_for_each(|_| self.codebook())
    }

    fn codebook(&mut self) -> Option<()> {
        let _sync = self.bits.take(24)?;
        let dimensions = self.bits.take(16)?;
        let entries = self.bits.take(24)?;
        self.entries += u64::from(entries);
        if self.entries > MAX_ENTRIES {
            return None;
        }
        self.lengths(entries)?;
        let kind = self.bits.take(4)?;
        if kind == 0 {
            return Some(());
        }
        let all = u64::from(entries) * u64::from(dimensions);
        self.numbers += all;
        if self.numbers > MAX_NUMBERS {
            return None;
        }
        let _least_and_step = (self.bits.take(32)?, self.bits.take(32)?);
        let width = u64::from(self.bits.take(4)? + 1);
        let _sequence = self.bits.take(1)?;
        let values = if kind == 1 { root(entries, dimensions) } else { all };
        self.bits.skip(values * width)
    }

    /// The lengths of the codewords: in order, or one for each entry, or one for each that is used.
    fn lengths(&mut self, entries: u32) -> Option<()> {
        let ordered = self.bits.take(1)? == 1;
        if !ordered {
            if self.bits.take(1)? == 0 {
                return self.bits.skip(5 * u64::from(entries));
            }
            for _ in 0..entries {
                let used = self.bits.take(1)? == 1;
                self.bits.skip(if used { 5 } else { 0 })?;
            }
            return Some(());
        }
        self.bits.skip(5)?;
        let mut known = 0;
        while known < entries {
            let width = u32::BITS - (entries - known).leading_zeros();
            known = known.checked_add(self.bits.take(width)?)?;
        }
        Some(())
    }
}

/// The largest number whose power is not above `entries` (section 9.2.3).
fn root(entries: u32, dimensions: u32) -> u64 {
    let fits = |value: u64| value.checked_pow(dimensions).is_some_and(|power| power <= u64::from(entries));
    (1..=u64::from(entries)).take_while(|value| fits(*value)).count() as u64
}

/// Bits from the least significant on, as Vorbis packs them (section 2.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for place in 0..count {
            let byte = *self.bytes.get(usize::try_from(self.at / 8).ok()?)?;
            value |= u32::from((byte >> (self.at % 8)) & 1) << place;
            self.at += 1;
        }
        Some(value)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|(value, width)| {
                (0..*width).map(move |bit| u8::from(value.checked_shr(bit).unwrap_or(0) & 1 == 1))
            })
            .collect();
        bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (place, bit)| sum | (bit << place))).collect()
    }

    /// One ordered codebook of 17-bit codewords with a table.
    fn codebook(entries: u32, dimensions: u32) -> Vec<(u32, u32)> {
        let width = u32::BITS - entries.leading_zeros();
        let head = [(0x56_4342, 24), (dimensions, 16), (entries, 24), (1, 1), (16, 5), (entries, width)];
        let table = [(1, 4), (0, 32), (0, 32), (0, 4), (0, 1), (0, u32::try_from(root(entries, dimensions)).unwrap())];
        [head, table].concat()
    }

    fn headers(books: u32, entries: u32, dimensions: u32) -> Vec<u8> {
        let fields = [vec![(books - 1, 8)], codebook(entries, dimensions).repeat(books as usize)].concat();
        [&[0; IDENTIFICATION + NAME][..], &packed(&fields)].concat()
    }

    #[test]
    fn the_sum_over_all_codebooks_counts() {
        assert!(!asks_too_much(&headers(1, 1 << 17, 32)));
        assert!(asks_too_much(&headers(2, 1 << 17, 32)));
        assert!(!asks_too_much(&headers(40, 6_561, 8)));
        assert!(asks_too_much(&headers(100, 6_561, 1)));
    }

    #[test]
    fn matroska_s_lacing_hides_nothing() {
        let plain = headers(2, 1 << 17, 32);
        let comments = vec![7; 300];
        let (identification, setup) = plain.split_at(IDENTIFICATION);
        let laced = [&[2, 30, 255, 45], identification, &comments, setup].concat();
        assert!(asks_too_much(&laced));
        assert!(!asks_too_much(&laced[..200]));
    }

    #[test]
    fn roots_are_whole() {
        assert_eq!([root(6_561, 8), root(6_560, 8), root(1 << 17, 32), root(81, 4), root(5, 1)], [3, 2, 1, 3, 5]);
    }
}
