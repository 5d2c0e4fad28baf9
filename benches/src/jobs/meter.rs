//! What a client takes of its own doing: wall time and CPU time, without its start.
use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use voiceclone_core::{Error, Result};

/// Runs from [`Meter::start`] on.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    began: Instant,
    cpu: Duration,
}

impl Meter {
    /// From now on.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn start() -> Result<Self> {
        Ok(Self { cpu: cpu_time()?, began: Instant::now() })
    }

    /// Prints what `jobs` jobs took: `took JOBS WALL CPU`, in microseconds.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn print(&self, jobs: u32) -> Result<()> {
        let wall = self.began.elapsed();
        let cpu = cpu_time()?.saturating_sub(self.cpu);
        println!("took {jobs} {} {}", wall.as_micros(), cpu.as_micros());
        Ok(())
    }
}

/// User and system time of every thread of this process that is alive, in nanoseconds where `/proc/self/stat` has ticks.
fn cpu_time() -> Result<Duration> {
    let unreadable = |e| Error::unsupported("CPU time is read from /proc/self/task/*/schedstat").with_source(e);
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").map_err(unreadable)? {
        // A thread that has just ended is no matter.
        let stat = fs::read_to_string(task.map_err(unreadable)?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += stat.split(' ').next().and_then(|on_cpu| on_cpu.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Microseconds since 1970: the one clock of all processes of this machine.
pub fn micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_costs_time() {
        let meter = Meter::start().unwrap();
        while cpu_time().unwrap() < meter.cpu + Duration::from_millis(5) {}
        assert!(meter.began.elapsed() > Duration::ZERO);
    }
}
