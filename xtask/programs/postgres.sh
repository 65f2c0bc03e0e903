# A server that forks a process for each of its clients, under pgbench; sorts, hashes, and an orderly end.
set -euo pipefail
data=$(mktemp -d /tmp/spandrel-postgres.XXXXXX)
trap 'rm -rf "$data"' EXIT
# The server refuses to run as root.
as=()
if [ "$(id -u)" -eq 0 ]; then
    chown 65534:65534 "$data"
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
cd "$data"
"${as[@]}" initdb --pgdata=data --username=postgres --auth=trust --no-sync --locale=C --encoding=UTF8 > initdb.log
"${as[@]}" postgres -D data -k "$data" -c listen_addresses= -c fsync=off -c jit=off \
    -c max_parallel_workers_per_gather=2 > server.log 2>&1 &
server=$!
export PGHOST=$data PGUSER=postgres PGDATABASE=postgres
for _ in $(seq 300); do
    if pg_isready --quiet; then
        break
    fi
    sleep 0.1
done
pgbench --initialize --scale=3 --quiet 2> /dev/null
for protocol in simple prepared; do
    pgbench --client=8 --jobs=2 --transactions=1500 --random-seed=7 --protocol=$protocol 2> /dev/null |
        grep -E 'transactions (actually processed)|failed'
done
psql --no-psqlrc --quiet --tuples-only --no-align <<'SQL'
SELECT count(*), sum(abalance) = (SELECT sum(bbalance) FROM pgbench_branches),
    sum(abalance) = (SELECT sum(tbalance) FROM pgbench_tellers) FROM pgbench_accounts;
SELECT count(*), sum(abalance) FROM pgbench_accounts;
CREATE TABLE item AS SELECT i, md5(i::text) AS name, i * 7919 % 997 AS kind FROM generate_series(1, 300000) AS i;
SELECT kind, count(*), max(name) FROM item GROUP BY kind ORDER BY 3 LIMIT 5;
SELECT md5(string_agg(name, ',' ORDER BY name)) FROM item;
SELECT count(*) FROM item a JOIN item b ON a.name = b.name;
SELECT md5(jsonb_agg(item ORDER BY i)::text) FROM item WHERE i < 20000;
SELECT count(*) FROM (SELECT regexp_matches(name, '[0-9]{6}') FROM item) AS found;
SQL
kill -INT "$server"
code=0
wait "$server" || code=$?
echo "the server ended with $code"
if grep -E 'PANIC|terminated by signal|out of memory' server.log; then
    cat server.log
fi
exit "$code"
