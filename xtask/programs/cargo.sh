# Cargo and rustc on this workspace; the command that comes out must be the same to the byte.
set -euo pipefail
export CARGO_TARGET_DIR=$PWD/target CARGO_INCREMENTAL=0
cd "$ROOT"
# Jobs end in any order, and the last line tells the time.
cargo build --workspace --locked 2> "$CARGO_TARGET_DIR.log" || code=$?
grep -v Blocking "$CARGO_TARGET_DIR.log" | sed -E 's/ in [0-9.hms ]+$//' | sort >&2
if [ "${code:-0}" -eq 0 ]; then
    (cd "$CARGO_TARGET_DIR/debug" && sha256sum spandrel libspandrel_preload.so)
fi
exit "${code:-0}"
