//! Damaged, hostile and absurd files: every one ends in audio or in an error that says what is wrong with it. No panic but the
//! decoder's known ones, no file that never ends, and never more than 300 MB of memory.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    clippy::trivially_copy_pass_by_ref,
    reason = "a test may panic, its sizes are small, and names of boxes are byte strings"
)]
mod check;
mod child;
mod flac;
mod iff;
mod mp4;
mod ogg;
mod tags;
mod webm;

use std::{fs, path::PathBuf};

use check::Case;
use child::alone;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../voiceclone-core/tests/audio");
const TAGLIB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/taglib");

fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{FIXTURES}/{name}")).unwrap()
}

/// Every file of a folder but those that describe it, by name.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let described = |path: &PathBuf| path.extension().is_some_and(|ext| ["md", "sh", "tsv"].iter().any(|e| ext == *e));
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.is_file() && !described(path)).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

fn every_kind() -> Vec<(String, Vec<u8>)> {
    [files(FIXTURES), files(&format!("{FIXTURES}/refused"))].concat()
}

fn cut(name: &str, whole: &[u8], percent: usize) -> Case {
    Case::new(format!("{name} at {percent} %"), &whole[..whole.len() * percent / 100])
}

#[test]
fn whole_files_of_every_kind() {
    alone("whole_files_of_every_kind", || {
        let files = every_kind();
        assert!(files.len() > 35, "{} files", files.len());
        for (name, bytes) in files {
            Case::new(name, bytes).prepare();
        }
    });
}

#[test]
fn files_cut_at_every_percent() {
    alone("files_cut_at_every_percent", || {
        for (name, whole) in every_kind() {
            (0..100).for_each(|percent| cut(&name, &whole, percent).decode());
            (5..100).step_by(10).for_each(|percent| cut(&name, &whole, percent).prepare());
        }
    });
}

/// The generator of the C standard's example; any order will do, if it is the same on every run.
struct Order(u32);

impl Order {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (self.0 >> 8) as usize % end
    }
}

#[test]
fn files_with_bits_and_bytes_changed() {
    alone("files_with_bits_and_bytes_changed", || {
        let mut order = Order(1);
        for (name, whole) in every_kind() {
            for round in 0..24 {
                let mut bytes = whole.clone();
                // Three times of four near the start, where the structure is.
                let reach = if round % 4 == 0 { bytes.len() } else { bytes.len().min(400) };
                let (place, bit) = (order.below(reach), order.below(8));
                bytes[place] = if round % 2 == 0 { bytes[place] ^ (1 << bit) } else { [0, 0x7F, 0x80, 0xFF][bit / 2] };
                let case = Case::new(format!("{name} with byte {place} as {:#04x}", bytes[place]), bytes);
                if round < 4 { case.prepare() } else { case.decode() }
            }
        }
    });
}

#[test]
fn taglib_s_damaged_files() {
    alone("taglib_s_damaged_files", || {
        let files = files(TAGLIB);
        assert!(files.len() > 50, "{} files", files.len());
        for (name, whole) in files {
            (1..100).step_by(7).for_each(|percent| cut(&name, &whole, percent).decode());
            Case::new(name, whole).prepare();
        }
    });
}

#[test]
fn mp4_bombs() {
    alone("mp4_bombs", || mp4::bombs().iter().for_each(Case::prepare));
}

#[test]
fn ogg_bombs() {
    alone("ogg_bombs", || ogg::bombs().iter().for_each(Case::prepare));
}

#[test]
fn webm_bombs() {
    alone("webm_bombs", || webm::bombs().iter().for_each(Case::prepare));
}

#[test]
fn wav_aiff_and_caf_bombs() {
    alone("wav_aiff_and_caf_bombs", || iff::bombs().iter().for_each(Case::prepare));
}

#[test]
fn flac_bombs() {
    alone("flac_bombs", || flac::bombs().iter().for_each(Case::prepare));
}

#[test]
fn tags_and_what_is_no_audio() {
    alone("tags_and_what_is_no_audio", || tags::bombs().iter().for_each(Case::prepare));
}

#[test]
fn three_hours_of_silence_in_a_small_flac() {
    alone("three_hours_of_silence_in_a_small_flac", || flac::long().prepare_once());
}

#[test]
fn three_hours_of_silence_in_a_small_opus() {
    alone("three_hours_of_silence_in_a_small_opus", || ogg::long().prepare_once());
}
