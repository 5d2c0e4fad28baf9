"""NAME=FILE ... Prints what each file is like, one line each.

Loudness, loudness range and true peak are ffmpeg's (its ebur128 filter). DNSMOS P.835 (the `speechmos` package) guesses what
listeners would say, 1 to 5, of the whole (ovrl), the speech (sig) and the background (bak); a tenth is within its error.
"""
import re
import subprocess
import sys

import librosa
import numpy
import soundfile
from speechmos import dnsmos


def meters(path):
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    summary = said[said.rindex("Summary:") :]
    figure = r":\s+(-?[\d.]+|-?inf|nan) "
    return [float(re.search(label + figure, summary)[1]) for label in (r"\bI", "LRA", "Peak")]


def mos(path):
    samples, _ = librosa.load(path, sr=16000, mono=True)
    scores = dnsmos.run(numpy.clip(samples, -1, 1), 16000)
    return [scores[key] for key in ("ovrl_mos", "sig_mos", "bak_mos")]


def main(files):
    print(f"{'':<36}{'s':>7}{'LUFS':>8}{'LRA':>7}{'dBTP':>8}{'ovrl':>7}{'sig':>7}{'bak':>7}")
    for name, path in files:
        seconds = soundfile.info(path).duration
        loudness, spread, peak = meters(path)
        overall, speech, background = mos(path)
        print(
            f"  {name:<34}{seconds:>7.2f}{loudness:>8.1f}{spread:>7.1f}{peak:>8.1f}"
            f"{overall:>7.2f}{speech:>7.2f}{background:>7.2f}",
            flush=True,
        )


main([argument.split("=", 1) for argument in sys.argv[1:]])
