//! `inspect`: measures a recording and keeps nothing.
use serde_json::json;
use voiceclone_core::domain::Verdict;

use crate::{cli::InspectArgs, failure::Failure, prepare::recording, providers, quality, terminal};

/// Prints the report; a rejected recording is a failure, so that scripts can tell.
pub(crate) async fn inspect(args: InspectArgs) -> Result<(), Failure> {
    let report = providers::preprocessor().inspect(recording(&args.file)?).await?;
    if args.json {
        let verdict = report.verdict();
        terminal::out(format_args!(
            "{:#}",
            json!({ "file": args.file.to_string_lossy(), "verdict": verdict, "findings": report.findings })
        ));
    } else {
        terminal::out(quality::table(&report));
    }
    if report.verdict() == Verdict::Reject { Err(Failure::Told) } else { Ok(()) }
}
