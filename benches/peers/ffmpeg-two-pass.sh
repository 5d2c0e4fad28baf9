#!/bin/sh
# INPUT OUTPUT RATE. The job in ffmpeg, as its manual has it for speech: measure, then apply in a second run.
#
# Does: one channel, 75 Hz high-pass, FFT noise reduction, silence at both ends and long pauses cut, -20 LUFS and -1 dBTP
# by loudnorm with the measured figures, 16-bit WAV.
# Does not: report on the recording, choose between channels, know speech from other sound (silence is what is below
# -35 dB), limit: loudnorm falls back to its dynamic mode when the peak would be exceeded.
set -eu
input=$1 output=$2 rate=$3

silence='start_periods=1:start_threshold=-35dB:start_duration=0.05:stop_periods=-1:stop_threshold=-35dB:stop_duration=1'
clean="aformat=channel_layouts=mono,highpass=f=75,afftdn=nr=12:nf=-25,silenceremove=$silence"
target='I=-20:TP=-1:LRA=11'
quiet='-nostdin -hide_banner -nostats -threads 1 -filter_threads 1'

said=$(ffmpeg $quiet -i "$input" -af "$clean,loudnorm=$target:print_format=json" -f null - 2>&1)
measured=$(printf '%s\n' "$said" | sed -n '
    s/.*"input_i" *: *"\(.*\)".*/:measured_I=\1/p
    s/.*"input_tp" *: *"\(.*\)".*/:measured_TP=\1/p
    s/.*"input_lra" *: *"\(.*\)".*/:measured_LRA=\1/p
    s/.*"input_thresh" *: *"\(.*\)".*/:measured_thresh=\1/p
    s/.*"target_offset" *: *"\(.*\)".*/:offset=\1/p' | tr -d '\n')
if [ -z "$measured" ]; then
    printf '%s\n' "$said" >&2
    exit 1
fi
ffmpeg $quiet -v error -y -i "$input" -af "$clean,loudnorm=$target:linear=true$measured" \
    -threads 1 -ar "$rate" -c:a pcm_s16le "$output"
