"""INPUT OUTPUT RATE. The job with the usual Python packages.

Does: one channel, resampling (soxr), 75 Hz high-pass, spectral gating (noisereduce, stationary, the cheaper of its two),
silence at both ends and long pauses cut, -20 LUFS, 16-bit WAV.
Does not: measure true peak (the sample peak is bounded to -1 dB by turning the clip down), report, stream: everything is
in memory. M4A and WebM go through ffmpeg, which librosa starts.
"""
import sys

import librosa
import noisereduce
import numpy
import pyloudnorm
import soundfile
from scipy.signal import butter, sosfilt

PAUSE = 1.0


def without_silence(samples, rate):
    """Both ends cut, and what is left of longer pauses."""
    spoken = librosa.effects.split(samples, top_db=40)
    if len(spoken) == 0:
        sys.exit("there is nothing but silence")
    kept = []
    for i, (start, end) in enumerate(spoken):
        if i > 0:
            before = spoken[i - 1][1]
            kept.append(samples[before : min(start, before + int(PAUSE * rate))])
        kept.append(samples[start:end])
    return numpy.concatenate(kept)


def main(source, target, rate):
    samples, rate = librosa.load(source, sr=rate, mono=True)
    samples = sosfilt(butter(4, 75, "highpass", fs=rate, output="sos"), samples).astype(numpy.float32)
    samples = noisereduce.reduce_noise(y=samples, sr=rate, stationary=True, n_jobs=1)
    samples = without_silence(samples, rate)
    loudness = pyloudnorm.Meter(rate).integrated_loudness(samples)
    samples = samples * 10 ** ((-20 - loudness) / 20)
    peak = numpy.abs(samples).max()
    samples = samples * min(1, 10 ** (-1 / 20) / peak)
    soundfile.write(target, samples, rate, subtype="PCM_16")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
