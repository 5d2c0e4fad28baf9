//! Stores that say how far their worker is, and stop it at one point so that it can be killed exactly there.
use std::{
    fmt::{self, Debug},
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use voiceclone_core::{
    Result,
    audio::BoxStream,
    domain::{Job, JobEvent, JobOutput, JobSpec, NewJob, Progress},
    id::{JobId, LeaseId, OwnerId},
    store::{
        BlobBody, BlobCapability, BlobKey, BlobMeta, BlobReader, BlobStore, Enqueued, JobQuery, JobStore, Lease,
        LeaseStatus, Outcome, Page, PresignedRequest, PutOptions,
    },
};

/// A point in the work on a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Point {
    /// The job is claimed, and nothing done.
    Claimed,
    /// More than one part of the result is uploaded, and not all of it. Only a long text comes here.
    Uploading,
    /// The result is uploaded whole, and no row says so.
    Uploaded,
    /// The work is over, and the outcome is about to be written.
    Finishing,
    /// The outcome is written, and nobody was told.
    Finished,
}

/// More than one part of an upload.
const MORE_THAN_A_PART: usize = 9 << 20;

/// Where to stop, and whether it has.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    stop_at: Option<Point>,
    stopped: AtomicBool,
    go: Notify,
}

impl Gates {
    pub(crate) fn new(stop_at: Option<Point>) -> Arc<Self> {
        Arc::new(Self { stop_at, ..Self::default() })
    }

    /// Lets whoever has stopped go on.
    pub(crate) fn open(&self) {
        self.go.notify_one();
    }

    async fn at(&self, point: Point) {
        if self.stop_at == Some(point) && !self.stopped.swap(true, Ordering::Relaxed) {
            say(format_args!("at {point:?}"));
            self.go.notified().await;
        }
    }
}

/// Says one line to whoever started this process.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    // The test harness may have begun a line.
    println!("\n{line}");
}

#[derive(Debug)]
pub(crate) struct GatedBlobs {
    pub(crate) inner: Arc<dyn BlobStore>,
    pub(crate) gates: Arc<Gates>,
}

/// Whether this is where the result of a job goes, and not a segment of one.
fn is_result(key: &BlobKey) -> bool {
    key.as_str().contains("/jobs/") && key.as_str().contains("/lea_")
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for GatedBlobs {
    fn capability(&self) -> BlobCapability {
        self.inner.capability()
    }

    async fn put(&self, key: &BlobKey, body: BlobBody, options: &PutOptions) -> Result<BlobMeta> {
        if !is_result(key) {
            return self.inner.put(key, body, options).await;
        }
        let (gates, mut passed) = (Arc::clone(&self.gates), 0);
        let chunks = match body {
            BlobBody::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
            BlobBody::Stream(chunks) => chunks,
        };
        let chunks = chunks.then(move |chunk| {
            passed += chunk.as_ref().map_or(0, bytes::Bytes::len);
            let gates = (passed > MORE_THAN_A_PART).then(|| Arc::clone(&gates));
            async move {
                if let Some(gates) = gates {
                    gates.at(Point::Uploading).await;
                }
                chunk
            }
        });
        let meta = self.inner.put(key, BlobBody::Stream(chunks.boxed()), options).await?;
        self.gates.at(Point::Uploaded).await;
        Ok(meta)
    }

    async fn get(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobReader> {
        self.inner.get(key, range).await
    }

    async fn head(&self, key: &BlobKey) -> Result<BlobMeta> {
        self.inner.head(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<()> {
        self.inner.delete(key).await
    }

    fn list(&self, prefix: &BlobKey) -> BoxStream<Result<BlobMeta>> {
        self.inner.list(prefix)
    }

    async fn presign_get(&self, key: &BlobKey, ttl: Duration) -> Result<PresignedRequest> {
        self.inner.presign_get(key, ttl).await
    }

    async fn presign_put(&self, key: &BlobKey, ttl: Duration, options: &PutOptions) -> Result<PresignedRequest> {
        self.inner.presign_put(key, ttl, options).await
    }
}

#[derive(Debug)]
pub(crate) struct GatedJobs {
    pub(crate) inner: Arc<dyn JobStore>,
    pub(crate) gates: Arc<Gates>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl JobStore for GatedJobs {
    async fn enqueue(&self, job: &NewJob) -> Result<Enqueued> {
        self.inner.enqueue(job).await
    }

    async fn job(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.inner.job(owner, id).await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Page<Job>> {
        self.inner.jobs(query).await
    }

    async fn claim(&self, worker: &str, limit: NonZeroUsize, lease: Duration) -> Result<Vec<Lease>> {
        let claimed = self.inner.claim(worker, limit, lease).await?;
        for lease in &claimed {
            say(format_args!("claimed {} attempt {} crashes {}", lease.job.id, lease.job.attempt, lease.job.crashes));
        }
        if claimed.iter().any(|lease| matches!(lease.job.spec, JobSpec::Speak { .. })) {
            self.gates.at(Point::Claimed).await;
        }
        Ok(claimed)
    }

    async fn heartbeat(&self, lease: LeaseId, progress: Option<Progress>, length: Duration) -> Result<LeaseStatus> {
        let status = self.inner.heartbeat(lease, progress, length).await;
        if let Err(error) = &status {
            say(format_args!("beat refused: {:?}: {}", error.kind(), error.chain()));
        }
        status
    }

    async fn finish(&self, lease: LeaseId, outcome: &Outcome) -> Result<Job> {
        let spoken = matches!(outcome, Outcome::Succeeded(JobOutput::Speech(_)));
        if let Outcome::Failed(error) | Outcome::Retry(error, _) = outcome {
            say(format_args!("attempt failed: {:?}: {}", error.kind, error.message));
        }
        if spoken {
            self.gates.at(Point::Finishing).await;
        }
        let finished = self.inner.finish(lease, outcome).await;
        match &finished {
            Ok(job) => say(format_args!("finished {} {}", job.id, job.state.as_str())),
            Err(error) => say(format_args!("finish refused: {:?}: {}", error.kind(), error.chain())),
        }
        if spoken && finished.is_ok() {
            self.gates.at(Point::Finished).await;
        }
        finished
    }

    async fn cancel(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.inner.cancel(owner, id).await
    }

    async fn events(&self, owner: &OwnerId, id: JobId, after: u64) -> Result<BoxStream<Result<JobEvent>>> {
        self.inner.events(owner, id, after).await
    }

    fn arrivals(&self) -> BoxStream<()> {
        self.inner.arrivals()
    }

    async fn remove(&self, owner: &OwnerId, id: JobId) -> Result<Job> {
        self.inner.remove(owner, id).await
    }

    async fn prune(&self, age: Duration, limit: NonZeroUsize) -> Result<Vec<Job>> {
        self.inner.prune(age, limit).await
    }
}
