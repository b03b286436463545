-- About 400 MB of SQL: a narrow table of numbers (2,000,000 rows), one of words and JSON documents, a few small ones.
SELECT setseed(0.42);
CREATE TABLE accounts AS
  SELECT id, (id / 100000) AS branch, (random() * 1000000)::int - 500000 AS balance, repeat(' ', 84) AS filler
  FROM generate_series(1, 1600000) id;
ALTER TABLE accounts ADD PRIMARY KEY (id);
CREATE TABLE words AS
  SELECT id, substr(md5(random()::text), 1, 3 + (random() * 8)::int) AS word FROM generate_series(1, 6000) id;
CREATE FUNCTION sentence(words int) RETURNS text LANGUAGE sql VOLATILE AS
  $$SELECT string_agg(word, ' ') FROM words WHERE id IN (SELECT 1 + (power(random(), 3) * 5999)::int FROM generate_series(1, $1))$$;
CREATE TABLE sentences AS SELECT id, sentence(12 + (random() * 40)::int) AS text FROM generate_series(1, 20000) id;
CREATE TABLE docs AS
  SELECT pick.id, a.text AS title, b.text || E'\n' || c.text AS body,
         json_build_object('id', pick.id, 'town', left(a.text, 20), 'score', random(), 'tags', string_to_array(left(c.text, 60), ' ')) AS doc,
         timestamptz '2024-02-29 12:00+00' + random() * interval '1000 days' AS created
  FROM (SELECT id, 1 + (random() * 19999)::int AS a, 1 + (random() * 19999)::int AS b, 1 + (random() * 19999)::int AS c
        FROM generate_series(1, 320000) id) pick
  JOIN sentences a ON a.id = pick.a JOIN sentences b ON b.id = pick.b JOIN sentences c ON c.id = pick.c;
ALTER TABLE docs ADD PRIMARY KEY (id);
