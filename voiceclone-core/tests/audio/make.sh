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
mono ima.wav -c:a adpcm_ima_wav -ar 8000
mono ms.wav -c:a adpcm_ms -ar 8000
mono s16.aiff -c:a pcm_s16be -ar 8000
mono s16.caf -c:a pcm_s16be -ar 8000
stereo stereo.flac -c:a flac -ar 8000
mono flac.oga -c:a flac -ar 8000
mono alac.m4a -c:a alac -sample_fmt s16p -ar 8000
mono aac.m4a -c:a aac -b:a 32k
mono fragmented.mp4 -c:a aac -b:a 32k -movflags +frag_keyframe+empty_moov -frag_duration 200000
mono adts.aac -c:a aac -b:a 32k
mono layer3.mp3 -c:a libmp3lame -b:a 32k -id3v2_version 0
ff -f lavfi -i "$MONO" -c:a libmp3lame -q:a 6 -metadata title=Tone -id3v2_version 3 -write_id3v1 1 tagged.mp3
mono layer2.mp2 -c:a mp2 -b:a 32k
mono vorbis.ogg -c:a libvorbis -q:a 0
mono vorbis.webm -c:a libvorbis -q:a 0
# A browser's recorder cannot seek back: no duration, unknown cluster sizes.
ff -f lavfi -i "$MONO" -c:a libvorbis -q:a 0 $EXACT -f webm - | cat > live.webm
ff -f lavfi -i "testsrc=s=32x32:r=5:d=1.2" -f lavfi -i "$MONO" -c:v libx264 -c:a aac -b:a 32k $EXACT film.mp4
cat vorbis.ogg vorbis.ogg > chained.ogg
mkdir -p refused
mono refused/opus.ogg -c:a libopus -b:a 16k -ar 16000
mono refused/opus.webm -c:a libopus -b:a 16k
mono refused/opus.mp4 -c:a libopus -b:a 16k -strict -2
mono refused/speex.ogg -c:a libspeex
mono refused/tone.au -c:a pcm_s16be -ar 8000 -t 0.3
mono refused/tone.wv -c:a wavpack -ar 8000 -t 0.3
mono refused/tone.w64 -c:a pcm_s16le -ar 8000 -t 0.3
mono refused/tone.rf64 -c:a pcm_s16le -ar 8000 -t 0.3 -f wav -rf64 always
mono refused/tone.wma -c:a wmav2 -t 0.3
mono refused/tone.ac3 -c:a ac3 -t 0.3
mono refused/surround.m4a -c:a aac -b:a 64k -ac 6 -t 0.3
ff -f lavfi -i "testsrc=s=32x32:r=5:d=1" -c:v libx264 $EXACT refused/video.mp4
ff -f lavfi -i "testsrc=s=8x8:r=1:d=1" -frames:v 1 $EXACT refused/image.png
python3 - > ffmpeg.tsv <<'PY'
import glob, hashlib, struct, subprocess, array, math
print("# file\trate\tchannels\tframes\trms\tSHA-256 of the samples as f32le")
for f in sorted(g for g in glob.glob("*.*") if g.rsplit(".")[-1] not in ("sh", "tsv", "md")):
    probe = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=sample_rate,channels",
        "-of", "csv=p=0", f], capture_output=True, text=True, check=True).stdout.split()[0]
    rate, channels = map(int, probe.split(",")[:2])
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "quiet", "-i", f, "-map", "0:a", "-f", "f32le", "-"],
        capture_output=True, check=True).stdout
    s = array.array("f", raw)
    print(f, rate, channels, len(s) // channels, f"{math.sqrt(sum(x * x for x in s) / len(s)):.6f}",
        hashlib.sha256(raw).hexdigest(), sep="\t")
PY
