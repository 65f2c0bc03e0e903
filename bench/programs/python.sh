#!/usr/bin/env bash
# Python objects, each from malloc: dictionaries, classes, strings, JSON.
source "$(dirname "$0")/frame.bash"

needs=('/usr/bin/python3 python3')

inputs() {
    cp "$here/python.py" .
}

workload() {
    measured env PYTHONMALLOC=malloc PYTHONHASHSEED=0 /usr/bin/python3 -S -B python.py
}

main "$@"
