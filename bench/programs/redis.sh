#!/usr/bin/env bash
# A server under load: redis-benchmark asks through a local socket, 16 requests at a time. Prints figures of
# the server alone.
source "$(dirname "$0")/frame.bash"

needs=('redis-server redis-server' 'redis-benchmark redis-tools' 'redis-cli redis-tools')
requests=120000
tests=set,get,incr,lpush,rpop,sadd,hset,zadd

inputs() {
    cat > contents.lua << 'LUA'
for i = 1, 50000 do
    redis.call("HSET", "hash " .. i % 997, "field " .. i, string.rep("v", i % 300))
    redis.call("ZADD", "scores", i * 7919 % 10007, "member " .. i)
    redis.call("APPEND", "text " .. i % 13, "piece " .. i)
    if i % 3 == 0 then redis.call("HDEL", "hash " .. i % 997, "field " .. i) end
end
local hashes = {}
for i = 0, 996 do
    local all = redis.call("HGETALL", "hash " .. i)
    table.sort(all)
    hashes[i + 1] = redis.sha1hex(table.concat(all, ","))
end
local scores = table.concat(redis.call("ZRANGE", "scores", 0, -1, "WITHSCORES"), ",")
return {redis.sha1hex(table.concat(hashes)), redis.sha1hex(scores), redis.call("STRLEN", "text 1")}
LUA
}

ask() {
    redis-cli -s "$socket" "$@"
}

# Debian's server is linked with jemalloc: without another allocator in front of it, glibc's is put there.
start_server() {
    local library=${PRELOAD-}
    [ -n "$library" ] || library=$(ldd "$(command -v redis-server)" | awk '/libc\.so/ { print $3 }')
    # Not by `measured`: a function in the background would be a shell between this one and the server.
    env LD_PRELOAD="$library" redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no \
        --daemonize no --jemalloc-bg-thread no --dir "$PWD" > "$log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        if [ "$(ask PING 2> /dev/null)" = PONG ]; then
            [ "$(cat "/proc/$server/comm")" = redis-server ] || fail 'the process is not the server'
            return
        fi
        sleep 0.05
    done
    fail "the server does not answer: $(tail -n 3 "$log")"
}

# A number in KiB from the server's /proc/PID/status.
memory_kib() {
    awk -v field="$1:" '$1 == field { print $2 }' "/proc/$server/status"
}

# User and system time of the server, in seconds.
cpu_seconds() {
    awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.3f %.3f\n", $12 / ticks, $13 / ticks }' \
        "/proc/$server/stat"
}

# Ends the server however this ends.
clean_up() {
    kill "$server" 2> /dev/null || true
    rm -f "$socket" "$log" "$said"
}

# Fills in ns, peak_kib, cpu, flushed_kib; what can be compared goes to $said.
workload() {
    # The path of a socket must be short.
    socket=${TMPDIR:-/tmp}/spandrel-bench-redis.$$
    log=log.$$ said=said.$$ server=
    trap clean_up EXIT
    start_server
    local start=${EPOCHREALTIME/./}
    redis-benchmark -s "$socket" -n "$requests" -c 20 -P 16 -r 100000 -d 100 -q -t "$tests" > "$said"
    ns=$(((${EPOCHREALTIME/./} - start) * 1000))
    cpu=$(cpu_seconds)
    local results
    results=$(tr '\r' '\n' < "$said" | grep -c 'requests per second, p50')
    [ "$results" = 8 ] || fail "redis-benchmark has $results results, not 8"
    [ "$(ask LLEN mylist)" = 0 ] || fail 'the list is not empty again'
    ask FLUSHALL SYNC > "$said"
    ask EVAL "$(cat contents.lua)" 0 >> "$said"
    peak_kib=$(memory_kib VmHWM)
    ask FLUSHALL SYNC >> "$said"
    sleep 1
    flushed_kib=$(memory_kib VmRSS)
    ask SHUTDOWN NOSAVE
    wait "$server" || fail "the server ended with $?"
    if grep -q 'cannot be preloaded' "$log"; then fail "$(head -n 1 "$log")"; fi
}

prepare() {
    mkdir -p "$1"
    cd "$1"
    inputs
    requests=1000
    PRELOAD='' workload
    cp "$said" expected
}

run() {
    cd "$1"
    workload
    cmp -s "$said" expected || fail "wrong result: $(diff expected "$said" | head -n 4)"
    local user_s=${cpu% *} system_s=${cpu#* }
    printf '{"row":"redis","unit":"request","ops":%d,"ns":%d,"user_s":%s,"system_s":%s,"peak_rss_kib":%d,' \
        $((8 * requests)) "$ns" "$user_s" "$system_s" "$peak_kib"
    printf '"extra":{"rss_after_flush_mib":%d.%03d}}\n' \
        $((flushed_kib / 1024)) $((flushed_kib % 1024 * 1000 / 1024))
}

main "$@"
