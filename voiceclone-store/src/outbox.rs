//! Ends of jobs for applications that must tell somebody: written by the statement that ends the job, delivered at
//! least once.
use std::{fmt::Debug, num::NonZeroUsize, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use voiceclone_core::{
    Error, Result,
    domain::JobState,
    id::{JobId, OwnerId},
};

const LONGEST_NAME: usize = 64;

/// The end of a job, to be told to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMessage {
    /// What to [acknowledge](Outbox::acknowledge).
    pub id: i64,
    /// The job that ended.
    pub job: JobId,
    /// Whose it was.
    pub owner: OwnerId,
    /// Its kind, as [`JobSpec::kind`](voiceclone_core::domain::JobSpec::kind) names it.
    pub kind: String,
    /// How it ended.
    pub state: JobState,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// How often the message was handed out, from 1.
    pub deliveries: u64,
}

/// What waits in an outbox, handed out or not, for monitoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxWaiting {
    /// Messages that were not acknowledged.
    pub count: u64,
    /// How long ago the job of the oldest of them ended.
    pub oldest: Option<Duration>,
}

/// Ends of jobs for one subscriber of an application: to send a mail, to call a web hook, to fill another system.
/// `SqliteStore::outbox` or `PostgresStore::outbox` makes it. Cheap to clone.
///
/// A message is written by the very statement that ends the job, so none is lost however a process dies. It is handed
/// out again until it is acknowledged, so whoever receives it may see it twice and tells by [`OutboxMessage::job`]; each
/// job ends once. Messages come roughly in the order of the ends. Each subscriber gets all ends after its subscription,
/// and they are kept until it acknowledges them: watch [`waiting`](Self::waiting).
///
/// Any number of processes may receive for one subscriber: none gets what another has for as long as it is hidden.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::{num::NonZeroUsize, time::Duration};
/// # use voiceclone_core::{domain::{JobSpec, NewJob}, id::{OwnerId, SampleId}, store::JobStore as _};
/// use voiceclone_store::SqliteStore;
///
/// # let home = tempfile::tempdir().unwrap();
/// # let path = home.path().join("voiceclone.db");
/// let store = SqliteStore::open(path).await?;
/// let mails = store.outbox("mails")?;
/// mails.subscribe().await?;
/// # let owner = OwnerId::new("ada")?;
/// # let job = store.enqueue(&NewJob::new(owner.clone(), JobSpec::PrepareSample { sample: SampleId::new() })).await?;
/// # store.cancel(&owner, job.into_job().id).await?;
///
/// // Now and then, or when somebody knows that a job has ended:
/// let fifty = NonZeroUsize::new(50).unwrap();
/// for message in mails.receive(fifty, Duration::from_mins(5)).await? {
///     println!("to {}: your {} job {} has {}", message.owner, message.kind, message.job, message.state.as_str());
///     mails.acknowledge(&[message.id]).await?;
/// }
/// assert_eq!(mails.waiting().await?.count, 0);
/// # Ok::<(), voiceclone_core::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Outbox {
    messages: Arc<dyn Messages>,
    subscriber: Arc<str>,
}

impl Outbox {
    pub(crate) fn new(messages: impl Messages, subscriber: &str) -> Result<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if subscriber.is_empty() || subscriber.len() > LONGEST_NAME || !subscriber.bytes().all(plain) {
            return Err(Error::invalid(
                "the name of an outbox's subscriber is 1 to 64 letters of ASCII, digits, '.', '_' and '-'",
            ));
        }
        Ok(Self { messages: Arc::new(messages), subscriber: subscriber.into() })
    }

    /// From now on, ends of jobs are kept for this subscriber. Repeating it changes nothing.
    ///
    /// # Errors
    /// `Unavailable` if the database fails.
    pub async fn subscribe(&self) -> Result<()> {
        self.messages.subscribe(&self.subscriber).await
    }

    /// Ends the subscription and removes what was kept for it. Repeating it changes nothing.
    ///
    /// # Errors
    /// `Unavailable` if the database fails.
    pub async fn unsubscribe(&self) -> Result<()> {
        self.messages.unsubscribe(&self.subscriber).await
    }

    /// Up to `limit` messages, which nobody else receives for `hide_for`; after that they are handed out again unless
    /// they were acknowledged. Hide them for longer than it takes to deal with all of them.
    ///
    /// # Errors
    /// `NotFound` if there is no subscription; `Unavailable` if the database fails.
    ///
    /// # Cancel safety
    /// Dropping it may hide messages that nobody received; they come again after `hide_for`.
    pub async fn receive(&self, limit: NonZeroUsize, hide_for: Duration) -> Result<Vec<OutboxMessage>> {
        let mut received = self.messages.receive(&self.subscriber, limit, hide_for).await?;
        if received.is_empty() {
            // Nothing would ever come for somebody who forgot to subscribe.
            self.waiting().await?;
        }
        received.sort_unstable_by_key(|message| message.id);
        Ok(received)
    }

    /// Removes messages that were dealt with, and says how many there were. Those that are gone already, or not this
    /// subscriber's, are passed over.
    ///
    /// # Errors
    /// `Unavailable` if the database fails.
    pub async fn acknowledge(&self, ids: &[i64]) -> Result<usize> {
        if ids.is_empty() { Ok(0) } else { self.messages.acknowledge(&self.subscriber, ids).await }
    }

    /// What was not acknowledged yet.
    ///
    /// # Errors
    /// `NotFound` if there is no subscription; `Unavailable` if the database fails.
    pub async fn waiting(&self) -> Result<OutboxWaiting> {
        let waiting = self.messages.waiting(&self.subscriber).await?;
        waiting.ok_or_else(|| Error::not_found("subscription of an outbox", &self.subscriber))
    }
}

/// What an outbox asks of its database. Each verb is one statement.
#[async_trait]
pub(crate) trait Messages: Debug + Send + Sync + 'static {
    async fn subscribe(&self, subscriber: &str) -> Result<()>;
    async fn unsubscribe(&self, subscriber: &str) -> Result<()>;
    /// In any order.
    async fn receive(&self, subscriber: &str, limit: NonZeroUsize, hide_for: Duration) -> Result<Vec<OutboxMessage>>;
    /// How many there were.
    async fn acknowledge(&self, subscriber: &str, ids: &[i64]) -> Result<usize>;
    /// `None` if there is no subscription.
    async fn waiting(&self, subscriber: &str) -> Result<Option<OutboxWaiting>>;
}
