//! Where blobs are, as a URL says it. Knows no store.
use std::{fmt, path::PathBuf};

use url::Url;
use voiceclone_core::{Error, ErrorKind, Result, store::BlobKey};

/// A directory, memory, or a bucket with perhaps a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Directory(PathBuf),
    Memory,
    Bucket { cloud: Cloud, bucket: String, prefix: Option<BlobKey> },
}

/// Whose protocol a bucket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloud {
    S3,
    Gcs,
    Azure,
}

impl Cloud {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

impl Place {
    /// Reads `file:///directory`, `memory://`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. The
    /// URL itself is in no error: it may hold what somebody put into the wrong place.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| {
            config("a blob store's URL begins with file://, memory://, s3://, gs:// or az://, and this text does not")
        })?;
        if rest.contains('@') {
            return Err(config("a blob store's URL holds no user and no password: give credentials to the builder"));
        }
        if rest.contains(['?', '#']) {
            return Err(config("a blob store's URL has no query and no fragment: settings are given to the builder"));
        }
        match scheme {
            "file" => directory(url),
            "memory" if rest.trim_matches('/').is_empty() => Ok(Self::Memory),
            "memory" => Err(config("memory:// takes neither a name nor a path")),
            "s3" => bucket(Cloud::S3, rest),
            "gs" => bucket(Cloud::Gcs, rest),
            "az" => bucket(Cloud::Azure, rest),
            other => {
                let found: String = other.chars().filter(char::is_ascii_graphic).take(20).collect();
                Err(config(format!("blobs cannot be kept at {found}://; file, memory, s3, gs and az are accepted")))
            }
        }
    }
}

fn directory(url: &str) -> Result<Place> {
    let path = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
    path.map(Place::Directory).ok_or_else(|| config("a directory is named as file:///absolute/path"))
}

fn bucket(cloud: Cloud, rest: &str) -> Result<Place> {
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if !(3..=222).contains(&bucket.len()) || bucket.starts_with('.') || !bucket.bytes().all(plain) {
        let form = "3 or more letters, digits, '.', '_' and '-'";
        return Err(config(format!("a bucket in {}://bucket/prefix is named by {form}", cloud.scheme())));
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let prefix = (!path.is_empty()).then(|| BlobKey::new(path)).transpose();
    let prefix =
        prefix.map_err(|e| config(format!("the prefix in the URL is no prefix of blob keys: {}", e.message())))?;
    Ok(Place::Bucket { cloud, bucket: bucket.to_owned(), prefix })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file://{}", path.display()),
            Self::Memory => f.write_str("memory://"),
            Self::Bucket { cloud, bucket, prefix: None } => write!(f, "{}://{bucket}", cloud.scheme()),
            Self::Bucket { cloud, bucket, prefix: Some(prefix) } => write!(f, "{}://{bucket}/{prefix}", cloud.scheme()),
        }
    }
}

pub(super) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where() {
        for (url, shown) in [
            ("s3://voices", "s3://voices"),
            ("s3://voices/", "s3://voices"),
            ("s3://voices/a/b.c/", "s3://voices/a/b.c"),
            ("gs://voices/a", "gs://voices/a"),
            ("az://voices", "az://voices"),
            ("memory://", "memory://"),
            ("memory:///", "memory://"),
            ("file:///var/lib/voices", "file:///var/lib/voices"),
            ("file:///var/my%20voices", "file:///var/my voices"),
        ] {
            assert_eq!(Place::parse(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused_without_being_repeated() {
        for url in [
            "",
            "voices",
            "/var/lib/voices",
            "s3:voices",
            "s3://",
            "s3:///a",
            "s3://ab",
            "s3://a b c/x",
            "s3://voices//a",
            "s3://voices/a//b",
            "s3://voices/../b",
            "s3://voices/a/./b",
            "s3://voices/%2e%2e",
            "s3://voices/ä",
            "s3://voices:9000/a",
            "s3://user:hunter2@voices/a",
            "s3://voices/a?secret=hunter2",
            "s3://voices/a#hunter2",
            "https://user:hunter2@host/b",
            "https://host/b",
            "ftp://host/hunter2",
            "memory://hunter2",
            "file://host/hunter2",
            "file://relative",
        ] {
            let error = Place::parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let unknown = Place::parse("ftp://host/dir").unwrap_err();
        assert!(unknown.message().contains("ftp://") && unknown.message().contains("s3"), "{unknown}");
    }
}
