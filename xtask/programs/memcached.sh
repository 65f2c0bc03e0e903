# A cache with four threads: set, replaced, deleted, read back, and full.
set -euo pipefail
. "$PROGRAMS/free-port.sh"
user=()
if [ "$(id -u)" -eq 0 ]; then
    user=(-u root)
fi
memcached "${user[@]}" -l 127.0.0.1 -p "$port" -U 0 -t 4 -m 128 -c 256 &
server=$!
for _ in $(seq 100); do
    if (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
        break
    fi
    sleep 0.1
done
python3 "$PROGRAMS/remembers.py" "$port"
kill -TERM "$server"
code=0
wait "$server" 2> /dev/null || code=$?
echo "the server ended with $code"
