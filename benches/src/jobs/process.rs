//! A client in a process of its own, and the lines it says: `ready`, `took JOBS WALL CPU`, `sent JOB BEFORE AFTER`,
//! `began JOB AT`, `held`, `lease ID`, `claims N`, times in microseconds.
use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};
use voiceclone_core::{Error, Result};

/// No line takes longer.
const PATIENCE: Duration = Duration::from_mins(10);

/// A client at work. It is killed when dropped.
#[derive(Debug)]
pub struct Client {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    name: String,
}

impl Client {
    /// Starts `command`. What it says on its error output is shown.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: Command) -> Result<Self> {
        let name = name_of(&command);
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let started = command.spawn();
        let mut child = started.map_err(|e| Error::invalid(format!("{name} cannot be started")).with_source(e))?;
        let stdout = child.stdout.take().ok_or_else(|| Error::unexpected("a client has no standard output"))?;
        Ok(Self { child, lines: BufReader::new(stdout).lines(), name })
    }

    /// Starts `command`, reads what it says to its end, and returns what it took.
    ///
    /// # Errors
    /// If it fails or does not say what it took.
    pub async fn run(command: Command) -> Result<Took> {
        Self::start(command)?.took().await
    }

    /// Reads what it says to its end, and returns what it took.
    ///
    /// # Errors
    /// If it fails or does not say what it took.
    pub async fn took(mut self) -> Result<Took> {
        let said = self.say("took").await?;
        let took =
            Took::of(&said).ok_or_else(|| Error::unexpected(format!("{} does not say what it took", self.name)))?;
        self.end().await?;
        Ok(took)
    }

    /// The words of the next line after `word`, which it begins with.
    ///
    /// # Errors
    /// If it ends, is silent for ten minutes, or says something else.
    pub async fn say(&mut self, word: &str) -> Result<Vec<String>> {
        let said =
            self.next().await?.ok_or_else(|| Error::unexpected(format!("{} ended without {word}", self.name)))?;
        match said.split_first() {
            Some((first, rest)) if first == word => Ok(rest.to_vec()),
            _ => Err(Error::unexpected(format!("{} says {} instead of {word}", self.name, said.join(" ")))),
        }
    }

    /// The words of the next line, or `None` at the end.
    ///
    /// # Errors
    /// If it is silent for ten minutes.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>> {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.map_err(|_| Error::unexpected(format!("{} is silent", self.name)))?;
        let line = line.map_err(|e| Error::unexpected(format!("{} cannot be read", self.name)).with_source(e))?;
        Ok(line.map(|line| line.split_whitespace().map(str::to_owned).collect()))
    }

    /// Tells it `text` and that this is all.
    ///
    /// # Errors
    /// If it does not listen.
    pub async fn tell(&mut self, text: &str) -> Result<()> {
        let Some(mut stdin) = self.child.stdin.take() else {
            return Err(Error::unexpected("a client was told enough"));
        };
        let told = stdin.write_all(text.as_bytes()).await;
        told.map_err(|e| Error::unexpected(format!("{} does not listen", self.name)).with_source(e))
    }

    /// Kills it, as nothing else can: it cannot tidy up.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub async fn kill(mut self) -> Result<()> {
        let killed = self.child.kill().await;
        killed.map_err(|e| Error::unexpected(format!("{} cannot be killed", self.name)).with_source(e))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not succeed.
    pub async fn end(mut self) -> Result<()> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.map_err(|_| Error::unexpected(format!("{} does not end", self.name)))?;
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::unexpected(format!("{} failed ({status})", self.name))),
            Err(e) => Err(Error::unexpected(format!("{} is lost", self.name)).with_source(e)),
        }
    }
}

/// The program and the verb; not what follows, where URLs are.
fn name_of(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut words: Vec<&OsStr> = vec![program];
    words.extend(command.get_args().take(1));
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}

/// What some jobs took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Took {
    /// How many.
    pub jobs: u32,
    /// From the first to the last.
    pub wall: Duration,
    /// User and system time of the client in the meantime.
    pub cpu: Duration,
}

impl Took {
    fn of(words: &[String]) -> Option<Self> {
        let [jobs, wall, cpu] = words else { return None };
        let micros = |word: &str| u64::from_str(word).ok().map(Duration::from_micros);
        Some(Self { jobs: jobs.parse().ok()?, wall: micros(wall)?, cpu: micros(cpu)? })
    }

    /// Jobs a second.
    pub fn rate(&self) -> f64 {
        f64::from(self.jobs) / self.wall.as_secs_f64()
    }

    /// Microseconds of CPU a job.
    pub fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_client_says_what_it_took() {
        let took = Client::run(shell("echo took 100 2000000 50000")).await.unwrap();
        assert!((took.rate() - 50.0).abs() < 1e-9 && (took.cpu_each() - 500.0).abs() < 1e-9, "{took:?}");
    }

    #[tokio::test]
    async fn a_client_that_fails_or_says_something_else_is_an_error() {
        for script in ["exit 1", "echo took", "echo took 1 1 1; exit 3", "echo other 1 1 1"] {
            assert!(Client::run(shell(script)).await.is_err(), "{script}");
        }
    }
}
