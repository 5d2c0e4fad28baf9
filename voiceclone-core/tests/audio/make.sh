#!/bin/sh
# Makes every fixture of this folder and ffmpeg.tsv, the values ffmpeg reads from them. Needs ffmpeg with libmp3lame,
# libvorbis, libopus, libspeex and libx264. Fixtures are committed: run this only to add one, and look at the diff.
set -eu
cd "$(dirname "$0")"
ff() { ffmpeg -nostdin -hide_banner -loglevel error -y "$@"; }
MONO="aevalsrc=0.4*sin(2*PI*180*t+10*sin(2*PI*3*t))*(0.6+0.4*sin(2*PI*4*t))+0.05*(random(0)-0.5):s=16000:d=1.2"
STEREO="aevalsrc=0.4*sin(2*PI*220*t)*(0.6+0.4*sin(2*PI*4*t))|0.3*sin(2*PI*331*t):s=16000:d=1.2"
EXACT="-map_metadata -1 -fflags +bitexact -flags:a +bitexact"
mono() { out=$1; shift; ff -f lavfi -i "$MONO" "$@" $EXACT "$out"; }
stereo() { out=$1; shift; ff -f lavfi -i "$STEREO" "$@" $EXACT "$out"; }
mono s16.wav -c:a pcm_s16le
stereo s24-stereo.wav -c:a pcm_s24le -ar 8000
mono u8.wav -c:a pcm_u8 -ar 8000
mono f32.wav -c:a pcm_f32le -ar 8000
mono mulaw.wav -c:a pcm_mulaw -ar 8000
mono alaw.wav -c:a pcm_alaw -ar 8000
mono s32.wav -c:a pcm_s32le -ar 8000 -t 0.6
mono f64.wav -c:a pcm_f64le -ar 8000 -t 0.4
# More than two channels make the header WAVE_FORMAT_EXTENSIBLE.
mono surround.wav -c:a pcm_s16le -ar 8000 -ac 6 -t 0.3
mono ima.wav -c:a adpcm_ima_wav -ar 8000
mono ms.wav -c:a adpcm_ms -ar 8000
mono s16.aiff -c:a pcm_s16be -ar 8000
mono s16.caf -c:a pcm_s16be -ar 8000
mono sowt.aifc -c:a pcm_s16le -ar 8000 -t 0.4 -f aiff
mono float.aifc -c:a pcm_f32be -ar 8000 -t 0.4 -f aiff
mono alac.caf -c:a alac -sample_fmt s16p -ar 8000
mono s24.flac -c:a flac -sample_fmt s32 -bits_per_raw_sample 24 -ar 8000 -t 0.6
stereo stereo.flac -c:a flac -ar 8000
mono flac.oga -c:a flac -ar 8000
mono alac.m4a -c:a alac -sample_fmt s16p -ar 8000
mono aac.m4a -c:a aac -b:a 32k
mono fragmented.mp4 -c:a aac -b:a 32k -movflags +frag_keyframe+empty_moov -frag_duration 200000
mono adts.aac -c:a aac -b:a 32k
mono layer3.mp3 -c:a libmp3lame -b:a 32k -id3v2_version 0
ff -f lavfi -i "$MONO" -c:a libmp3lame -q:a 6 -metadata title=Tone -id3v2_version 3 -write_id3v1 1 tagged.mp3
stereo stereo.mp3 -ar 44100 -c:a libmp3lame -q:a 4 -id3v2_version 0 -t 0.4
# Without a LAME tag nothing says how long it is.
mono bare.mp3 -ar 44100 -c:a libmp3lame -q:a 6 -write_xing 0 -id3v2_version 0 -t 0.4
stereo stereo.m4a -ar 44100 -c:a aac -b:a 64k -t 0.4
mono aac.mkv -c:a aac -b:a 32k
mono layer2.mp2 -c:a mp2 -b:a 32k
mono vorbis.ogg -c:a libvorbis -q:a 0 -page_duration 100000
mono vorbis.webm -c:a libvorbis -q:a 0
# A browser's recorder cannot seek back: no duration, unknown cluster sizes.
ff -f lavfi -i "$MONO" -c:a libvorbis -q:a 0 $EXACT -f webm - | cat > live.webm
ff -f lavfi -i "testsrc=s=32x32:r=5:d=1.2" -f lavfi -i "$MONO" -c:v libx264 -c:a aac -b:a 32k $EXACT film.mp4
mkdir -p refused
mono opus.ogg -c:a libopus -b:a 16k -page_duration 100000
mono opus.webm -c:a libopus -b:a 16k
# At 48 kHz: ffmpeg 5.1 takes the edit list of Opus in MP4 for ticks of the rate before encoding.
mono opus.mp4 -ar 48000 -c:a libopus -b:a 16k -strict -2
# A phone's recorder writes fragments after an index that has the edit list.
mono phone.mp4 -c:a aac -b:a 32k -movflags +frag_keyframe+delay_moov -frag_duration 200000
mono phone-opus.mp4 -ar 48000 -c:a libopus -b:a 16k -strict -2 -movflags +frag_keyframe+delay_moov -frag_duration 200000
# Clusters of unknown size in a segment of unknown size, without a duration.
ff -f lavfi -i "$MONO" -c:a libopus -b:a 16k $EXACT -cluster_time_limit 300 -f webm - | python3 -c '
import sys
data = bytearray(sys.stdin.buffer.read())
at = data.find(b"\x1f\x43\xb6\x75")
while at >= 0:
    length = 8 - data[at + 4].bit_length() + 1
    data[at + 4 : at + 4 + length] = ((1 << (7 * length + 1)) - 1 if length < 8 else (1 << 57) - 1).to_bytes(length, "big")
    at = data.find(b"\x1f\x43\xb6\x75", at + 4)
sys.stdout.buffer.write(data)' > live-opus.webm
mono refused/surround.ogg -c:a libopus -b:a 48k -ac 6 -mapping_family 1 -t 0.3
mono refused/speex.ogg -c:a libspeex
mono refused/tone.au -c:a pcm_s16be -ar 8000 -t 0.3
mono refused/tone.wv -c:a wavpack -ar 8000 -t 0.3
mono refused/tone.w64 -c:a pcm_s16le -ar 8000 -t 0.3
mono refused/tone.rf64 -c:a pcm_s16le -ar 8000 -t 0.3 -f wav -rf64 always
mono refused/tone.wma -c:a wmav2 -t 0.3
mono refused/tone.ac3 -c:a ac3 -t 0.3
ff -i refused/he.aac -c copy $EXACT refused/he.m4a
mono refused/surround.m4a -c:a aac -b:a 64k -ac 6 -t 0.3
ff -f lavfi -i "testsrc=s=32x32:r=5:d=1" -c:v libx264 $EXACT refused/video.mp4
ff -f lavfi -i "testsrc=s=8x8:r=1:d=1" -frames:v 1 $EXACT refused/image.png
rm -rf reference && mkdir reference
python3 - > ffmpeg.tsv <<'PY'
import glob, hashlib, os, subprocess
print("# file\trate\tchannels\tframes\tthe file's part of them\t\treference\tSHA-256 of the samples as f32le")
# The part that the edit list says, in the frames that ffmpeg 5.1 gives: it keeps the padding of the last packet, and in a
# fragmented file the run-in too.
stated = {"aac.m4a": (0, 19200), "film.mp4": (0, 19200), "opus.mp4": (0, 57600), "stereo.m4a": (0, 17640), "phone.mp4": (1024, 20480)}
references = {}
for f in sorted(g for g in glob.glob("*.*") if g.rsplit(".")[-1] not in ("sh", "tsv", "md")):
    probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=sample_rate,channels,codec_name",
        "-of", "default=nw=1", f], capture_output=True, text=True, check=True).stdout
    told = dict(line.split("=") for line in probe.split())
    codec, rate, channels = told["codec_name"], int(told["sample_rate"]), int(told["channels"])
    # ffmpeg's own Opus decoder is not the reference one.
    decoder = ["-c:a", "libopus"] if codec == "opus" else []
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "quiet", *decoder, "-i", f, "-map", "0:a", "-f", "f32le", "-"],
        capture_output=True, check=True).stdout
    frames, digest, reference = len(raw) // 4 // channels, hashlib.sha256(raw).hexdigest(), "-"
    if codec in ("mp3", "mp2", "aac", "vorbis", "opus"):
        # 24 bits hold what is compared to -80 dB; files that sound the same share one.
        reference = references.setdefault(digest, f"{f.replace('.', '-')}.flac")
        if not os.path.exists(f"reference/{reference}"):
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-i", "-",
                "-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-compression_level", "12", "-fflags", "+bitexact",
                f"reference/{reference}"], input=raw, check=True)
    print(f, rate, channels, frames, *stated.get(f, (0, frames)), reference, digest, sep="\t")
PY
