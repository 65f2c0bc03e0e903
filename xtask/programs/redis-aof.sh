# A server that writes every change to a file, under load; killed at the end, started again from the file.
set -euo pipefail
. "$PROGRAMS/free-port.sh"
ask() { redis-cli -h 127.0.0.1 -p "$port" "$@"; }
start() {
    redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly yes --appendfsync everysec \
        --auto-aof-rewrite-percentage 50 --auto-aof-rewrite-min-size 8mb --activedefrag no \
        --daemonize no --logfile redis.log --dir . &
    server=$!
    for _ in $(seq 600); do
        if [ "$(ask PING 2> /dev/null)" = PONG ]; then
            return
        fi
        sleep 0.1
    done
    echo "the server does not answer"
    exit 1
}
contents() {
    ask DBSIZE
    ask EVAL '
        local sum = 0
        for i = 0, 996 do sum = sum + redis.call("HLEN", "hash " .. i) end
        return {sum, redis.call("ZCARD", "scores"), redis.call("STRLEN", "text 1")}' 0
    ask ZRANGE scores 0 -1 | sha256sum
    ask GET 'text 7' | sha256sum
}
start
redis-benchmark -h 127.0.0.1 -p "$port" -n 200000 -c 50 -P 16 -r 100000 -d 200 -q -t set,incr,lpush,sadd,hset,mset |
    tr '\r' '\n' | grep 'requests per second' | sed 's/:.*//'
ask FLUSHALL
for _ in 1 2 3 4 5; do
    ask EVAL '
        for i = 1, 30000 do
            redis.call("HSET", "hash " .. i % 997, "field " .. i, string.rep("v", i % 300))
            redis.call("ZADD", "scores", i * 7919 % 10007, "member " .. i)
            redis.call("APPEND", "text " .. i % 13, "piece " .. i)
            if i % 3 == 0 then redis.call("HDEL", "hash " .. i % 997, "field " .. i) end
        end' 0 > /dev/null
    ask BGREWRITEAOF > /dev/null || true
done
contents
sleep 1.5
kill -KILL "$server"
wait "$server" 2> /dev/null || true
start
contents
ask SHUTDOWN NOSAVE
code=0
wait "$server" || code=$?
echo "the server ended with $code"
if grep -E 'BUG REPORT|crashed by signal|Out Of Memory' redis.log; then
    cat redis.log
fi
exit "$code"
