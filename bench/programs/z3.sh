#!/usr/bin/env bash
# A solver: bit vectors, integers, quantifiers.
source "$(dirname "$0")/frame.bash"

needs=('z3 z3' 'awk mawk')

inputs() {
    awk -f "$here/z3.awk" > z3.smt2
}

workload() {
    measured z3 z3.smt2
}

main "$@"
