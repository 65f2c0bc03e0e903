# A film and a tone, packed by several threads, unpacked, scaled, and summed up frame by frame.
set -euo pipefail
ff() { ffmpeg -nostdin -hide_banner -loglevel error -threads 4 "$@"; }
ff -f lavfi -i testsrc2=duration=6:size=640x360:rate=25 -f lavfi -i sine=frequency=440:duration=6 \
    -c:v mpeg4 -q:v 4 -c:a aac -fflags +bitexact -flags +bitexact film.mkv
ff -i film.mkv -f framemd5 - | sha256sum
ff -i film.mkv -vf scale=320:180,hue=s=0.5,unsharp -c:v ffv1 -an -f framemd5 - | sha256sum
ff -i film.mkv -vn -af aresample=22050,atempo=1.5 -f md5 -
