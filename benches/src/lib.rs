//! Measurements of voiceclone, as ratios to something named in the same run. They inform: nothing fails for a figure.
//!
//! - `overhead`: what the layers and the engine add to a provider that does nothing.
//! - `preparation`: what audio preparation costs, beside ffmpeg, sox, librosa and pydub on the same files.
//! - `jobs`: what the queue of jobs can do, beside graphile-worker on the same PostgreSQL and bare statements on the same disk.
//! - `blobs`: what blobs cost, beside plain files and plain HTTP requests.
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
//! A part of a run on two cores, one of them idle, in November 2026. Half of the time is noise reduction:
//!
//! ```text
//! 60 s mp3, 0.96 MB                       CPU s   / ours   wall s   peak MB   - file MB
//!   ours                                  0.845     1.00    0.852      19.7        18.7
//!   ours, noise left in                   0.419     1.00    0.421      25.9        24.9
//!   ffmpeg two-pass, afftdn               2.262     2.68    2.303     117.3       116.4
//!   ffmpeg one-pass, noise left in        0.925     2.21    0.927     117.7       116.7
//!   librosa + noisereduce + pyloudnorm    4.580     5.42    4.671     442.7       441.8
//!   sox, noisered                         0.656     0.78    0.662       8.3         7.3
//!   sox, noise left in                    0.246     0.59    0.248       8.3         7.3
//! ```
//! # Jobs
//!
//! ```console
//! cargo bench -p voiceclone-benches --bench jobs -- --install-peers
//! cargo bench -p voiceclone-benches --bench jobs -- --only throughput,wakeup --rounds 3 --jobs 500
//! cargo bench -p voiceclone-benches --bench jobs -- --quick
//! ```
//!
//! The first takes a quarter of an hour, the last two minutes. **Needs** Linux and PostgreSQL 15 or newer (Debian:
//! `postgresql`; nothing needs to run), and node 20 or newer with npm for the peer, which `--install-peers` puts into
//! `target/tmp/jobs` and nowhere else. Without the peer its rows are missing, and its goals are not measured.
//!
//! **Server**: one of the run's own, on disk, with `fsync`, `synchronous_commit` and checksums, removed afterwards. Each
//! contestant has a database of its own there and a client process of its own: `src/bin/queue.rs` is ours,
//! `benches/peers/graphile-worker/client.mjs` the peer's. What starting a client takes is not counted. Rounds are
//! interleaved, and a ratio is that of two figures of the same round: medians, with the least and the greatest. CPU is user
//! and system time of the client.
//!
//! **Singly** is 8 tasks that queue a job, or claim one and finish it, beside `addJob` and the peer's worker as it comes,
//! both 8 at once; a worker of an engine with 8 places is there for comparison. **Batched** is 100 tasks that queue at
//! once and 8 that claim ten and finish them together, beside `addJobs` of 100 and the peer's worker with a local queue of 500. A job is 170 bytes and nothing to do. The peer
//! deletes jobs that are done, keeps no history and does not wait for a completion before the next job; ours keep the job
//! and three events, and every write names its lease.
//!
//! **Rescue** kills a process whose worker holds eight jobs, with heartbeats, and waits until another's has claimed them
//! all. **Wake-up** is the time from the call that queues a job until a worker in another process, which had nothing to do,
//! has it. **Fair share** counts the claims that come back while another owner's single job waits beside a long queue.
//! **SQLite** compares the store with bare statements on one table, on a connection with the same pragmas.
//!
//! A part of a run on two cores in November 2026, PostgreSQL 15.20 and graphile-worker 0.18.0:
//!
//! ```text
//! enqueue                         jobs/s                  ours / it, by round       client CPU µs/job
//!   ours                            7434 (7360 to 8515)                              -        41 (35 to 43)
//!   graphile-worker                 1424 (1388 to 1565)         5.30 (4.75 to 5.98)          305 (284 to 307)
//!   ours, batched                  25478 (22941 to 27057)                            -        17 (16 to 18)
//!   graphile-worker, batched       28287 (28188 to 30448)       0.84 (0.81 to 0.96)           23 (23 to 27)
//! work                            jobs/s                  ours / it, by round       client CPU µs/job
//!   ours                            2100 (2024 to 2148)                              -        90 (86 to 98)
//!   ours, an engine's worker         813 (724 to 875)                                -       278 (253 to 296)
//!   graphile-worker                 2042 (1830 to 2083)         1.03 (0.99 to 1.15)          429 (429 to 487)
//!   ours, batched                   8766 (6462 to 9008)                              -        23 (22 to 28)
//!   graphile-worker, batched       24410 (21724 to 25008)       0.35 (0.26 to 0.41)           36 (35 to 39)
//! ```
//!
//! # Blobs
//!
//! ```console
//! cargo bench -p voiceclone-benches --bench blobs
//! cargo bench -p voiceclone-benches --bench blobs -- --only stream --stream 5000 --bucket-stream 5000
//! ```
//!
//! Puts and gets blobs of some sizes one after the other, in a directory beside plain files that are flushed and renamed
//! as the store's are, and in a bucket of `s3s-fs`, a process of its own, beside requests to presigned URLs. Then streams a
//! long blob through both in a process of its own, and takes its peak memory. Needs as much of the disk as that is long, in
//! `target/tmp/blobs`, and twice as much for the bucket.
pub mod blobs;
pub mod chains;
pub mod child;
pub mod goals;
pub mod inputs;
pub mod jobs;
pub mod results;
