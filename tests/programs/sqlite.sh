#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# sqlite.sh DIR: a table of 20,000 rows, an index, a join, a recursive query, a vacuum.
set -eu
sqlite3 "$1/test.db" >"$1/out" <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT, n INTEGER);
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000)
	INSERT INTO t SELECT x, hex(randomblob(20)), x * 7919 % 1000 FROM c;
CREATE INDEX i ON t (n, word);
SELECT count(*) FROM t AS a JOIN t AS b ON a.n = b.n WHERE a.id < 500;
DELETE FROM t WHERE n < 500;
VACUUM;
SELECT 'rows', count(*) FROM t;
SQL
grep -q '^rows|10000$' "$1/out"
