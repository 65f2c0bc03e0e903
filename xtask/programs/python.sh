# Objects, strings, JSON, threads and forks of python, each object allocated by malloc.
set -euo pipefail
export PYTHONMALLOC=malloc
python3 "$PROGRAMS/objects.py"
