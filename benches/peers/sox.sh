#!/bin/sh
# INPUT OUTPUT RATE. The job in sox, with noise reduction.
#
# Does: one channel, 75 Hz high-pass, a noise profile of the first second (which holds no speech in these recordings; sox
# cannot find such a second itself), spectral noise reduction, silence at both ends and long pauses cut, the best of its
# resamplers, 16-bit WAV.
# Does not: measure loudness (the sample peak goes to -1 dB), true peak, report, read M4A or WebM.
set -eu
profile=$2.profile
sox --single-threaded -V1 "$1" -n remix - highpass 75 trim 0 1 noiseprof "$profile"
sox --single-threaded -V1 "$1" -b 16 "$2" remix - highpass 75 noisered "$profile" 0.21 \
    silence -l 1 0.1 2% -1 1.0 2% rate -h "$3" norm -1
rm -f "$profile"
