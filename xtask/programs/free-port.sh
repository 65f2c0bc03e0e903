# Sets `port` to one at which nobody listens. For servers; read by their scripts. Below those that the kernel
# gives to connections (32768 and up): one of these may be in use though nobody listens at it.
port=$((12000 + $$ % 20000))
while (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
    port=$((port + 1))
done
