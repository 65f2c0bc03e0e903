# Sets `port` to one at which nobody listens. For servers; read by their scripts.
port=$((20000 + $$ % 20000))
while (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
    port=$((port + 1))
done
