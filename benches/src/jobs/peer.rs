//! graphile-worker, in a process of node's, installed into a folder of this run's target directory.
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use voiceclone_core::{Error, Result};

use crate::child;

/// Where the peer is.
#[derive(Debug, Clone)]
pub struct Graphile {
    script: PathBuf,
    modules: PathBuf,
}

impl Graphile {
    /// The peer whose scripts are in `peers` and whose modules are in `dir`.
    pub fn new(peers: &Path, dir: &Path) -> Self {
        Self { script: peers.join("graphile-worker/client.mjs"), modules: dir.join("graphile-worker") }
    }

    /// Installs it.
    ///
    /// # Errors
    /// If npm fails.
    pub fn install(&self) -> Result<()> {
        let setup = self.script.with_file_name("setup");
        let mut command = Command::new("sh");
        command.arg(setup).arg(&self.modules);
        child::run(command).map(drop)
    }

    /// Why it cannot run here, if so.
    pub fn missing(&self) -> Option<String> {
        let asked = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            return Some("node is not installed".to_owned());
        }
        let installed = self.modules.join("node_modules/graphile-worker").exists();
        (!installed).then(|| "graphile-worker is not installed; --install-peers does it".to_owned())
    }

    /// Its version.
    ///
    /// # Errors
    /// If its package cannot be read.
    pub fn version(&self) -> Result<String> {
        let package = std::fs::read_to_string(self.modules.join("node_modules/graphile-worker/package.json"));
        let package = package.map_err(|e| Error::unexpected("the peer's package cannot be read").with_source(e))?;
        let version = package.lines().find_map(|line| line.trim().strip_prefix("\"version\": \""));
        Ok(version.unwrap_or("unknown").trim_end_matches(['"', ',']).to_owned())
    }

    /// The command of a verb of its client.
    pub fn command(&self, url: &str, words: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg(&self.script).arg(&self.modules).arg(url).args(words);
        command
    }
}
