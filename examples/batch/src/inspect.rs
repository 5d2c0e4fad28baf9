//! `inspect`: measures a recording, and draws it where that is asked. Keeps nothing else.
use std::num::NonZeroUsize;

use serde_json::json;
use voiceclone_core::{Error, audio::RawAudio, domain::Verdict};
use voiceclone_local::picture::{PictureSize, Pictures};

use crate::{cli::InspectArgs, failure::Failure, output, prepare::recording, providers, quality, terminal};

/// Peaks of a waveform: about one per pixel of a wide player.
const PEAKS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);
/// Pixels of a spectrogram.
const WIDTH: u32 = 1_200;
const HEIGHT: u32 = 400;

/// Prints the report; a rejected recording is a failure, so that scripts can tell.
pub(crate) async fn inspect(args: InspectArgs) -> Result<(), Failure> {
    for path in args.waveform.iter().chain(&args.spectrogram) {
        output::check_folder(path)?;
    }
    let report = providers::preprocessor().inspect(recording(&args.file)?).await?;
    draw(&args, recording(&args.file)?).await?;
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

/// A rejected recording is drawn too: the picture often shows why.
async fn draw(args: &InspectArgs, audio: RawAudio) -> Result<(), Failure> {
    let pictures = Pictures::new();
    if let Some(path) = &args.waveform {
        let waveform = pictures.waveform(audio.clone(), PEAKS).await?;
        let json = serde_json::to_vec(&waveform)
            .map_err(|e| Error::unexpected("the waveform cannot be written as JSON").with_source(e))?;
        output::write(json, path).await?;
    }
    if let Some(path) = &args.spectrogram {
        let png = pictures.spectrogram(audio, PictureSize::new(WIDTH, HEIGHT)?).await?;
        output::write(png, path).await?;
    }
    Ok(())
}
