# A server under load; then an orderly end.
set -euo pipefail
. "$PROGRAMS/free-port.sh"
redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --daemonize no \
    --activedefrag no --io-threads 2 --logfile redis.log --dir . &
server=$!
ask() { redis-cli -h 127.0.0.1 -p "$port" "$@"; }
for _ in $(seq 100); do
    answer=$(ask PING 2> /dev/null) || true
    if [ "$answer" = PONG ]; then
        break
    fi
    sleep 0.1
done
if [ "$answer" != PONG ]; then
    echo "the server does not answer"
    cat redis.log
    exit 1
fi
redis-benchmark -h 127.0.0.1 -p "$port" -n 200000 -c 50 -P 16 -r 100000 -d 100 -q \
    -t set,get,incr,lpush,lpop,sadd,hset,zadd,mset | tr '\r' '\n' | grep 'requests per second' | sed 's/:.*//'
ask FLUSHALL
ask EVAL '
    for i = 1, 50000 do
        redis.call("HSET", "hash " .. i % 997, "field " .. i, string.rep("v", i % 300))
        redis.call("ZADD", "scores", i * 7919 % 10007, "member " .. i)
        redis.call("APPEND", "text " .. i % 13, "piece " .. i)
        if i % 3 == 0 then redis.call("HDEL", "hash " .. i % 997, "field " .. i) end
    end
    return {redis.call("DBSIZE"), redis.call("ZCARD", "scores"), redis.call("STRLEN", "text 1")}' 0
ask ZRANGE scores 0 20 | sha256sum
ask SHUTDOWN NOSAVE
code=0
wait "$server" || code=$?
echo "the server ended with $code"
if grep -E 'BUG REPORT|crashed by signal|Out Of Memory' redis.log; then
    cat redis.log
fi
exit "$code"
