//! What happens to PostgreSQL and to the way there.
use std::time::Duration;

use futures_util::future::join;
use rand::RngExt as _;
use voiceclone_core::id::JobId;

use super::{Ran, judged};
use crate::{
    client::Client,
    postgres::Stop,
    process::PATIENCE,
    proxy::Mode,
    stack::{Kind, LEASE, Stack},
    stores::SLOW,
};

const LOAD: usize = 24;

/// Three workers that must live to the end, a client that queues and one that follows, while something happens.
pub(super) async fn under_load(seed: u64, happens: impl AsyncFnOnce(&mut Stack)) -> Ran {
    let mut stack = Stack::start(Kind::Distributed, seed).await;
    stack.add_workers(3).await;
    let client = stack.client.clone();
    let slow = client.submit(&format!("{SLOW}. {}", Client::text())).await;
    let load = join(client.submit_many(LOAD), client.follow(&slow));
    let before = stack.rng.random_range(1..6);
    let ((_, followed), ()) = join(load, async {
        stack.spoken(before).await;
        happens(&mut stack).await;
    })
    .await;
    assert!(followed.state.is_terminal(), "the follower was told of an end that is none");
    stack.all_ended().await;
    for worker in &mut stack.workers {
        assert!(worker.is_alive(), "{} did not live through it", worker.name);
    }
    judged(stack).await
}

pub(super) async fn killed(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        for _ in 0..2 {
            let pause = stack.moment(0.1, 1.0);
            let cluster = &mut stack.database().cluster;
            cluster.kill_postmaster();
            cluster.start_again();
            stack.tally.killed += 1;
            tokio::time::sleep(pause).await;
        }
    })
    .await
}

pub(super) async fn restarted(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        for _ in 0..2 {
            let pause = stack.moment(0.1, 1.0);
            let cluster = &mut stack.database().cluster;
            cluster.stop(Stop::Immediate);
            cluster.start_again();
            stack.tally.outages += 1;
            tokio::time::sleep(pause).await;
        }
    })
    .await
}

pub(super) async fn away(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        stack.database().cluster.stop(Stop::Fast);
        tokio::time::sleep(Duration::from_secs(10)).await;
        stack.database().cluster.start_again();
        stack.tally.outages += 1;
    })
    .await
}

/// Longer than a lease: what was being worked on is lost to its workers.
pub(super) async fn frozen(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        stack.database().proxy.set(Mode::Freeze);
        tokio::time::sleep(LEASE * 2).await;
        stack.database().proxy.set(Mode::Forward);
        stack.tally.outages += 1;
    })
    .await
}

pub(super) async fn refused(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        for _ in 0..3 {
            let (away, pause) = (stack.moment(0.1, 1.0), stack.moment(0.1, 0.5));
            let proxy = &mut stack.database().proxy;
            proxy.refuse();
            tokio::time::sleep(away).await;
            proxy.accept_again().await;
            tokio::time::sleep(pause).await;
            proxy.cut();
            stack.tally.outages += 2;
        }
    })
    .await
}

/// The database has queued the job, and its answer does not arrive: the same key must find the same job.
pub(super) async fn answer_lost(seed: u64) -> Ran {
    let mut stack = Stack::start(Kind::Distributed, seed).await;
    let mut keys = Vec::new();
    for lost in 1..=5 {
        let (text, key) = (Client::text(), format!("lost-{}", JobId::new()));
        stack.database().proxy.set(Mode::LoseAnswerTo(key.clone().into_bytes()));
        let client = stack.client.clone();
        let id = tokio::time::timeout(PATIENCE, client.submit_with_key(&text, &key)).await.unwrap();
        assert_eq!(stack.database().proxy.faults(), lost, "the answer was not lost");
        stack.tally.outages += 1;
        keys.push((text, key, id));
    }
    stack.add_workers(2).await;
    stack.all_ended().await;
    for (text, key, id) in keys {
        assert_eq!(stack.client.submit_with_key(&text, &key).await, id, "the key was forgotten");
    }
    judged(stack).await
}
