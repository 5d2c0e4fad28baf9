//! The name of any bytes, which the decoder trusts with the choice of the parser.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voiceclone_core::audio::{AudioBody, DecodeLimits, Decoder, SNIFF_BYTES, Sniffed, sniff};

fuzz_target!(|data: &[u8]| {
    let found = sniff(data);
    assert!(!found.name().is_empty());
    // What has no name that is accepted never reaches a parser, and the message says what it is. The decoder also skips tags
    // that are longer than the head, so only inputs within the head are compared.
    if data.len() > SNIFF_BYTES || data.is_empty() || matches!(found, Sniffed::Audio(_)) {
        return;
    }
    let error = Decoder::open(&AudioBody::from(data.to_vec()), None, &DecodeLimits::default()).err();
    let message = error.map(|error| error.message().to_owned()).unwrap_or_default();
    assert!(message.starts_with(&format!("this is {}", found.name())), "{found:?}: {message}");
});
