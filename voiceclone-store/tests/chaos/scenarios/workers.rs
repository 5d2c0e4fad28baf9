//! What happens to workers: killed, stopped, poisoned, with wrong clocks.
use std::{path::PathBuf, time::Duration};

use super::{Ran, judged};
use crate::{
    client::Client,
    gates::Point,
    oracle::JobRow,
    process::{Process, until},
    stack::{Kind, Stack},
    stores::{POISON, SLOW},
};

/// A text whose audio is uploaded in more than one part, where the point needs it: few segments, and long ones.
fn text_for(point: Point) -> String {
    let sentences = if point == Point::Uploading { 8 } else { 0 };
    let sentence = |n| format!(" Sentence {n} of many begins here{}.", " and goes on".repeat(30));
    format!("{}{}", Client::text(), (0..sentences).map(sentence).collect::<String>())
}

/// A worker is killed exactly there, and others take over.
pub(super) async fn killed(kind: Kind, point: Point, seed: u64) -> Ran {
    let mut stack = Stack::start(kind, seed).await;
    kill_one_at(&mut stack, point).await;
    judged(stack).await
}

pub(super) async fn killed_embedded(seed: u64) -> Ran {
    let mut stack = Stack::start(Kind::Embedded, seed).await;
    for point in [Point::Claimed, Point::Uploading, Point::Uploaded, Point::Finished] {
        kill_one_at(&mut stack, point).await;
        stack.workers.clear();
    }
    judged(stack).await
}

async fn kill_one_at(stack: &mut Stack, point: Point) {
    let victim = stack.add_victim(point).await;
    let id = stack.client.submit(&text_for(point)).await;
    stack.workers[victim].says(&format!("at {point:?}")).await;
    stack.kill_worker(victim);
    stack.add_workers(2).await;
    stack.client.submit_many(4).await;
    let job = stack.ended(&id).await;
    let crashes = i64::from(point != Point::Finished);
    assert_eq!((job.attempt, job.crashes), (1, crashes), "a lost worker is a crash and no attempt: {job:?}");
    stack.all_ended().await;
}

/// A worker stands still past its lease while another does its job. When it goes on, it must not write.
pub(super) async fn stopped(point: Point, seed: u64) -> Ran {
    let mut stack = Stack::start(Kind::Distributed, seed).await;
    let victim = stack.add_victim(point).await;
    let id = stack.client.submit(&text_for(point)).await;
    stack.workers[victim].says(&format!("at {point:?}")).await;
    stack.workers[victim].freeze();
    stack.tally.frozen += 1;
    stack.add_workers(2).await;
    stack.client.submit_many(4).await;
    let before = stack.ended(&id).await;
    stack.workers[victim].thaw();
    stack.workers[victim].tell("go");
    let refused = if point == Point::Finishing { "finish refused: LeaseLost" } else { "beat refused: LeaseLost" };
    stack.workers[victim].says(refused).await;
    let after = stack.row(&id).await;
    assert_eq!((&after.output, after.last_seq), (&before.output, before.last_seq), "the late worker has written");
    // It is as good as any other: its next job is its own.
    stack.client.submit_many(3).await;
    judged(stack).await
}

/// A text that kills every process which speaks it ends with a reason, and takes no other text with it.
pub(super) async fn poison(seed: u64) -> Ran {
    const WORKERS: usize = 2;
    let mut stack = Stack::start(Kind::Distributed, seed).await;
    stack.add_workers(WORKERS).await;
    let poison = stack.client.submit(&format!("{POISON}. {}", Client::text())).await;
    stack.client.submit_many(8).await;
    until("the poison has failed", async || {
        stack.revive_workers(WORKERS);
        stack.rows().await?.into_iter().find(|job| job.id == poison && job.is_terminal())
    })
    .await;
    stack.revive_workers(WORKERS);
    stack.client.submit_many(4).await;
    stack.tally.killed += stack.workers.iter().filter(|worker| worker.count("poisoned") > 0).count() as u64;
    stack.judge(|job| job.id == poison).await;
    let job = stack.row(&poison).await;
    assert_eq!((job.status.as_str(), job.error_kind()), ("failed", "lease_lost"), "{job:?}");
    assert_eq!(job.crashes, job.max_crashes, "{job:?}");
    Ran::Through(stack.tally.clone())
}

/// A worker with many jobs dies, and many claim what it held at the same moment.
pub(super) async fn reapers(seed: u64) -> Ran {
    const HELD: usize = 12;
    let mut stack = Stack::start(Kind::Distributed, seed).await;
    stack.client.submit_many(HELD).await;
    let all = |options: &mut crate::worker::WorkerOptions| {
        (options.concurrency, options.stop_at) = (HELD, Some(Point::Claimed));
    };
    let victim = stack.add_worker_with(all, &[]).await;
    stack.workers[victim].says("at Claimed").await;
    assert_eq!(stack.workers[victim].count("claimed"), HELD);
    stack.kill_worker(victim);
    stack.add_workers(6).await;
    stack.all_ended().await;
    let spoken = |job: &JobRow| job.kind == "speak";
    for job in stack.rows().await.unwrap().into_iter().filter(spoken) {
        assert_eq!((job.attempt, job.crashes), (1, 1), "it was claimed twice or not taken over: {job:?}");
    }
    judged(stack).await
}

/// The clocks of the workers decide nothing.
pub(super) async fn clocks(seed: u64) -> Ran {
    let Some(library) = libfaketime() else {
        let on_ci = std::env::var_os("CI").is_some();
        assert!(!on_ci, "libfaketime is missing: .ci/test installs it");
        return Ran::Skipped("libfaketime is not installed".to_owned());
    };
    // No S3: it refuses requests that are more than a quarter of an hour off, as it must.
    let mut stack = Stack::start(Kind::Shared, seed).await;
    for offset in ["+1h", "-1h", "+0"] {
        let environment = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME", offset.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        // Long enough that a busy machine loses none.
        stack.add_worker_with(|options| options.lease = Duration::from_secs(10), &environment).await;
    }
    // Longer than a claim by a wrong clock would hold.
    for _ in 0..6 {
        stack.client.submit(&format!("{SLOW}. {}", Client::text())).await;
    }
    stack.client.submit_many(18).await;
    stack.all_ended().await;
    for job in stack.rows().await.unwrap() {
        assert_eq!((job.attempt, job.crashes), (1, 0), "a clock took a job away: {job:?}");
    }
    let idle = stack.workers.iter().find(|worker| worker.count("finished") == 0);
    assert!(idle.is_none(), "{:?} has done nothing", idle.map(|worker| &worker.name));
    let pids: Vec<u32> = stack.workers.iter().map(Process::pid).collect();
    let ran = judged(stack).await;
    // The library shares memory with processes that it starts, and leaves it behind.
    for pid in pids {
        for left in [format!("/dev/shm/faketime_shm_{pid}"), format!("/dev/shm/sem.faketime_sem_{pid}")] {
            drop(std::fs::remove_file(left));
        }
    }
    ran
}

fn libfaketime() -> Option<PathBuf> {
    let roots = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let library = roots.map(|root| root.path().join("faketime/libfaketimeMT.so.1"));
    library.into_iter().find(|path| path.exists())
}
