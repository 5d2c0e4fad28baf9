//! Runs a part of the corpus in a process that does nothing else, because a peak of memory is a process's and never sinks, and
//! so is the hook that sees every panic.
use std::{
    fs, panic,
    process::Command,
    sync::{Mutex, PoisonError},
};

const CHILD: &str = "VOICECLONE_ROBUSTNESS_CHILD";
const ALLOWED_MB: u64 = 300;

/// Where the parser is known to panic, and the decoder is known to turn that into an error. No other panic is accepted.
const KNOWN: [&str; 3] = [
    // Upstream issue 559: the flags of a run's first sample are taken for the flags of the run.
    "symphonia-format-isomp4-0.6.1/src/atoms/trun.rs",
    // Upstream issue 560: an `lpcm` sample entry of version 0.
    "symphonia-format-isomp4-0.6.1/src/atoms/stsd.rs",
    // A codebook of 32 dimensions or more in an Ogg Vorbis setup header; not reported upstream so far.
    "symphonia-format-ogg-0.6.1/src/mappings/vorbis.rs",
];

static UNKNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Runs `case` of the test `name` alone. It must hold at most 300 MB and panic nowhere but at the known places.
pub(crate) fn alone(name: &str, case: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or_else(String::new, |at| at.file().replace('\\', "/"));
            if !KNOWN.iter().any(|known| file.ends_with(known)) {
                UNKNOWN.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
                print(info);
            }
        }));
        case();
        drop(panic::take_hook());
        let peak = peak_mb();
        println!("{name}: at most {peak} MB");
        assert!(peak < ALLOWED_MB, "{name} took {peak} MB of memory; {ALLOWED_MB} are allowed");
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let ended = child.args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    println!("{said}");
    assert!(ended.status.success() && said.contains(&format!("{name}: at most")), "{said}");
}

/// The panics since the last call that are not known.
pub(crate) fn unknown_panics() -> Vec<String> {
    std::mem::take(&mut *UNKNOWN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The most memory that was resident since the process began: proc(5), `VmHWM`.
pub(crate) fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
    kib * 1024 / 1_000_000
}
