//! Temporary files of uploads that a killed process left in a blob directory.
use std::{
    fs::{self, DirEntry},
    path::Path,
    time::Duration,
};

use super::upload::STAGING;

/// Longer than any upload takes, since another process may be writing in the same directory.
pub(super) const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// Removes the temporary files below `dir` that were not written to for `age`. What cannot be read or removed is left for
/// the next time.
pub(super) fn remove(dir: &Path, age: Duration) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&path, age);
        } else if is_temporary(dir, &path) && is_older(&entry, age) {
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(file = %path.display(), "an abandoned upload was removed"),
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "an abandoned upload could not be removed")
                }
            }
        }
    }
}

/// `object_store` writes `name#1` and renames it to `name`; no key holds a `#`.
fn is_temporary(dir: &Path, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let numbered = |(_, n): (&str, &str)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    dir.ends_with(STAGING) || name.rsplit_once('#').is_some_and(numbered)
}

fn is_older(entry: &DirEntry, age: Duration) -> bool {
    let written = entry.metadata().and_then(|meta| meta.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|elapsed| elapsed >= age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_temporary_files_go() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["a/whole", "a/part#1", "a/x#y", ".staging/left"];
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        let left = || files.map(|file| dir.path().join(file).exists());
        remove(dir.path(), ABANDONED_AFTER);
        assert_eq!(left(), [true; 4]);
        remove(dir.path(), Duration::ZERO);
        assert_eq!(left(), [true, false, true, false]);
    }
}
