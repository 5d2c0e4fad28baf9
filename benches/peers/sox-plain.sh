#!/bin/sh
# INPUT OUTPUT RATE. The job in sox, noise left in.
#
# Does: one channel, 75 Hz high-pass, silence at both ends and long pauses cut, the best of its resamplers, 16-bit WAV.
# Does not: reduce noise, measure loudness (the sample peak goes to -1 dB), true peak, report, read M4A or WebM.
set -eu
exec sox --single-threaded -V1 "$1" -b 16 "$2" remix - highpass 75 \
    silence -l 1 0.1 2% -1 1.0 2% rate -h "$3" norm -1
