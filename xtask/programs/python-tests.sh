# Python's own tests of what allocates, runs threads and makes processes.
set -euo pipefail
export PYTHONMALLOC=malloc
python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import test.test_json' 2> /dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "the test package of python3" >&2
    exit 77
fi
tests=(test_json test_dict test_list test_set test_re test_threading test_subprocess)
# Python 3.12 made a package of the tests of multiprocessing.
if "$python" -c 'import test.test_multiprocessing_fork.test_misc' 2> /dev/null; then
    tests+=(test.test_multiprocessing_fork.test_processes test.test_multiprocessing_fork.test_misc)
else
    tests+=(test_multiprocessing_fork)
fi
# Times, loads and the order of warnings differ between any two runs; verdicts and counts must not.
"$python" -m test "${tests[@]}" > log 2>&1 || code=$?
grep -E '^(Result|Tests result|== Tests result|All [0-9]+ tests|[0-9]+ tests? )|failed|altered' log |
    sed -E 's/^[0-9:]+ (load avg: [0-9.]+ )?//; s/ \([0-9.]+ (sec|min|s)[^)]*\)//; s/ in [0-9.]+ .*//' || true
if [ "${code:-0}" -ne 0 ]; then
    cat log
fi
exit "${code:-0}"
