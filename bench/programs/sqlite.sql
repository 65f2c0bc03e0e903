-- A few hundred thousand rows in memory; every figure is the same each time.
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer SELECT i, printf('customer %x', i * 7919 % 100003), 'city ' || (i * 104729 % 211) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250000)
INSERT INTO purchase
SELECT i, 1 + i * 15485863 % 20000, i * 32452843 % 99991, hex(i * 31) || printf('%.*c', i % 50, 'x') FROM n;
CREATE INDEX purchase_customer ON purchase (customer, cents);
CREATE INDEX purchase_note ON purchase (note);
SELECT count(*), sum(cents), sum(length(note)) FROM purchase;
SELECT city, count(*), sum(cents), max(note) FROM customer JOIN purchase ON customer.id = customer
GROUP BY city ORDER BY 3 DESC, 1 LIMIT 5;
SELECT name, group_concat(cents, ' ') FROM customer JOIN purchase ON customer.id = customer
WHERE customer.id % 4001 = 0 GROUP BY customer.id ORDER BY name;
UPDATE purchase SET note = lower(note) || cents WHERE cents % 3 = 0;
DELETE FROM purchase WHERE id % 7 = 0;
SELECT count(*), sum(length(note)), count(DISTINCT substr(note, 1, 4)) FROM purchase;
CREATE TABLE document (body TEXT);
INSERT INTO document
SELECT json_object('id', id, 'cents', cents, 'tags', json_array(note, customer, cents % 13))
FROM purchase WHERE id <= 60000;
SELECT json_extract(body, '$.tags[2]') AS tag, count(*), sum(json_extract(body, '$.cents'))
FROM document GROUP BY tag ORDER BY tag LIMIT 5;
CREATE VIRTUAL TABLE words USING fts5(text);
INSERT INTO words
SELECT printf('word%d word%d %s %s', id % 997, id % 89, note, customer) FROM purchase WHERE id <= 40000;
SELECT count(*) FROM words WHERE words MATCH 'word5 AND word17';
SELECT count(*) FROM words WHERE words MATCH 'word1*';
SELECT length(group_concat(note, ',')) FROM purchase;
PRAGMA integrity_check;
