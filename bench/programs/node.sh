#!/usr/bin/env bash
# JavaScript with much memory outside its own heap: buffers, compression, JSON, maps.
source "$(dirname "$0")/frame.bash"

needs=('node nodejs')

inputs() {
    cp "$here/node.js" .
}

workload() {
    measured node node.js
}

main "$@"
