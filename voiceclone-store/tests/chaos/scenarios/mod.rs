//! What is done to the stack, scenario by scenario. The oracle of [`Stack::judge`] has the last word in each.
mod blobs;
mod database;
mod disk;
mod storm;
mod workers;

use futures_util::{FutureExt as _, future::LocalBoxFuture};

use crate::{
    gates::Point,
    stack::{Kind, Stack},
    tally::Tally,
};

/// What came of a scenario that did not fail.
pub(crate) enum Ran {
    Through(Tally),
    /// It cannot run on this machine, for this reason.
    Skipped(String),
}

/// A name, and a run with a seed. A run that fails panics.
pub(crate) type Scenario = (&'static str, fn(u64) -> LocalBoxFuture<'static, Ran>);

/// The matrix, in the order of importance.
pub(crate) const ALL: &[Scenario] = &[
    ("worker killed after the claim", |seed| workers::killed(Kind::Distributed, Point::Claimed, seed).boxed_local()),
    ("worker killed in the middle of an upload", |seed| {
        workers::killed(Kind::Distributed, Point::Uploading, seed).boxed_local()
    }),
    ("worker killed between upload and commit", |seed| {
        workers::killed(Kind::Distributed, Point::Uploaded, seed).boxed_local()
    }),
    ("worker killed after the commit", |seed| workers::killed(Kind::Distributed, Point::Finished, seed).boxed_local()),
    ("the same four over SQLite and a directory", |seed| workers::killed_embedded(seed).boxed_local()),
    ("worker stopped past its lease, before its commit", |seed| workers::stopped(Point::Finishing, seed).boxed_local()),
    ("worker stopped past its lease, while uploading", |seed| workers::stopped(Point::Uploading, seed).boxed_local()),
    ("postmaster killed under load", |seed| database::killed(seed).boxed_local()),
    ("PostgreSQL restarted at once under load", |seed| database::restarted(seed).boxed_local()),
    ("PostgreSQL away for 10 s under load", |seed| database::away(seed).boxed_local()),
    ("PostgreSQL behind a blackhole", |seed| database::frozen(seed).boxed_local()),
    ("connections to PostgreSQL cut and refused", |seed| database::refused(seed).boxed_local()),
    ("answer to a queued job lost", |seed| database::answer_lost(seed).boxed_local()),
    ("S3 killed under load", |seed| blobs::killed(seed).boxed_local()),
    ("S3 behind a blackhole", |seed| blobs::frozen(seed).boxed_local()),
    ("S3 answers 500", |seed| blobs::answers("500 Internal Server Error", "InternalError", seed).boxed_local()),
    ("S3 answers 503 SlowDown", |seed| blobs::answers("503 Slow Down", "SlowDown", seed).boxed_local()),
    ("S3 cuts its answers short", |seed| blobs::truncated(seed).boxed_local()),
    ("a job that kills its workers", |seed| workers::poison(seed).boxed_local()),
    ("many workers for the jobs of a dead one", |seed| workers::reapers(seed).boxed_local()),
    ("clocks an hour fast and slow", |seed| workers::clocks(seed).boxed_local()),
    ("disk of PostgreSQL full", |seed| disk::database_full(seed).boxed_local()),
    ("disk of the blobs full", |seed| disk::blobs_full(Kind::Distributed, seed).boxed_local()),
    ("disk of SQLite and the directory full", |seed| disk::blobs_full(Kind::Embedded, seed).boxed_local()),
    ("everything at once", |seed| storm::storm(seed).boxed_local()),
];

/// After the oracle: what happened.
async fn judged(mut stack: Stack) -> Ran {
    stack.judge(|_| false).await;
    Ran::Through(stack.tally.clone())
}
