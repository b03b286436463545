-- 20,000 tables with primary key, index, comment and grant: a TOC of 120,000 entries.
SET client_min_messages = error;
DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgdmp_readers') THEN CREATE ROLE pgdmp_readers; END IF; END$$;
SELECT format('CREATE SCHEMA s%s', n) FROM generate_series(0, 9) n \gexec
SELECT format(
  'CREATE TABLE s%1$s.t_%2$s (id integer NOT NULL, name text DEFAULT ''n%2$s'', at timestamp, CONSTRAINT t_%2$s_pk PRIMARY KEY (id)); '
  'CREATE INDEX t_%2$s_idx ON s%1$s.t_%2$s (name, at); COMMENT ON TABLE s%1$s.t_%2$s IS ''table number %2$s''; '
  'GRANT SELECT ON s%1$s.t_%2$s TO pgdmp_readers;', n % 10, lpad(n::text, 5, '0'))
FROM generate_series(1, 20000) n \gexec
