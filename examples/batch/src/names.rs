//! Which names may become files, on any of the usual systems. Says why one may not; never changes one.

/// The longest name, in bytes: file systems take 255, of which the ending and the mark of an unfinished file need some.
const MAX_BYTES: usize = 200;
const RESERVED_CHARACTERS: &str = r#"/\:*?"<>|"#;
/// Names of devices on Windows, whatever their ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Why `name` cannot be the name of an output, ending excluded; `None` if it can.
pub(crate) fn objection(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if name.is_empty() {
        Some("the name is empty".to_owned())
    } else if name.len() > MAX_BYTES {
        Some(format!("the name has {} bytes; at most {MAX_BYTES} are accepted", name.len()))
    } else if let Some(c) = name.chars().find(|c| c.is_control() || RESERVED_CHARACTERS.contains(*c)) {
        Some(format!(
            "the name {name:?} holds {c:?}; names hold no control characters and none of {RESERVED_CHARACTERS}"
        ))
    } else if name.starts_with('.') || name.ends_with(['.', ' ']) || name.starts_with(' ') {
        Some(format!("the name {name:?} begins with a dot or a space, or ends with one"))
    } else if [".wav", ".flac", ".opus", ".ogg"].iter().any(|ending| lower.ends_with(ending)) {
        Some(format!("the name {name:?} has an ending; it is added by the format"))
    } else if is_device(&lower) {
        Some(format!("the name {name:?} is that of a device on Windows"))
    } else {
        None
    }
}

fn is_device(lower: &str) -> bool {
    let stem = lower.split('.').next().unwrap_or_default();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    DEVICES.contains(&stem) || port.is_some_and(|n| n.len() == 1 && n.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_of_any_language_are_accepted() {
        for name in ["hello", "0001-ada", "Größe 2", "日本語", "a.b", "console", "com10"] {
            assert_eq!(objection(name), None, "{name:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_or_mean_something_else_are_refused() {
        let long = "x".repeat(201);
        let bad = [
            "", ".", "..", "../up", "a/b", r"a\b", "c:d", "a*", "a\nb", ".hidden", "end.", "end ", " start", "a.wav",
            "A.FLAC", "con", "NUL.txt", "lpt1", &long,
        ];
        for name in bad {
            assert!(objection(name).is_some(), "{name:?}");
        }
    }
}
