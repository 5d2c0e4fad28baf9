//! Processes of the matrix: this test binary, started again to do one thing until it is killed.
use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::postgres::spawn_tied;

/// The longest that anything may take. What takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Looks again and again until there is something, and fails after [`PATIENCE`].
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "this did not come in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A process that dies with this one.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
    stopped: bool,
}

impl Process {
    /// Runs one of the ignored tests of this binary.
    pub(crate) fn start(test: &str, name: &str, environment: &[(&str, String)]) -> Self {
        let mut command = Command::new("setpriv");
        command.arg("--pdeathsig=KILL").arg(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--ignored", "--nocapture"]);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn_tied(command).unwrap();
        let said = Arc::default();
        listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        Self { name: name.to_owned(), stdin: child.stdin.take(), child, said, stopped: false }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many of its lines begin so.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.said().iter().filter(|line| line.starts_with(start)).count()
    }

    /// Waits for a line that begins so.
    pub(crate) async fn says(&mut self, start: &str) -> String {
        let what = format!("{} says {start:?}", self.name);
        until(&what, async || {
            let found = self.said().into_iter().find(|line| line.starts_with(start));
            assert!(found.is_some() || self.is_alive(), "{} ended before it said {start:?}", self.name);
            found
        })
        .await
    }

    /// Writes a line to its standard input.
    pub(crate) fn tell(&mut self, line: &str) {
        // One that has died does not listen; whoever waits for what it does will see that.
        let _ = self.stdin.as_mut().map(|stdin| writeln!(stdin, "{line}"));
    }

    /// `SIGSTOP`: it stands still and does not know it.
    pub(crate) fn freeze(&mut self) {
        self.signal("STOP");
        self.stopped = true;
    }

    /// `SIGCONT`.
    pub(crate) fn thaw(&mut self) {
        self.signal("CONT");
        self.stopped = false;
    }

    /// `SIGKILL`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.stopped
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(sent.success(), "{} cannot be sent {signal}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_alive() {
            self.kill();
        }
    }
}

fn listen(pipe: impl Read + Send + 'static, said: &Arc<Mutex<Vec<String>>>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok).filter(|line| !line.is_empty()) {
            said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}
