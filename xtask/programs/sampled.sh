# Programs of which every allocation is sampled.
set -euo pipefail
export SPANDREL=memprofilerate=1
for _ in $(seq 5); do
    python3 -c 'import json, email, http.client; print(len(json.dumps(list(range(10000)))))'
done
exec bash "$PROGRAMS/redis.sh"
