# What the programs here have in common. NAME.sh sources this file first, then defines
#   needs       "COMMAND PACKAGE" for each program that must be there, and its Debian package
#   inputs      writes the inputs into the current folder; $here is where the scripts lie
#   workload    runs the program by `measured PROGRAM ARGUMENT..` and prints what must always be the same
# and ends with `main "$@"`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
row=$(basename "$0" .sh)

# Runs the measured program, and nothing else, with the allocator in PRELOAD; without one when that is empty.
measured() {
    env LD_PRELOAD="${PRELOAD-}" "$@"
}

check() {
    local need
    for need in "${needs[@]}"; do
        if ! command -v "${need% *}" > /dev/null; then
            echo "${need% *} is missing: install the Debian package ${need#* }"
            exit 1
        fi
    done
}

prepare() {
    mkdir -p "$1"
    cd "$1"
    inputs
    PRELOAD='' workload > expected
}

# The loader goes on without a library that it cannot load, and says so on stderr: that is a failure here.
run() {
    cd "$1"
    said=said.$$ complaints=complaints.$$
    trap 'rm -f "$said" "$complaints"' EXIT
    workload > "$said" 2> "$complaints" || fail "the program failed: $(tail -n 3 "$complaints")"
    if grep -q 'cannot be preloaded' "$complaints"; then fail "$(head -n 1 "$complaints")"; fi
    cmp -s "$said" expected || fail "wrong result: $(diff expected "$said" | head -n 4)"
}

fail() {
    echo "$row: $1" >&2
    exit 1
}

main() {
    case "${1-} $#" in
        'check 1') check ;;
        'prepare 2') prepare "$2" ;;
        'run 2') run "$2" ;;
        *)
            echo "usage: $0 check | prepare DIR | run DIR" >&2
            exit 2
            ;;
    esac
}
