# 64 MiB compressed by two threads, and back.
set -euo pipefail
awk 'BEGIN {
    x = 42
    while (1) {
        x = (x * 16807) % 2147483647
        print x, "and", x % 1000, "of", n++
    }
}' 2> /dev/null | head -c 67108864 > data || true
sha256sum < data
xz -T2 -1 --block-size=8MiB --keep data
sha256sum < data.xz
xz -T2 --decompress --stdout data.xz | sha256sum
