#!/usr/bin/env bash
# Tables in memory: rows, indexes, joins, groups, full text, JSON.
source "$(dirname "$0")/frame.bash"

needs=('sqlite3 sqlite3')

inputs() {
    cp "$here/sqlite.sql" .
}

workload() {
    measured sqlite3 -batch :memory: < sqlite.sql
}

main "$@"
