# SPDX-License-Identifier: GPL-2.0-or-later
# Program: sqlite3 filling, indexing, updating and joining a database file
# Package: sqlite3
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need sqlite3
  cat >in.sql <<SQL
PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;
CREATE TABLE bird(id INTEGER PRIMARY KEY, name TEXT, weight INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $(pick 150000 1600000))
INSERT INTO bird SELECT i, 'bird-' || (i * 7919 % 100003), i * 31 % 997, hex(zeroblob(i % 60)) FROM n;
CREATE INDEX by_weight ON bird(weight, name);
UPDATE bird SET note = note || name WHERE weight % 5 = 0;
DELETE FROM bird WHERE weight % 11 = 3;
SELECT weight, count(*), sum(length(note)), min(name) FROM bird GROUP BY weight ORDER BY weight LIMIT 200;
SELECT count(*) FROM bird a JOIN bird b ON a.weight = b.weight AND a.id < b.id WHERE a.weight < 5;
PRAGMA integrity_check;
SQL
  ;;
run) exec sqlite3 -init /dev/null -batch data.db ".read in.sql" ;;
esac
