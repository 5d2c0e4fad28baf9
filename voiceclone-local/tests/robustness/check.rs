//! One file through the decoder alone or through the whole preparation, and what may come of it: audio, or an error that says
//! what is wrong with the file.
use std::{io::Write as _, time::Duration};

use tempfile::TempPath;
use voiceclone_core::{
    Error, ErrorKind,
    audio::{AudioBody, DecodeLimits, RawAudio, probe},
    domain::ClipProfile,
    preprocess::Preprocessor as _,
};
use voiceclone_local::LocalPreprocessor;

use crate::child::{peak_mb, unknown_panics};

/// What is larger lies in a file, as an upload does.
const IN_MEMORY: usize = 4 << 20;

/// A file of the corpus: pieces, each repeated so many times.
pub(crate) struct Case {
    pub(crate) name: String,
    pieces: Vec<(Vec<u8>, usize)>,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(name, [(bytes.into(), 1)])
    }

    pub(crate) fn of(name: impl Into<String>, pieces: impl Into<Vec<(Vec<u8>, usize)>>) -> Self {
        Self { name: name.into(), pieces: pieces.into() }
    }

    fn body(&self) -> (AudioBody, Option<TempPath>) {
        let len: usize = self.pieces.iter().map(|(bytes, times)| bytes.len() * times).sum();
        let pieces = self.pieces.iter().flat_map(|(bytes, times)| std::iter::repeat_n(bytes, *times));
        if len <= IN_MEMORY {
            return (pieces.flatten().copied().collect::<Vec<u8>>().into(), None);
        }
        let mut file = std::io::BufWriter::new(tempfile::NamedTempFile::new().unwrap());
        pieces.for_each(|bytes| file.write_all(bytes).unwrap());
        let path = file.into_inner().unwrap().into_temp_path();
        (AudioBody::from_file(&path).unwrap(), Some(path))
    }

    /// Decodes to the end.
    pub(crate) fn decode(&self) {
        let (body, _file) = self.body();
        let limits = DecodeLimits::default().min_duration(Duration::ZERO);
        self.judge("decode", probe(&body, None, &limits).map(|_| ()));
    }

    /// Inspects and prepares, as an upload is.
    pub(crate) fn prepare(&self) {
        let (body, _file) = self.body();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let preprocessor = LocalPreprocessor::new();
        let inspected = runtime.block_on(preprocessor.inspect(RawAudio::new(body.clone())));
        let inspected = self.judge("inspect", inspected);
        let prepared = runtime.block_on(preprocessor.process(RawAudio::new(body), &ClipProfile::master()));
        let prepared = self.judge("process", prepared);
        assert_eq!(inspected, prepared.map(|prepared| prepared.quality), "{}: one says what the other says", self.name);
    }

    /// Only prepares: for what is so long that reading it twice costs more than it tells.
    pub(crate) fn prepare_once(&self) {
        let (body, _file) = self.body();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let prepared = runtime.block_on(LocalPreprocessor::new().process(RawAudio::new(body), &ClipProfile::master()));
        self.judge("process", prepared);
    }

    fn judge<T>(&self, what: &str, outcome: Result<T, Error>) -> Option<T> {
        let name = &self.name;
        let panics = unknown_panics();
        assert!(panics.is_empty(), "{what} of {name}: {panics:?}");
        if std::env::var_os("VOICECLONE_ROBUSTNESS_TELL").is_some() {
            let said = outcome.as_ref().err().map_or_else(|| "audio".to_owned(), ToString::to_string);
            println!("{what} of {name}: {said} ({} MB)", peak_mb());
        }
        match outcome {
            Ok(done) => Some(done),
            Err(error) => {
                let kind = error.kind();
                let typed = matches!(kind, ErrorKind::InvalidInput | ErrorKind::Timeout);
                assert!(typed && !error.message().is_empty(), "{what} of {name}: {}", error.chain());
                None
            }
        }
    }
}
