# Tables in a file, in many small transactions, with a write-ahead log, searches of text and a full index.
set -euo pipefail
awk 'BEGIN {
    print "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v BLOB);"
    print "CREATE INDEX tk ON t (k);"
    for (i = 1; i <= 40000; i++) {
        if (i % 50 == 1) print "BEGIN;"
        print "INSERT INTO t VALUES (" i ", \047key " i * 7919 % 9973 "\047, zeroblob(" i % 700 "));"
        if (i % 5 == 0) print "UPDATE t SET v = hex(id) || k WHERE id = " i - 3 ";"
        if (i % 11 == 0) print "DELETE FROM t WHERE k = \047key " i % 9973 "\047;"
        if (i % 50 == 0) print "COMMIT;"
    }
    print "SELECT count(*), sum(length(v)) FROM t;"
    print "SELECT k, count(*) FROM t GROUP BY k HAVING count(*) > 3 ORDER BY 2 DESC, 1 LIMIT 5;"
    print "VACUUM; PRAGMA integrity_check; SELECT sum(length(k)) FROM t WHERE k LIKE \047%99%\047;"
}' | sqlite3 base.db
sqlite3 base.db .dump | sha256sum
