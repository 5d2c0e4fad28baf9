//! Telling and being told that something changed: hints between processes, on which nothing depends.
//!
//! A notification is never a part of the statement that makes the change: `NOTIFY` holds a lock of the whole database until
//! its commit is on disk, so that queueing with it is several times slower. Instead one statement of this process tells of
//! all that changed, every 20 ms at most.
use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::RngExt as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voiceclone_core::id::JobId;

use super::{link::Link, sql};
use crate::sql::follow::{self, Change};

/// Jobs were queued.
const JOBS: &str = "voiceclone_jobs";
/// Jobs changed: their ids, or nothing if they are too many to name.
const EVENTS: &str = "voiceclone_events";
/// The most ids of one notification, which may have 8000 bytes.
const NAMED: usize = 200;
const PAUSE: Duration = Duration::from_millis(20);

/// How long a listener may hear nothing before it asks.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait for a connection, or for an answer on one that has been silent.
const ANSWER: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What is known to have changed, and who wants to know.
pub(super) struct Wake {
    pub(super) changed: broadcast::Sender<Change>,
    pub(super) arrived: watch::Sender<()>,
    untold: Mutex<Untold>,
    stirred: Notify,
}

#[derive(Default)]
struct Untold {
    queued: bool,
    changed: HashSet<JobId>,
}

impl Wake {
    pub(super) fn new() -> Self {
        Self {
            changed: follow::changes(),
            arrived: watch::Sender::default(),
            untold: Mutex::default(),
            stirred: Notify::new(),
        }
    }

    /// This process changed a job. It is no matter if nobody follows it.
    pub(super) fn changed(&self, job: JobId) {
        let _ = self.changed.send(Some(job));
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).changed.insert(job);
        self.stirred.notify_one();
    }

    /// This process queued a job.
    pub(super) fn queued(&self) {
        self.arrived.send_replace(());
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).queued = true;
        self.stirred.notify_one();
    }

    /// Anything may have happened.
    fn everything(&self) {
        self.arrived.send_replace(());
        let _ = self.changed.send(None);
    }

    fn heard(&self, notification: &PgNotification) {
        match (notification.channel(), notification.payload()) {
            (JOBS, _) => _ = self.arrived.send_replace(()),
            (_, "") => _ = self.changed.send(None),
            (_, ids) => {
                for id in ids.split(' ').filter_map(|id| Uuid::try_parse(id).ok()) {
                    let _ = self.changed.send(Some(JobId::from_uuid(id)));
                }
            }
        }
    }

    async fn tell(&self, link: &Link) {
        let untold = std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        let mut notes = Vec::new();
        if untold.queued {
            notes.push((JOBS, String::new()));
        }
        if !untold.changed.is_empty() {
            let named = untold.changed.len() <= NAMED;
            let ids: Vec<String> =
                untold.changed.iter().filter(|_| named).map(|job| job.as_uuid().simple().to_string()).collect();
            notes.push((EVENTS, ids.join(" ")));
        }
        let (channels, said): (Vec<&str>, Vec<String>) = notes.into_iter().unzip();
        if channels.is_empty() {
            return;
        }
        if let Err(error) = link.run(sqlx::query(sql::NOTIFY).bind(channels).bind(said)).await {
            tracing::debug!(error = error.chain(), "others were not told of a change and have to look for themselves");
        }
    }
}

/// Tells other processes what this one changed.
pub(super) async fn tell(link: Link, wake: Arc<Wake>, closing: CancellationToken) {
    loop {
        tokio::select! {
            () = wake.stirred.notified() => wake.tell(&link).await,
            () = closing.cancelled() => return wake.tell(&link).await,
        }
        sleep(PAUSE).await;
    }
}

/// Hears what other processes tell. After each connection everybody looks for themselves, for what was told in between.
pub(super) async fn listen(connect: PgConnectOptions, wake: Arc<Wake>, closing: CancellationToken) {
    let hear = async {
        let mut retry = FIRST_RETRY;
        loop {
            match open(&connect).await {
                Ok(mut listener) => {
                    retry = FIRST_RETRY;
                    wake.everything();
                    hear(&mut listener, &wake).await;
                }
                Err(why) => tracing::debug!(error = why, "listening to the database failed and is tried again"),
            }
            sleep(jittered(retry, 0.5..1.0)).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    };
    let () = closing.run_until_cancelled(hear).await.unwrap_or_default();
}

fn jittered(around: Duration, by: Range<f64>) -> Duration {
    around.mul_f64(rand::rng().random_range(by))
}

async fn open(connect: &PgConnectOptions) -> Result<PgListener, String> {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = pool.acquire_timeout(ANSWER).connect_lazy_with(connect.clone());
    let opening = async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen_all([JOBS, EVENTS]).await?;
        Ok::<_, sqlx::Error>(listener)
    };
    match timeout(ANSWER, opening).await {
        Ok(opened) => opened.map_err(|error| error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// Until the connection is lost. A peer that went away without a word is silent as one that has nothing to say, so a silent
/// one is asked.
async fn hear(listener: &mut PgListener, wake: &Wake) {
    loop {
        match timeout(jittered(SILENCE, 1.0..1.5), listener.try_recv()).await {
            Ok(Ok(Some(notification))) => wake.heard(&notification),
            Ok(Ok(None) | Err(_)) => return,
            Err(_) => match timeout(ANSWER, sqlx::query("SELECT 1").execute(&mut *listener)).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return,
            },
        }
    }
}
