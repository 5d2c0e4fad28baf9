//! The vendored files are the ones whose provenance `assets/SHA256SUMS` states, and none is unaccounted for.

#[cfg(test)]
mod assets {
    use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

    use sha2::{Digest as _, Sha256};

    fn directory() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets"))
    }

    fn listed() -> Vec<(String, String)> {
        let sums = fs::read_to_string(directory().join("SHA256SUMS")).unwrap();
        let lines = sums.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.map(|line| line.split_once("  ").unwrap()).map(|(sum, file)| (sum.into(), file.into())).collect()
    }

    #[test]
    fn every_listed_file_has_its_sum() {
        let listed = listed();
        assert!(!listed.is_empty());
        for (sum, file) in listed {
            let mut hex = String::new();
            for byte in Sha256::digest(fs::read(directory().join(&file)).unwrap()) {
                write!(hex, "{byte:02x}").unwrap();
            }
            assert_eq!(hex, sum, "{file}");
        }
    }

    #[test]
    fn every_file_of_the_text_front_end_is_listed() {
        let listed: BTreeSet<String> = listed().into_iter().map(|(_, file)| file).collect();
        for entry in fs::read_dir(directory().join("g2p")).unwrap() {
            let file = format!("g2p/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(listed.contains(&file), "{file}");
        }
    }
}
