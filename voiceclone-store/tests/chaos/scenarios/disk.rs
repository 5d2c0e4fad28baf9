//! Disks that are full. They are small file systems in memory, which only root can make.
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join;

use super::Ran;
use crate::{
    client::Client,
    process::until,
    stack::{Kind, Stack},
};

/// A file system of its own, gone when it is dropped.
struct SmallDisk {
    at: tempfile::TempDir,
}

impl SmallDisk {
    /// One of so many bytes; nothing where that is not allowed.
    fn mount(bytes: u64) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let size = format!("size={bytes},mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self { at })
    }

    fn path(&self) -> &Path {
        self.at.path()
    }

    /// Leaves no byte free.
    fn fill(&self) -> Ballast {
        let path = self.path().join("ballast");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 64 << 10, 4 << 10] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        Ballast(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.path()).status());
    }
}

/// Weighs until it is dropped.
struct Ballast(PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn no_disk() -> Ran {
    Ran::Skipped("only root can make a small disk".to_owned())
}

/// The database can write nothing for a while.
pub(super) async fn database_full(seed: u64) -> Ran {
    let Some(disk) = SmallDisk::mount(160 << 20) else { return no_disk() };
    let home = tempfile::tempdir().unwrap();
    let mut stack = Stack::start_in(Kind::Distributed, seed, home, Some(disk.path()), None).await;
    stack.add_workers(2).await;
    stack.client.submit_many(4).await;
    full_until_felt(&mut stack, &disk).await;
    if stack.database().cluster.ensure_running() {
        stack.tally.killed += 1;
    }
    judged(stack).await
}

/// A directory for blobs, and with it the SQLite file if there is one, can be written no more for a while.
pub(super) async fn blobs_full(kind: Kind, seed: u64) -> Ran {
    let Some(disk) = SmallDisk::mount(32 << 20) else { return no_disk() };
    let home = tempfile::tempdir().unwrap();
    let database_in = (kind == Kind::Embedded).then(|| disk.path());
    let mut stack = Stack::start_in(kind, seed, home, database_in, Some(disk.path())).await;
    stack.add_workers(2).await;
    stack.client.submit_many(4).await;
    if kind == Kind::Embedded {
        full_until_felt(&mut stack, &disk).await;
    } else {
        let ballast = disk.fill();
        stack.client.submit_many(8).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        drop(ballast);
        stack.tally.outages += 1;
    }
    judged(stack).await
}

/// Queues until the client feels that the disk is full; then there is room again.
async fn full_until_felt(stack: &mut Stack, disk: &SmallDisk) {
    let (ballast, client, freed) = (disk.fill(), stack.client.clone(), AtomicBool::new(false));
    let load = async {
        while !freed.load(Ordering::Relaxed) {
            client.submit(&Client::text()).await;
        }
        client.submit_many(4).await;
    };
    let free = async {
        until("the full disk is felt", async || (client.resubmitted() >= 3).then_some(())).await;
        drop(ballast);
        freed.store(true, Ordering::Relaxed);
    };
    join(load, free).await;
    stack.tally.outages += 1;
}

/// What could not be kept may have ended with that as its reason.
async fn judged(mut stack: Stack) -> Ran {
    stack.judge(|job| job.status == "failed" && job.error_kind() == "unavailable").await;
    Ran::Through(stack.tally.clone())
}
