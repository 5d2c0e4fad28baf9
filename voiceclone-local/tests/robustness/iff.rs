//! WAV, AIFF and CAF: chunks that claim more than there is, formats that cannot be, and samples that are no numbers.
use crate::{check::Case, fixture};

/// The fixture with other bytes at an offset.
fn at(name: &str, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = fixture(name);
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
    file
}

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [id, &u32::try_from(body.len()).unwrap().to_le_bytes()[..], body].concat()
}

/// A WAV file with a list of entries before its data.
fn wav_with(name: &str, list: &[u8], unit: Vec<u8>, times: usize) -> Case {
    let file = fixture("s16.wav");
    let (format, data) = file.split_at(36);
    let len = u32::try_from(list.len() - 8 + unit.len() * times).unwrap();
    let list = [&list[..4], &len.to_le_bytes(), &list[8..]].concat();
    let mut format = format.to_vec();
    let riff = u32::try_from(file.len()).unwrap() + len;
    format[4..8].copy_from_slice(&riff.to_le_bytes());
    Case::of(name, [(format, 1), (list, 1), (unit, times), (data.to_vec(), 1)])
}

/// The same for AIFF, whose sizes are big-endian.
fn aiff_with(name: &str, id: &[u8; 4], start: &[u8], unit: Vec<u8>, times: usize) -> Case {
    let file = fixture("s16.aiff");
    let (format, data) = file.split_at(38);
    let len = u32::try_from(start.len() + unit.len() * times).unwrap();
    let list = [id, &len.to_be_bytes()[..], start].concat();
    let mut format = format.to_vec();
    let size = u32::try_from(file.len()).unwrap() + len;
    format[4..8].copy_from_slice(&size.to_be_bytes());
    Case::of(name, [(format, 1), (list, 1), (unit, times), (data.to_vec(), 1)])
}

/// Samples of a 32-bit float WAV set to a value, one in every hundred.
fn floats(value: f32) -> Vec<u8> {
    let mut file = fixture("f32.wav");
    let data = file.windows(4).position(|window| window == b"data").unwrap() + 8;
    for sample in file[data..].chunks_exact_mut(4).step_by(100) {
        sample.copy_from_slice(&value.to_le_bytes());
    }
    file
}

fn wavs() -> Vec<Case> {
    let mut cases = Vec::new();
    for rate in [0, 1, 3_999, 384_001, u32::MAX] {
        cases.push(Case::new(format!("WAV of {rate} Hz"), at("s16.wav", 24, &rate.to_le_bytes())));
    }
    for channels in [0, 9, 255, u16::MAX] {
        let wide = u32::from(channels) * 2;
        let block = u16::try_from(wide).unwrap_or(u16::MAX).to_le_bytes();
        let mut file = at("s16.wav", 22, &channels.to_le_bytes());
        cases.push(Case::new(format!("WAV of {channels} channels"), file.clone()));
        file[32..34].copy_from_slice(&block);
        cases.push(Case::new(format!("WAV of {channels} channels in wide blocks"), file));
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, f32::MAX, f32::MIN_POSITIVE / 2.0] {
        cases.push(Case::new(format!("WAV with samples of {value:e}"), floats(value)));
    }
    for bits in [0_u16, 1, 7, 33, 64, u16::MAX] {
        cases.push(Case::new(format!("WAV of {bits} bits"), at("s16.wav", 34, &bits.to_le_bytes())));
    }
    for (name, block) in
        [("ima.wav", 0_u16), ("ima.wav", 1), ("ima.wav", u16::MAX), ("ms.wav", 0), ("ms.wav", u16::MAX)]
    {
        cases.push(Case::new(format!("{name} in blocks of {block}"), at(name, 32, &block.to_le_bytes())));
        cases.push(Case::new(format!("{name} with {block} samples in a block"), at(name, 38, &block.to_le_bytes())));
    }
    let info = chunk(b"IART", b"a\0");
    cases.extend([
        wav_with("four million entries in INFO", &chunk(b"LIST", b"INFO"), info, 4_000_000),
        wav_with("four million ID3 frames in WAV", b"id3 \0\0\0\0ID3\x03\0\0\x01\x7F\x7F\x7F", frame(), 3_000_000),
        wav_with("four million empty chunks", &chunk(b"junk", b""), chunk(b"junk", b""), 4_000_000),
    ]);
    cases
}

fn frame() -> Vec<u8> {
    b"TIT2\0\0\0\x02\0\0\0a".to_vec()
}

fn aiffs() -> Vec<Case> {
    let rate = |bytes: [u8; 10]| at("s16.aiff", 28, &bytes);
    let infinite = [0x7F, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0];
    let nan = [0x7F, 0xFF, 0xC0, 0, 0, 0, 0, 0, 0, 0];
    let mark = [&b"\0\x01\0\0\0\0"[..], b"\0\0"].concat();
    vec![
        Case::new("AIFF of infinite rate", rate(infinite)),
        Case::new("AIFF whose rate is no number", rate(nan)),
        Case::new("AIFF of rate 0", rate([0; 10])),
        Case::new("AIFF of negative rate", rate([0xC0, 0x0B, 0xFA, 0, 0, 0, 0, 0, 0, 0])),
        Case::new("AIFF of 65 535 channels", at("s16.aiff", 20, &[0xFF; 2])),
        Case::new("AIFF of no channel", at("s16.aiff", 20, &[0; 2])),
        Case::new("AIFF of four billion frames", at("s16.aiff", 22, &[0xFF; 4])),
        Case::new("AIFF whose data claims four billion bytes", at("s16.aiff", 42, &[0xFF; 4])),
        aiff_with("65 535 markers", b"MARK", &[0xFF; 2], mark, 65_535),
        aiff_with("two million annotations", b"ANNO", b"", b"a\0ANNO\0\0\0\x02".to_vec(), 2_000_000),
        aiff_with("three million ID3 frames in AIFF", b"ID3 ", b"ID3\x03\0\0\x01\x7F\x7F\x7F", frame(), 3_000_000),
    ]
}

/// A CAF file from its description and other chunks, with big-endian 64-bit sizes.
fn caf(description: &[u8; 32], chunks: &[(&[u8; 4], i64, &[u8])]) -> Vec<u8> {
    let mut file = [&b"caff\0\x01\0\0desc"[..], &32_i64.to_be_bytes(), description].concat();
    for (id, size, body) in chunks {
        file.extend([&id[..], &size.to_be_bytes(), body].concat());
    }
    file
}

/// Rate 16 kHz, then format, flags, bytes and frames per packet, channels, bits.
fn description(format: &[u8; 4], fields: [u32; 5]) -> [u8; 32] {
    let mut out = [0; 32];
    out[..8].copy_from_slice(&16_000_f64.to_be_bytes());
    out[8..12].copy_from_slice(format);
    out[12..].copy_from_slice(&fields.map(u32::to_be_bytes).concat());
    out
}

fn cafs() -> Vec<Case> {
    let sound = vec![1; 20_000];
    let data = (b"data", 20_004_i64, [&[0; 4][..], &sound].concat());
    let data = (data.0, data.1, data.2.as_slice());
    let table =
        |packets: i64, body: &[u8]| [&packets.to_be_bytes()[..], &20_000_i64.to_be_bytes(), &[0; 8], body].concat();
    let variable = description(b"alac", [0, 0, 4_096, 1, 16]);
    let mut cases = Vec::new();
    for packets in [1_i64 << 40, 1 << 60, i64::MAX, -1] {
        let pakt = table(packets, &[1; 1000]);
        for size in [pakt.len() as i64, i64::MAX, -1] {
            let file = caf(&variable, &[(b"pakt", size, &pakt), data]);
            cases.push(Case::new(format!("CAF of {packets} packets in {size} bytes"), file));
        }
    }
    for frames in [(1 << 20) + 1, 1 << 30, u32::MAX] {
        for channels in [1, 2] {
            let ima = caf(&description(b"ima4", [0, 34 * channels, frames, channels, 0]), &[data]);
            cases.push(Case::new(format!("CAF with {frames} frames in a packet, {channels} channels"), ima));
            let pcm = caf(&description(b"lpcm", [0, 2 * channels, frames, channels, 16]), &[data]);
            cases.push(Case::new(format!("CAF with {frames} PCM frames in a packet, {channels} channels"), pcm));
        }
    }
    for (name, rate) in [("infinite", f64::INFINITY), ("no number", f64::NAN), ("negative", -1.0), ("huge", 1e300)] {
        cases.push(Case::new(format!("CAF whose rate is {name}"), at("s16.caf", 20, &rate.to_be_bytes())));
    }
    for (name, fields) in [
        ("no bytes", [0, 0, 1, 1, 16]),
        ("four billion bytes", [0, u32::MAX, 1, 1, 16]),
        ("65 535 channels", [0, 131_070, 1, 65_535, 16]),
        ("no channel", [0, 2, 1, 0, 16]),
    ] {
        cases.push(Case::new(format!("CAF with {name} in a packet"), caf(&description(b"lpcm", fields), &[data])));
    }
    cases.push(packets("CAF with forty million packets", 40 << 20));
    cases.push(strings("CAF with four million strings", 4_000_000));
    cases
}

/// A packet table that is really there: one byte for each packet.
fn packets(name: &str, packets: i64) -> Case {
    let head = caf(&description(b"alac", [0, 0, 1, 1, 16]), &[]);
    let table = [&b"pakt"[..], &(packets + 24).to_be_bytes(), &packets.to_be_bytes(), &packets.to_be_bytes(), &[0; 8]];
    let data = [&b"data"[..], &(-1_i64).to_be_bytes(), &[0; 100]].concat();
    Case::of(name, [(head, 1), (table.concat(), 1), (vec![1], usize::try_from(packets).unwrap()), (data, 1)])
}

fn strings(name: &str, entries: u32) -> Case {
    let file = fixture("s16.caf");
    let (head, tail) = file.split_at(52);
    let unit = b"a\0b\0".to_vec();
    let size = i64::from(entries) * 4 + 4;
    let info = [&b"info"[..], &size.to_be_bytes(), &entries.to_be_bytes()].concat();
    Case::of(name, [(head.to_vec(), 1), (info, 1), (unit, entries as usize), (tail.to_vec(), 1)])
}

pub(crate) fn bombs() -> Vec<Case> {
    [wavs(), aiffs(), cafs()].into_iter().flatten().collect()
}
