#!/bin/sh
# INPUT OUTPUT RATE. What is usually pasted: one run of ffmpeg.
#
# Does: one channel, 75 Hz high-pass, silence at both ends and long pauses cut, about -20 LUFS and -1 dBTP by loudnorm in
# its dynamic mode (which changes the level within the clip), 16-bit WAV.
# Does not: reduce noise, report on the recording, choose between channels, know speech from other sound.
set -eu
silence='start_periods=1:start_threshold=-35dB:start_duration=0.05:stop_periods=-1:stop_threshold=-35dB:stop_duration=1'
exec ffmpeg -nostdin -hide_banner -nostats -v error -y -threads 1 -filter_threads 1 -i "$1" \
    -af "aformat=channel_layouts=mono,highpass=f=75,silenceremove=$silence,loudnorm=I=-20:TP=-1:LRA=11" \
    -threads 1 -ar "$3" -c:a pcm_s16le "$2"
