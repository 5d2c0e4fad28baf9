//! The processes that the matrix kills: a worker over the stores under test, and a server that speaks S3.
use std::{io::BufRead as _, net::Ipv4Addr, num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::mpsc};
use voiceclone_core::{engine::Engine, testkit::run_on_runtime, worker::WorkerConfig};

use crate::{
    gates::{Gates, Point, say},
    s3,
    stores::{Places, Stores},
};

/// Tells a process that it is a worker, and which.
pub(crate) const WORKER: &str = "VOICECLONE_CHAOS_WORKER";
/// Tells a process that it serves this directory.
pub(crate) const S3_ROOT: &str = "VOICECLONE_CHAOS_S3_ROOT";
/// And at which port; 0 is any.
pub(crate) const S3_PORT: &str = "VOICECLONE_CHAOS_S3_PORT";

/// How a worker process works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerOptions {
    pub(crate) places: Places,
    pub(crate) name: String,
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) stop_at: Option<Point>,
}

/// The life of a worker process: until it is told to stop, or killed.
pub(crate) fn worker_main() {
    let Ok(options) = std::env::var(WORKER) else { return };
    let options: WorkerOptions = serde_json::from_str(&options).unwrap();
    run_on_runtime(async {
        let gates = Gates::new(options.stop_at);
        let engine = open(&options, &gates).await;
        let running = engine.start_worker(WorkerConfig::default().with(|config| {
            config.name = format!("{}-{}", options.name, std::process::id());
            config.concurrency = NonZeroUsize::new(options.concurrency).unwrap();
            config.lease = options.lease;
            config.poll = Duration::from_millis(200);
            config.drain = Duration::from_secs(2);
            config.backoff = Duration::from_millis(300);
            config.max_backoff = Duration::from_secs(3);
        }));
        say(format_args!("ready"));
        let mut told = orders();
        while let Some(order) = told.recv().await {
            match order.as_str() {
                "go" => gates.open(),
                _ => break,
            }
        }
        running.shutdown().await;
        say(format_args!("stopped"));
    });
}

/// A worker that starts while its database is away waits for it, as any supervisor would make it.
async fn open(options: &WorkerOptions, gates: &Arc<Gates>) -> Engine {
    loop {
        match Stores::open(&options.places).await {
            Ok(stores) => return stores.gated(gates),
            Err(error) => say(format_args!("no stores yet: {}", error.chain())),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The lines of standard input.
fn orders() -> mpsc::UnboundedReceiver<String> {
    let (sender, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    orders
}

/// The life of a process that serves S3.
pub(crate) fn s3_main() {
    let (Ok(root), Ok(port)) = (std::env::var(S3_ROOT), std::env::var(S3_PORT)) else { return };
    run_on_runtime(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse().unwrap())).await.unwrap();
        say(format_args!("port {}", listener.local_addr().unwrap().port()));
        s3::serve(Path::new(&root), listener).await.unwrap();
    });
}
