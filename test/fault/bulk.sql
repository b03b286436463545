-- Beside test/postgres/rich.sql: enough rows that a restore takes a while, without keys where a row could be there twice.
CREATE SCHEMA bulk;
CREATE TABLE bulk.a (id int, t text);
INSERT INTO bulk.a SELECT g, md5(g::text) FROM generate_series(1, 60000) g;
CREATE TABLE bulk.b (id int, t text);
INSERT INTO bulk.b SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, 20000) g;
CREATE TABLE bulk.c AS SELECT * FROM bulk.a WHERE id < 20000;
ALTER TABLE bulk.a ADD PRIMARY KEY (id);
CREATE INDEX ON bulk.b (t);
CREATE INDEX ON bulk.c (t, id);
ALTER TABLE bulk.c ADD FOREIGN KEY (id) REFERENCES bulk.a;
CREATE MATERIALIZED VIEW bulk.m AS SELECT id % 100 AS k, count(*) FROM bulk.a GROUP BY 1;
SELECT lo_from_bytea(90000 + g, convert_to(repeat(md5(g::text), 300), 'UTF8')) FROM generate_series(1, 60) g;
