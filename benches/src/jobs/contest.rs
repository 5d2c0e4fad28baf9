//! Who takes part, and where: each has a database of its own in the one server of the run.
use std::{fmt, path::PathBuf, process::Command};

use voiceclone_core::Result;

use super::{cluster::Cluster, peer::Graphile, process::Client};

/// One way to queue and to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contestant {
    /// This project: 8 tasks, each queueing one job, or claiming one and finishing it.
    Ours,
    /// This project: 8 tasks queueing; a worker of an engine with 8 places.
    OursWorker,
    /// graphile-worker as it comes, 8 at once.
    Graphile,
    /// This project: 100 tasks queueing at once; 8 that claim ten and finish them together.
    OursBatched,
    /// graphile-worker: 100 jobs a call; a local queue of 500, completions gathered.
    GraphileBatched,
}

impl Contestant {
    /// In the order of the table.
    pub const ALL: [Self; 5] = [Self::Ours, Self::OursWorker, Self::Graphile, Self::OursBatched, Self::GraphileBatched];

    /// Ours among them.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursWorker | Self::OursBatched)
    }

    /// The one of ours that does the same.
    #[must_use]
    pub const fn counterpart(self) -> Self {
        match self {
            Self::Ours | Self::OursWorker | Self::Graphile => Self::Ours,
            Self::OursBatched | Self::GraphileBatched => Self::OursBatched,
        }
    }

    const fn database(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursWorker => "ours_worker",
            Self::Graphile => "graphile",
            Self::OursBatched => "ours_batched",
            Self::GraphileBatched => "graphile_batched",
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "ours",
            Self::OursWorker => "ours, an engine's worker",
            Self::Graphile => "graphile-worker",
            Self::OursBatched => "ours, batched",
            Self::GraphileBatched => "graphile-worker, batched",
        })
    }
}

/// The server and the programs.
#[derive(Debug)]
pub struct Arena {
    /// The server.
    pub cluster: Cluster,
    /// Our client.
    pub queue: PathBuf,
    /// The peer's, if it can run.
    pub graphile: Option<Graphile>,
}

impl Arena {
    /// Those that can take part.
    pub fn contestants(&self) -> Vec<Contestant> {
        Contestant::ALL.into_iter().filter(|one| one.is_ours() || self.graphile.is_some()).collect()
    }

    /// A database of this contestant, with its tables.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn home(&self, contestant: Contestant) -> Result<Home<'_>> {
        self.home_named(contestant, contestant.database()).await
    }

    /// The same for a part of the run that wants one of its own.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn home_named(&self, contestant: Contestant, name: &str) -> Result<Home<'_>> {
        let home = Home { arena: self, contestant, url: self.cluster.database(name).await? };
        Client::start(home.command(&["migrate"]))?.end().await?;
        Ok(home)
    }
}

/// A contestant with its database.
#[derive(Debug)]
pub struct Home<'a> {
    arena: &'a Arena,
    /// Whose.
    pub contestant: Contestant,
    url: String,
}

impl Home<'_> {
    /// A verb of the contestant's client on this database.
    pub fn command(&self, words: &[&str]) -> Command {
        match &self.arena.graphile {
            Some(graphile) if !self.contestant.is_ours() => graphile.command(&self.url, words),
            _ => ours(&self.arena.queue, &self.url, words),
        }
    }

    /// Queues so many jobs as this contestant does.
    pub fn enqueue(&self, jobs: u32) -> Command {
        let how: &[&str] = match self.contestant {
            Contestant::Ours | Contestant::OursWorker => &[],
            Contestant::OursBatched => &["--tasks", "100"],
            Contestant::Graphile => &["one", "8"],
            Contestant::GraphileBatched => &["many", "100"],
        };
        self.command(&[&["enqueue", &jobs.to_string()], how].concat())
    }

    /// Works so many jobs as this contestant does.
    pub fn work(&self, jobs: u32) -> Command {
        let (verb, how): (_, &[&str]) = match self.contestant {
            Contestant::Ours => ("work", &[]),
            Contestant::OursWorker => ("serve", &[]),
            Contestant::OursBatched => ("work", &["--batch", "10"]),
            Contestant::Graphile => ("work", &["default", "8"]),
            Contestant::GraphileBatched => ("work", &["batched", "8"]),
        };
        self.command(&[&[verb, &jobs.to_string()], how].concat())
    }
}

/// A verb of our client on any store.
pub fn ours(queue: &std::path::Path, url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(queue);
    command.arg(url).args(words);
    command
}
