#!/usr/bin/env bash
# The C++ compiler on templates. The allocator is loaded into cc1plus and the assembler too.
source "$(dirname "$0")/frame.bash"

needs=('g++ g++' 'sha256sum coreutils')

inputs() {
    cp "$here/gxx.cpp" .
}

workload() {
    measured g++ -std=c++17 -O1 -frandom-seed=1 -c -o "gxx.$$.o" gxx.cpp
    sha256sum < "gxx.$$.o"
    rm "gxx.$$.o"
}

main "$@"
