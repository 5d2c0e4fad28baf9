//! Everything at once: workers are killed and stopped, servers are killed and restarted, networks fail, all at random,
//! while a client queues.
use std::time::{Duration, Instant};

use futures_util::future::join;
use rand::RngExt as _;

use super::Ran;
use crate::{
    postgres::Stop,
    proxy::Mode,
    stack::{Kind, LEASE, Stack},
};

const WORKERS: usize = 4;
const ACTS: u32 = 12;

pub(super) async fn storm(seed: u64) -> Ran {
    let mut stack = Stack::start(Kind::Distributed, seed).await;
    stack.add_workers(WORKERS).await;
    let client = stack.client.clone();
    join(client.submit_many(60), async {
        for _ in 0..ACTS {
            let pause = stack.moment(0.1, 1.0);
            act(&mut stack).await;
            stack.revive_workers(WORKERS);
            tokio::time::sleep(pause).await;
        }
    })
    .await;
    for worker in stack.workers.iter_mut().filter(|worker| worker.is_frozen()) {
        worker.thaw();
    }
    // A job may have met as many crashes or failures as it is allowed. It says so.
    let spent = |job: &crate::oracle::JobRow| match job.error_kind() {
        "lease_lost" => job.crashes == job.max_crashes,
        "unavailable" => job.attempt == job.max_attempts,
        _ => false,
    };
    stack.judge(spent).await;
    Ran::Through(stack.tally.clone())
}

async fn act(stack: &mut Stack) {
    match stack.rng.random_range(0..10) {
        0..3 => {
            if let Some(worker) = stack.any_worker() {
                stack.kill_worker(worker);
            }
        }
        3 | 4 => sleepwalk(stack).await,
        5 => {
            stack.database().cluster.stop(Stop::Immediate);
            stack.database().cluster.start_again();
            stack.tally.outages += 1;
        }
        6 => {
            stack.database().cluster.kill_postmaster();
            stack.database().cluster.start_again();
            stack.tally.killed += 1;
        }
        7 => {
            let away = stack.moment(0.0, 1.0);
            stack.restart_bucket(away).await;
        }
        8 => {
            let length = stack.moment(0.2, 3.0);
            stack.database().proxy.set(Mode::Freeze);
            tokio::time::sleep(length).await;
            stack.database().proxy.set(Mode::Forward);
            stack.tally.outages += 1;
        }
        _ => {
            let length = stack.moment(0.1, 1.0);
            stack.bucket().proxy.set(Mode::Answer("503 Slow Down", "<Error><Code>SlowDown</Code></Error>"));
            tokio::time::sleep(length).await;
            stack.bucket().proxy.set(Mode::Forward);
            stack.tally.outages += 1;
        }
    }
}

/// One worker stands still, perhaps past its lease, while the others go on.
async fn sleepwalk(stack: &mut Stack) {
    let Some(worker) = stack.any_worker() else { return };
    let until = Instant::now() + stack.moment(0.5, 1.0).mul_f64(2.0 * LEASE.as_secs_f64());
    stack.workers[worker].freeze();
    stack.tally.frozen += 1;
    tokio::time::sleep(until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))).await;
    stack.workers[worker].thaw();
}
