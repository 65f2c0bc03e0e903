# Threads, collections, packing and buffers outside of the heap of Java.
set -euo pipefail
java -version 2>&1 | grep -c Runtime
java -XX:+UseParallelGC -Xmx512m "$PROGRAMS/Objects.java"
