# Half a million rows in memory, with indexes, queries, updates and deletions.
set -euo pipefail
sqlite3 :memory: <<'SQL'
CREATE TABLE item (id INTEGER PRIMARY KEY, kind TEXT, value INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)
INSERT INTO item SELECT i, 'kind ' || (i * 7919 % 997), i * 104729 % 1000003, hex(i * 31) || printf('%.*c', i % 60, 'x') FROM n;
CREATE INDEX item_kind ON item (kind, value);
SELECT count(*), sum(value), sum(length(note)) FROM item;
SELECT kind, count(*), max(value) FROM item GROUP BY kind ORDER BY 3 DESC, 1 LIMIT 5;
UPDATE item SET note = upper(note) || kind WHERE value % 3 = 0;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(*), sum(length(note)) FROM item;
SELECT a.kind, count(*) FROM item a JOIN item b ON a.value = b.id WHERE b.kind < 'kind 2' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;
SELECT length(group_concat(note, ',')) FROM item;
PRAGMA integrity_check;
SQL
