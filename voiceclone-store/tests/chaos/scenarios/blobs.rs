//! What happens to the object store and to the way there.
use std::time::Duration;

use super::{Ran, database::under_load};
use crate::{process::until, proxy::Mode, stack::Stack};

pub(super) async fn killed(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        for _ in 0..2 {
            let (away, pause) = (stack.moment(0.0, 1.0), stack.moment(0.1, 1.0));
            stack.restart_bucket(away).await;
            tokio::time::sleep(pause).await;
        }
    })
    .await
}

/// Longer than a lease; but the leases are kept, for the database is there.
pub(super) async fn frozen(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        stack.bucket().proxy.set(Mode::Freeze);
        tokio::time::sleep(Duration::from_secs(5)).await;
        stack.bucket().proxy.set(Mode::Forward);
        stack.tally.outages += 1;
    })
    .await
}

/// Some requests are answered with this error.
pub(super) async fn answers(status: &'static str, code: &'static str, seed: u64) -> Ran {
    let body = match code {
        "SlowDown" => "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
        _ => "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>",
    };
    under_load(seed, async |stack| {
        for _ in 0..3 {
            fail(stack, Mode::Answer(status, body)).await;
        }
    })
    .await
}

/// Answers end in the middle, some in their heads and some in their bodies.
pub(super) async fn truncated(seed: u64) -> Ran {
    under_load(seed, async |stack| {
        for most in [100, 3_000, 70_000, 150_000] {
            fail(stack, Mode::Truncate(most)).await;
        }
    })
    .await
}

/// Does this until it has hit a few requests, if there still are any, and then no more for a moment.
async fn fail(stack: &mut Stack, mode: Mode) {
    let pause = stack.moment(0.1, 0.6);
    let hit = stack.bucket().proxy.faults() + 3;
    stack.bucket().proxy.set(mode);
    until("requests are hit", async || {
        let idle = stack.rows().await?.iter().all(crate::oracle::JobRow::is_terminal);
        (idle || stack.bucket.as_ref()?.proxy.faults() >= hit).then_some(())
    })
    .await;
    stack.bucket().proxy.set(Mode::Forward);
    stack.tally.outages += 1;
    tokio::time::sleep(pause).await;
}
