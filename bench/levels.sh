#!/usr/bin/env bash
# What a level costs: rows with an option and without, in turns, and the ratio of their medians.
# levels.sh BINARY OPTIONS [RUNS [ROW..]], as in: levels.sh target/lto/contender-spandrel hardened=1 5
set -euo pipefail
binary=$1 options=$2 runs=${3:-5}
shift $(($# < 3 ? $# : 3))
rows=("$@")
[ "${#rows[@]}" -gt 0 ] || rows=(pair8 pair16 pair24 pair33 pair64 pair256 pair1024 pair8192 pair32768
    zeroed64 zeroed1024 varpair fifo lifo randfree churn10k grow vecpush format btreemap hashmap json
    handoff swap2t)

for _ in $(seq "$runs"); do
    for row in "${rows[@]}"; do
        for level in "" "$options"; do
            ns=$(SPANDREL=$level "$binary" "$row" | sed -E 's/.*"ns_min":([0-9.e+-]+).*/\1/')
            echo "$row ${level:-default} $ns"
        done
    done
done | sort -k1,1 -k2,2 -k3,3g | awk -v options="$options" '
    { count[$1 " " $2]++; value[$1 " " $2 " " count[$1 " " $2]] = $3; rows[$1] }
    function median(key) { return value[key " " int((count[key] + 1) / 2)] }
    END {
        for (row in rows) {
            base = median(row " default"); with = median(row " " options)
            printf "%-12s %10.2f %10.2f %6.2f\n", row, base, with, with / base
            sum += log(with / base); n++
        }
        printf "geometric mean of %d rows: %.2f\n", n, exp(sum / n)
    }' | sort
