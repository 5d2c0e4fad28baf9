//! `work`: a worker over shared stores and nothing else. Start as many as there are machines; stop and kill them at will.
use tokio_util::sync::CancellationToken;
use voiceclone_core::{engine::Engine, worker::WorkerConfig};

use crate::{cli::WorkArgs, failure::Failure, providers, run, terminal};

/// Works on what is queued, by whomever, until Ctrl-C.
pub(crate) async fn work(args: WorkArgs) -> Result<(), Failure> {
    if args.shared.database.is_none() {
        return Err(Failure::Usage("a worker needs stores that are shared: --database and --storage".to_owned()));
    }
    let stores = args.shared.open(std::path::Path::new("")).await?;
    let engine: Engine = stores.plug_into(providers::engine(&args.provider)?).build()?;
    let stop = CancellationToken::new();
    let _listening = run::listen(stop.clone());
    let config = WorkerConfig::default().with(|c| (c.concurrency, c.lease) = (args.jobs, run::LEASE));
    terminal::out(format_args!("{}: waiting for work, {} at once; stop with Ctrl-C", config.name, args.jobs));
    engine.worker(config).run(stop).await;
    stores.close().await;
    Ok(())
}
