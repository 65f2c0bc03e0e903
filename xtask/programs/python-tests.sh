# Python's own tests of what allocates, runs threads and makes processes.
set -euo pipefail
export PYTHONMALLOC=malloc
python=
for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import test.test_json, test._test_multiprocessing' 2> /dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "the test package of python3" >&2
    exit 77
fi

# Prints the verdict of a run of tests: times and the order of warnings differ between any two runs,
# verdicts and counts must not. All of the output when it fails.
verdict() {
    local code=0
    "$@" > log 2>&1 || code=$?
    grep -E '^(Result|Tests result|All [0-9]+ tests|[0-9]+ tests? |Ran |OK|FAILED)|failed|altered' log |
        sed -E 's/^[0-9:]+ (load avg: [0-9.]+ )?//; s/ \([0-9.]+ (sec|min|s)[^)]*\)//; s/ in [0-9.]+.*//' || true
    if [ "$code" -ne 0 ]; then
        cat log
    fi
    return "$code"
}
# Its tests of SIGINT need that it is not ignored, as it is in what a script has started in the background.
python=(env --default-signal=INT "$python")
# What a site's startup files import is not our concern: -i leaves out the test that looks for it.
verdict "${python[@]}" -m test -i test_import_from_another_thread \
    test_json test_dict test_list test_set test_re test_threading test_subprocess
verdict "${python[@]}" "$PROGRAMS/forks.py"
