//! Any bytes end in audio within the limits or in a typed error: the whole decoder, from the first byte to the last block.
#![no_main]
use std::{panic, process, time::Duration};

use libfuzzer_sys::fuzz_target;
use voiceclone_core::{
    ErrorKind,
    audio::{AudioBody, DecodeLimits, Decoder, SAMPLE_RATES, frames_to_duration},
};

/// Where the parser is known to panic, and the decoder is known to catch it. Anywhere else a panic is a finding.
const KNOWN: &[&str] = &[
    // Upstream issue 559: the flags of a run's first sample are taken for the run's own.
    "symphonia-format-isomp4-0.6.1/src/atoms/trun.rs",
    // Upstream issue 560: an `lpcm` sample entry of version 0.
    "symphonia-format-isomp4-0.6.1/src/atoms/stsd.rs",
    // A codebook of 32 dimensions or more in an Ogg Vorbis setup header; not reported upstream so far.
    "symphonia-format-ogg-0.6.1/src/mappings/vorbis.rs",
];

/// A frame of the largest block that a real file holds: a second of 192 kHz.
const MAX_BLOCK: usize = 8 << 20;

fn limits() -> DecodeLimits {
    DecodeLimits::default()
        .max_bytes(1 << 20)
        .min_duration(Duration::ZERO)
        .max_duration(Duration::from_secs(10))
        .max_time(Duration::from_secs(5))
}

/// The engine's own hook ends the process at every panic, also at those that the decoder is there to catch.
fn stop_at_unknown_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let known = info.location().is_some_and(|at| KNOWN.iter().any(|file| at.file().ends_with(file)));
        if !known {
            print(info);
            process::abort();
        }
    }));
}

fuzz_target!(init: stop_at_unknown_panics(), |data: &[u8]| {
    let limits = limits();
    let body = AudioBody::from(data.to_vec());
    let mut decoder = match Decoder::open(&body, Some("fuzz"), &limits) {
        Ok(decoder) => decoder,
        Err(error) => return typed(&error),
    };
    let format = decoder.format();
    assert!(SAMPLE_RATES.contains(&format.sample_rate()) && format.channels() >= 1, "{format:?}");
    let (channels, mut frames) = (usize::from(format.channels()), 0);
    let ended = loop {
        match decoder.next_block() {
            Ok(Some(block)) => {
                assert!(!block.is_empty() && block.len() <= MAX_BLOCK && block.len().is_multiple_of(channels));
                assert!(block.iter().all(|sample| sample.is_finite()), "a sample that is no number");
                frames += (block.len() / channels) as u64;
                assert!(frames_to_duration(frames, format.sample_rate()) <= limits.max_duration, "past the limit");
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(decoder.next_block().is_ok_and(|block| block.is_none()), "something came after the end");
    match ended {
        Ok(()) => assert_eq!(decoder.report().frames, frames),
        Err(error) => typed(&error),
    }
});

fn typed(error: &voiceclone_core::Error) {
    assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Timeout), "{}", error.chain());
    assert!(!error.message().is_empty() && !error.message().contains('\n'), "{}", error.chain());
}
