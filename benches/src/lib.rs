//! Measurements of voiceclone, as ratios to something named in the same run. They inform: nothing fails for a figure.
//!
//! - `overhead`: what the layers and the engine add to a provider that does nothing.
//! - `preparation`: what audio preparation costs, beside ffmpeg, sox, librosa and pydub on the same files.
//!
//! # Preparation
//!
//! ```console
//! cargo bench -p voiceclone-benches --bench preparation -- --make-venv
//! cargo bench -p voiceclone-benches --bench preparation -- --seconds 10,60 --kinds wav,mp3 --peers ffmpeg,sox --quality
//! ```
//!
//! The first prepares every kind of file at 10 s, 60 s and 10 minutes with every chain, three times each, which takes
//! about half an hour; the second is over in a few minutes. `--help` has the other options. A figure that matters is
//! taken on a machine that does nothing else: CPU time grows by a third or more beside other work.
//!
//! **Needs** `ffmpeg` with libmp3lame and libopus, which makes the inputs too; `sox` with MP3; Python 3.10 or later. A
//! peer whose tool is missing is left out and the table says so. `--make-venv` makes a Python environment and installs
//! `benches/peers/requirements.txt` there, about 720 MB; nothing is installed anywhere else. Inputs, clips and the
//! environment are in `target/tmp/preparation` and are kept from run to run.
//!
//! **Inputs**: the public-domain recording of the examples, its phrases in turns at different speeds with pauses between
//! them, in pink noise 15 dB below the speech and a 50 Hz hum, 44.1 kHz, two channels; `clean` is the same in a quiet
//! room. **Jobs**: `benches/peers` has one script for each peer, and each says what it leaves out. All of them give one
//! channel at the recording's own rate (`--rate 24000` for another), silence cut, levelled, 16-bit WAV.
//!
//! **Figures** are of whole processes: user and system time, peak resident set and wall time as the kernel counts them,
//! the least of the runs. So Python peers pay for their imports, which weighs at 10 s and is nothing at 10 minutes. Peers
//! keep to one thread. `/ ours` is the peer's CPU time divided by that of ours for the same job: a chain that leaves the
//! noise in is held against ours leaving it in. The goals are judged on the worst file of each length; one whose peer did
//! not run is not met but not measured. `--strict` turns a goal that is not met into a failure.
//!
//! `--quality` prints what came of ten seconds with and without noise: length, loudness, true peak, and DNSMOS, a guess
//! at what listeners would say from 1 to 5, of the whole, the speech and the background. Cheap is easy without it.
//!
//! A part of a run, with the chain as it was in November 2026 (which reduced no noise yet), on two idle cores:
//!
//! ```text
//! 60 s mp3, 0.96 MB                       CPU s   / ours   wall s   peak MB   - file MB
//!   ours                                  0.340     1.00    0.345      21.1        20.2
//!   ours, noise left in                   0.328     1.00    0.336      21.3        20.3
//!   ffmpeg two-pass, afftdn               1.957     5.76    2.000     117.1       116.1
//!   ffmpeg one-pass, noise left in        0.835     2.55    0.844     117.7       116.8
//!   librosa + noisereduce + pyloudnorm    3.931    11.58    4.074     442.7       441.7
//!   sox, noisered                         0.615     1.81    0.633       8.3         7.3
//!   sox, noise left in                    0.272     0.83    0.276       8.2         7.2
//!   pydub, noise left in                  0.685     2.09    0.717      56.6        55.7
//! ```
pub mod chains;
pub mod child;
pub mod goals;
pub mod inputs;
pub mod results;
