//! Calls that come while a statement is in flight are sent together as the next one. Knows no database.
//!
//! Nothing waits for company: a call that comes alone is sent alone, at once. Two calls about the same thing never share a
//! statement, so they come out as if made one after another.
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use voiceclone_core::{Error, ErrorKind, Result};

/// The most calls of one statement.
const MOST: usize = 200;

/// One kind of call, many of which make one statement.
pub(super) trait Batched: Send + Sync + 'static {
    type Call: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// What the call is about.
    fn subjects(call: &Self::Call) -> Vec<String>;

    /// Makes the calls, all or none, and answers in their order.
    fn run(&self, calls: &[Arc<Self::Call>]) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

struct Waiting<B: Batched> {
    call: Arc<B::Call>,
    reply: oneshot::Sender<Result<B::Answer>>,
}

/// Where calls of one kind are handed in.
pub(super) struct Batcher<B: Batched>(mpsc::UnboundedSender<Waiting<B>>);

impl<B: Batched> Batcher<B> {
    /// Calls are made by a task of `tasks`, which ends with them or, once `closing`, when all calls are answered.
    pub(super) fn start(kind: B, tasks: &mut JoinSet<()>, closing: CancellationToken) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tasks.spawn(drive(kind, receiver, closing));
        Self(sender)
    }

    /// # Cancel safety
    /// Dropping it does not take the call back.
    pub(super) async fn call(&self, call: B::Call) -> Result<B::Answer> {
        let (reply, answer) = oneshot::channel();
        let closed = || Error::new(ErrorKind::Unavailable, "the store is closed");
        self.0.send(Waiting { call: Arc::new(call), reply }).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

async fn drive<B: Batched>(kind: B, mut receiver: mpsc::UnboundedReceiver<Waiting<B>>, closing: CancellationToken) {
    let mut waiting: VecDeque<Waiting<B>> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let next = tokio::select! {
                biased;
                next = receiver.recv() => next,
                () = closing.cancelled(), if !receiver.is_closed() => {
                    receiver.close();
                    continue;
                }
            };
            let Some(next) = next else { return };
            waiting.push_back(next);
        }
        while let Ok(next) = receiver.try_recv() {
            waiting.push_back(next);
        }
        let (calls, replies): (Vec<_>, Vec<_>) =
            take::<B>(&mut waiting).into_iter().map(|waiting| (waiting.call, waiting.reply)).unzip();
        for (reply, answer) in replies.into_iter().zip(run(&kind, &calls).await) {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

/// The calls that can go together, the longest waiting first. A later one about the same thing stays, and so does what
/// comes after that one about any of its things.
fn take<B: Batched>(waiting: &mut VecDeque<Waiting<B>>) -> Vec<Waiting<B>> {
    let mut about = HashSet::new();
    let (mut batch, mut rest) = (Vec::new(), VecDeque::new());
    while let Some(next) = waiting.pop_front() {
        if batch.len() == MOST {
            rest.push_back(next);
            break;
        }
        let subjects = B::subjects(&next.call);
        let alone = subjects.iter().all(|subject| !about.contains(subject));
        about.extend(subjects);
        if alone { batch.push(next) } else { rest.push_back(next) }
    }
    rest.append(waiting);
    *waiting = rest;
    batch
}

/// The answers in the order of the calls. If the database refuses the calls together, each is made alone, so that the one
/// it refuses fails and no other; if it cannot be reached, all fail.
async fn run<B: Batched>(kind: &B, calls: &[Arc<B::Call>]) -> Vec<Result<B::Answer>> {
    let error = match kind.run(calls).await {
        Ok(answers) => return answers.into_iter().map(Ok).collect(),
        Err(error) => error,
    };
    if calls.len() == 1 || error.is_retryable() {
        return calls.iter().map(|_| Err(error.clone())).collect();
    }
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls.chunks(1) {
        let alone = kind.run(call).await;
        let missing = || Error::unexpected("a call of a batch has no answer");
        answers.push(alone.and_then(|mut answers| answers.pop().ok_or_else(missing)));
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::sync::Semaphore;

    /// Doubles numbers, a batch for each permit. Refuses a batch with 13 in it.
    struct Doubling {
        permits: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    impl Batched for Doubling {
        type Call = u32;
        type Answer = u32;

        fn subjects(call: &u32) -> Vec<String> {
            vec![call.to_string()]
        }

        async fn run(&self, calls: &[Arc<u32>]) -> Result<Vec<u32>> {
            self.permits.acquire().await.unwrap().forget();
            let calls: Vec<u32> = calls.iter().map(|call| **call).collect();
            self.batches.lock().unwrap().push(calls.clone());
            if calls.contains(&13) { Err(Error::invalid("unlucky")) } else { Ok(calls.iter().map(|n| n * 2).collect()) }
        }
    }

    async fn after(calls: &[u32], permits: usize) -> (Vec<Vec<u32>>, Vec<Option<u32>>) {
        let kind = Doubling { permits: Arc::new(Semaphore::new(0)), batches: Arc::default() };
        let (gate, batches) = (Arc::clone(&kind.permits), Arc::clone(&kind.batches));
        let mut tasks = JoinSet::new();
        let batcher = Batcher::start(kind, &mut tasks, CancellationToken::new());
        let answers = futures_util::future::join_all(calls.iter().map(|call| batcher.call(*call)));
        let opened = async { gate.add_permits(permits) };
        let (answers, ()) = tokio::join!(answers, opened);
        let batches = batches.lock().unwrap().clone();
        (batches, answers.into_iter().map(Result::ok).collect())
    }

    #[tokio::test]
    async fn calls_that_come_together_share_a_statement_and_each_gets_its_answer() {
        let (batches, answers) = after(&[1, 2, 3], 9).await;
        assert_eq!((batches, answers), (vec![vec![1, 2, 3]], vec![Some(2), Some(4), Some(6)]));
    }

    #[tokio::test]
    async fn calls_about_the_same_thing_never_share_a_statement() {
        let (batches, answers) = after(&[1, 1, 2, 1], 9).await;
        assert_eq!(batches, [vec![1, 2], vec![1], vec![1]]);
        assert_eq!(answers, [Some(2), Some(2), Some(4), Some(2)]);
    }

    #[tokio::test]
    async fn a_call_that_is_refused_fails_alone() {
        let (batches, answers) = after(&[1, 13, 2], 9).await;
        assert_eq!(batches, [vec![1, 13, 2], vec![1], vec![13], vec![2]]);
        assert_eq!(answers, [Some(2), None, Some(4)]);
    }
}
