# A million lines, sorted by two threads: by bytes, by number, and for the unique ones.
set -euo pipefail
awk 'BEGIN {
    x = 42
    for (i = 0; i < 1000000; i++) {
        x = (x * 16807) % 2147483647
        print x % 100000, x, i
    }
}' > lines
sort --parallel=2 lines | sha256sum
sort --parallel=2 --buffer-size=16M --key=1,1n --key=2,2nr lines | sha256sum
sort --parallel=2 --key=1,1 --unique lines | wc -l
