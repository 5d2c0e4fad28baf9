//! `prepare`: the clean clip that a voice is made from, as a file.
use std::{path::Path, time::Duration};

use voiceclone_core::{
    Error, Result,
    audio::{AudioBody, Container, RawAudio},
    domain::{ClipProfile, NoiseReduction},
    preprocess::Preprocessor as _,
};

use crate::{cli::PrepareArgs, failure::Failure, output, providers, quality, terminal};

/// A recording as its file has it.
pub(crate) fn recording(path: &Path) -> Result<RawAudio> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let audio = RawAudio::new(AudioBody::from_file(path)?);
    Ok(name.into_iter().fold(audio, RawAudio::declared))
}

/// Writes the clip and prints what was measured.
pub(crate) async fn prepare(args: PrepareArgs) -> Result<(), Failure> {
    let profile = profile(&args)?;
    output::check_folder(&args.output)?;
    let prepared = providers::preprocessor().process(recording(&args.input)?, &profile).await?;
    terminal::out(quality::table(&prepared.quality));
    let clip = prepared.clip.ok_or_else(|| Error::invalid(prepared.quality.rejections().join(" ")))?;
    output::write(clip.body, &args.output).await?;
    let seconds = clip.duration.as_secs_f64();
    terminal::out(format_args!("{}: {seconds:.1} s, {} Hz", args.output.display(), clip.format.sample_rate()));
    Ok(())
}

fn profile(args: &PrepareArgs) -> Result<ClipProfile, Failure> {
    let container = output::container(&args.output)?;
    if !matches!(container, Container::Wav | Container::Flac) {
        return Err(Failure::Usage(format!("clips are WAV or FLAC; {} is neither", args.output.display())));
    }
    let mut profile = providers::clip_profile(args.profile).in_container(container);
    if let Some(seconds) = args.max_seconds {
        let limit = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::Usage(format!("--max-seconds is {seconds}; 1 or more can be made")))?;
        profile = profile.at_most(limit);
    }
    Ok(if args.keep_noise { profile.noise_reduction(NoiseReduction::Never) } else { profile })
}
