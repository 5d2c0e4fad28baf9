//! A process run to its end, and what it cost: CPU time, wall time and peak memory, as the kernel counted them.
//!
//! It knows nothing of audio. The figures include every process that the child started and waited for.
use std::{
    fs::File,
    io::{Read as _, Seek as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use voiceclone_core::{Error, Result};
use wait4::Wait4 as _;

/// What one run of a process cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// User and system time of the process and those it waited for.
    pub cpu: Duration,
    /// From the start to the end.
    pub wall: Duration,
    /// The largest resident set of any one of the processes, in bytes.
    pub peak: u64,
}

impl Cost {
    /// The least of both, figure by figure: what disturbs a measurement only ever adds to it.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self { cpu: self.cpu.min(other.cpu), wall: self.wall.min(other.wall), peak: self.peak.min(other.peak) }
    }
}

/// Runs `command` to its end. Its output is thrown away.
///
/// # Errors
/// The last line of its error output, if it could not be started or did not succeed.
pub fn run(mut command: Command) -> Result<Cost> {
    let mut said = tempfile::tempfile().map_err(|e| Error::unexpected("there is no temporary file").with_source(e))?;
    let stderr = said.try_clone().map_err(|e| Error::unexpected("there is no temporary file").with_source(e))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let name = Path::new(command.get_program()).display().to_string();
    let began = Instant::now();
    let child = command.spawn();
    let mut child = child.map_err(|e| Error::invalid(format!("{name} cannot be started")).with_source(e))?;
    let used = child.wait4().map_err(|e| Error::unexpected(format!("{name} was lost")).with_source(e))?;
    let wall = began.elapsed();
    if !used.status.success() {
        return Err(Error::invalid(format!("{} ({})", last_line(&mut said), used.status)));
    }
    Ok(Cost { cpu: used.rusage.utime + used.rusage.stime, wall, peak: used.rusage.maxrss })
}

fn last_line(said: &mut File) -> String {
    let mut bytes = Vec::new();
    if said.rewind().and_then(|()| said.read_to_end(&mut bytes)).is_err() {
        return "its error output is lost".to_owned();
    }
    let text = String::from_utf8_lossy(&bytes);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it failed without a word").trim().to_owned()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_repeats_the_last_line_and_the_status() {
        let error = run(shell("echo first >&2; echo 'no such filter' >&2; echo >&2; exit 3")).unwrap_err();
        assert_eq!(error.message(), "no such filter (exit status: 3)");
        let error = run(Command::new("no-such-program-anywhere")).unwrap_err();
        assert_eq!(error.message(), "no-such-program-anywhere cannot be started");
    }

    #[test]
    fn the_work_of_grandchildren_counts() {
        let idle = run(shell("sh -c true; true")).unwrap();
        let busy = run(shell("sh -c 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done'; true")).unwrap();
        assert!(busy.cpu > idle.cpu, "{busy:?} {idle:?}");
        assert!(idle.peak > 0);
    }

    #[test]
    fn the_least_is_taken_figure_by_figure() {
        let ms = Duration::from_millis;
        let one = Cost { cpu: ms(1), wall: ms(20), peak: 300 };
        let other = Cost { cpu: ms(2), wall: ms(10), peak: 200 };
        assert_eq!(one.least(other), Cost { cpu: ms(1), wall: ms(10), peak: 200 });
    }
}
