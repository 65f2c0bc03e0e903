# A server with two workers that serves and packs files of many sizes, and takes a new configuration meanwhile.
set -euo pipefail
. "$PROGRAMS/free-port.sh"
mkdir files
for size in 0 1 100 1000 10000 100000 1000000; do
    awk -v size="$size" 'BEGIN { for (i = 0; length(text) < size; i++) text = text i " "; printf "%s", substr(text, 1, size) }' \
        > "files/$size.txt"
done
user=
if [ "$(id -u)" -eq 0 ]; then
    user='user root;'
fi
cat > nginx.conf <<CONF
$user
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/error.log;
events { worker_connections 256; }
http {
    access_log off;
    types { text/plain txt; }
    client_body_temp_path $PWD/body;
    proxy_temp_path $PWD/proxy;
    fastcgi_temp_path $PWD/fastcgi;
    uwsgi_temp_path $PWD/uwsgi;
    scgi_temp_path $PWD/scgi;
    gzip on;
    gzip_types text/plain;
    server {
        listen 127.0.0.1:$port;
        location / { root $PWD/files; }
        location /again/ { proxy_pass http://127.0.0.1:$port/; }
    }
}
CONF
nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
"$nginx" -e "$PWD/error.log" -c "$PWD/nginx.conf" -g 'daemon off;' &
server=$!
for _ in $(seq 100); do
    if (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
        break
    fi
    sleep 0.1
done
python3 "$PROGRAMS/asks.py" "$port" 4 1500
kill -HUP "$server"
sleep 0.5
python3 "$PROGRAMS/asks.py" "$port" 8 800
kill -QUIT "$server"
code=0
wait "$server" || code=$?
echo "the server ended with $code"
grep -E 'alert|emerg|signal 11|signal 6' error.log && exit 1
exit "$code"
