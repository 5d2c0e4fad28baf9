"""INPUT OUTPUT RATE. The job with pydub, as far as pydub goes.

Does: one channel, resampling (by `audioop`, linear), silence at both ends and long pauses cut, sample peak to -1 dB,
16-bit WAV.
Does not: high-pass (its filter is a Python loop over samples and would be most of the time), reduce noise, measure
loudness or true peak, report, stream. Everything but WAV goes through ffmpeg, which pydub starts.
"""
import sys

from pydub import AudioSegment
from pydub.effects import normalize
from pydub.silence import detect_nonsilent

PAUSE = 1000


def main(source, target, rate):
    clip = AudioSegment.from_file(source).set_channels(1).set_frame_rate(rate)
    spoken = detect_nonsilent(clip, min_silence_len=PAUSE, silence_thresh=-35, seek_step=10)
    if not spoken:
        sys.exit("there is nothing but silence")
    kept = AudioSegment.empty()
    for i, (start, end) in enumerate(spoken):
        kept += clip[start : end + (PAUSE if i + 1 < len(spoken) else 0)]
    normalize(kept, headroom=1.0).export(target, format="wav")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
