//! What our client does to a store: queues, claims and finishes no-op jobs, by several tasks at once.
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use voiceclone_core::{
    Error, Result,
    domain::{JobOutput, JobSpec, NewJob},
    id::{LeaseId, OwnerId, SampleId, VoiceId},
    speak::SpeakRequest,
    store::{JobStore, Lease, Outcome},
};

/// Long enough that no lease lapses by itself.
pub const LONG: Duration = Duration::from_hours(1);
const TEXT: &str = "A sentence of a usual length, to be said and forgotten.";

type Jobs = Arc<dyn JobStore>;

/// Runs `task` so many times at once until all have ended.
pub(super) async fn at_once<F>(tasks: u32, task: impl Fn(u32) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut running: JoinSet<_> = (0..tasks).map(task).collect();
    while let Some(ended) = running.join_next().await {
        ended.map_err(|e| Error::unexpected("a task of the client failed").with_source(e))??;
    }
    Ok(())
}

/// A job whose request is some 170 bytes of JSON.
///
/// # Errors
/// None in practice: the text and the name are valid.
pub fn new_job(owner: &OwnerId) -> Result<NewJob> {
    let request = SpeakRequest::new(VoiceId::new(), TEXT)?.language("en");
    Ok(NewJob::new(owner.clone(), JobSpec::Speak { request }))
}

/// The owner of this number.
///
/// # Errors
/// None in practice: the name is valid.
pub fn owner(number: u32) -> Result<OwnerId> {
    OwnerId::new(format!("owner-{number}"))
}

/// Takes the next number below `end`, if there is one.
pub(super) fn next(counter: &AtomicU32, end: u32) -> Option<u32> {
    Some(counter.fetch_add(1, Relaxed)).filter(|number| *number < end)
}

/// Queues `count` jobs one by one by so many tasks, of `owners` owners in turn.
///
/// # Errors
/// If the store fails.
pub async fn enqueue(jobs: &Jobs, count: u32, tasks: u32, owners: u32) -> Result<()> {
    let counter = Arc::new(AtomicU32::new(0));
    at_once(tasks, |_| {
        let (jobs, counter) = (Arc::clone(jobs), Arc::clone(&counter));
        async move {
            while let Some(number) = next(&counter, count) {
                jobs.enqueue(&new_job(&owner(number % owners.max(1))?)?).await?;
            }
            Ok(())
        }
    })
    .await
}

/// Claims `batch` jobs at a time and finishes those at once, by so many tasks, until `count` have been finished.
///
/// # Errors
/// If the store fails.
pub async fn work(jobs: &Jobs, count: u32, tasks: u32, batch: NonZeroUsize) -> Result<()> {
    let done = Arc::new(AtomicU32::new(0));
    at_once(tasks, |task| {
        let (jobs, done) = (Arc::clone(jobs), Arc::clone(&done));
        async move {
            let name = format!("bench-{task}");
            while done.load(Relaxed) < count {
                let leases = jobs.claim(&name, batch, LONG).await?;
                if leases.is_empty() {
                    // The last are in the hands of the other tasks.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                try_join_all(leases.iter().map(|lease| finish(&jobs, lease))).await?;
                done.fetch_add(u32::try_from(leases.len()).unwrap_or(u32::MAX), Relaxed);
            }
            Ok(())
        }
    })
    .await
}

/// Ends a job as done.
///
/// # Errors
/// If the store fails.
pub async fn finish(jobs: &Jobs, lease: &Lease) -> Result<()> {
    let output = JobOutput::Prepared { sample: SampleId::new() };
    jobs.finish(lease.id, &Outcome::Succeeded(output)).await.map(drop)
}

/// Claims `count` jobs, `batch` at a time, by so many tasks, and lets them run.
///
/// # Errors
/// If the store fails, or has no more jobs.
pub async fn claim(jobs: &Jobs, count: u32, tasks: u32, batch: NonZeroUsize) -> Result<()> {
    let claimed = Arc::new(AtomicU32::new(0));
    at_once(tasks, |task| {
        let (jobs, claimed) = (Arc::clone(jobs), Arc::clone(&claimed));
        async move {
            while claimed.load(Relaxed) < count {
                let leases = jobs.claim(&format!("bench-{task}"), batch, LONG).await?;
                if leases.is_empty() {
                    return Err(Error::unexpected("there are fewer jobs than are to be claimed"));
                }
                claimed.fetch_add(u32::try_from(leases.len()).unwrap_or(u32::MAX), Relaxed);
            }
            Ok(())
        }
    })
    .await
}

/// Claims `count` jobs at once and returns their leases.
///
/// # Errors
/// If the store fails, or has fewer.
pub async fn lease(jobs: &Jobs, count: u32) -> Result<Vec<LeaseId>> {
    let mut leases = Vec::new();
    while leases.len() < count as usize {
        let left = NonZeroUsize::new(count as usize - leases.len()).unwrap_or(NonZeroUsize::MIN);
        let claimed = jobs.claim("bench", left, LONG).await?;
        if claimed.is_empty() {
            return Err(Error::unexpected("there are fewer jobs than are to be claimed"));
        }
        leases.extend(claimed.into_iter().map(|lease| lease.id));
    }
    Ok(leases)
}

/// Beats for all of these leases at once, so many times.
///
/// # Errors
/// If the store fails or a lease is lost.
pub async fn beat(jobs: &Jobs, leases: &[LeaseId], rounds: u32) -> Result<()> {
    for _ in 0..rounds {
        try_join_all(leases.iter().map(|lease| jobs.heartbeat(*lease, None, LONG))).await?;
    }
    Ok(())
}

/// With one owner's long queue in work, queues one job of another's, so many times, and prints how many claims came back
/// from then on, the one that brought the job included: `claims N`.
///
/// # Errors
/// If the store fails.
pub async fn overtake(jobs: &Jobs, workers: u32, trials: u32) -> Result<()> {
    let board = Arc::new(Overtaking::default());
    let others = owner(1)?;
    let queueing = async {
        for _ in 0..trials {
            tokio::time::sleep(Duration::from_millis(20)).await;
            jobs.enqueue(&new_job(&others)?).await?;
            let before = board.claims.load(Relaxed);
            while board.taken.load(Relaxed) == 0 {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            println!("claims {}", board.taken.swap(0, Relaxed).saturating_sub(before));
        }
        board.over.store(true, Relaxed);
        Ok(())
    };
    let working = at_once(workers, |worker| {
        let (jobs, board, others) = (Arc::clone(jobs), Arc::clone(&board), others.clone());
        async move {
            while !board.over.load(Relaxed) {
                let leases = jobs.claim(&format!("bench-{worker}"), NonZeroUsize::MIN, LONG).await?;
                let number = board.claims.fetch_add(1, Relaxed) + 1;
                for lease in leases {
                    if lease.job.owner == others {
                        board.taken.store(number, Relaxed);
                    }
                    finish(&jobs, &lease).await?;
                }
            }
            Ok(())
        }
    });
    tokio::try_join!(queueing, working).map(drop)
}

/// What the workers and the one who queues know of each other.
#[derive(Debug, Default)]
struct Overtaking {
    /// Claims that came back.
    claims: AtomicU32,
    /// The number of the claim that brought the other owner's job, from 1.
    taken: AtomicU32,
    over: AtomicBool,
}
