# usage: limited.sh LIBRARY [MINUTES]
# A redis server whose heap may have 256 MiB is kept at its own limit of 200 MiB by values whose sizes change. Says
# how far its resident memory went, and fails if it was refused memory or went beyond.
set -euo pipefail
library=$(realpath "$1")
seconds=$((${2:-10} * 60))
limit_kib=$((256 << 10))
folder=$(mktemp -d)
socket=$folder/socket
LD_PRELOAD=$library SPANDREL=memlimit=256MiB redis-server --port 0 --unixsocket "$socket" \
    --save '' --appendonly no --maxmemory 200mb --maxmemory-policy allkeys-lru --logfile "$folder/log" &
server=$!
trap 'kill "$server" 2> /dev/null || true; rm -r "$folder"' EXIT
ask() { redis-cli -s "$socket" "$@"; }
for _ in $(seq 100); do
    [ "$(ask PING 2> /dev/null)" != PONG ] || break
    sleep 0.1
done
end=$((SECONDS + seconds)) values=0
# The length is drawn anew for each value.
put="redis.call('SET', KEYS[1], string.rep('v', ARGV[1] % 4000))"
while [ "$SECONDS" -lt "$end" ]; do
    redis-benchmark -s "$socket" -n 200000 -c 10 -P 16 -r 10000000 -q EVAL "$put" 1 key:__rand_int__ __rand_int__ \
        > "$folder/said" 2>&1 || true
    if grep -q -i error "$folder/said" || [ "$(ask PING 2> /dev/null)" != PONG ]; then
        tr '\r' '\n' < "$folder/said" | grep -i error || true
        grep -m 1 'Out Of Memory' "$folder/log"
        exit 1
    fi
    values=$((values + 200000))
done
peak_kib=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$server/status")
info() { ask INFO "$1" | tr -d '\r' | awk -F: -v name="$2" '$1 == name { print $2 }'; }
echo "$values values in $seconds s," \
    "$(info stats evicted_keys) keys evicted, at most $((peak_kib >> 10)) MiB resident;" \
    "$(info memory used_memory_peak_human) asked for at most"
if grep -E 'BUG REPORT|crashed by signal|Out Of Memory' "$folder/log"; then exit 1; fi
[ "$peak_kib" -le "$limit_kib" ]
