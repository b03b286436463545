-- A database whose objects need each other in as many ways as there are, for tests that restore parts of it.
-- Run it with psql in an empty database of PostgreSQL 13 or newer. The role pgdmp_rich must exist.
\set ON_ERROR_STOP on
SET client_min_messages = error;
SELECT current_setting('server_version_num')::int >= 140000 AS v14,
       current_setting('server_version_num')::int >= 150000 AS v15,
       current_setting('server_version_num')::int >= 170000 AS v17,
       current_setting('server_version_num')::int >= 180000 AS v18 \gset

CREATE SCHEMA base;
CREATE SCHEMA app;
CREATE SCHEMA "Odd ""s""";
CREATE SCHEMA ext;
COMMENT ON SCHEMA app IS 'the application';
GRANT USAGE ON SCHEMA app TO pgdmp_rich;
CREATE EXTENSION citext WITH SCHEMA ext;
CREATE EXTENSION btree_gist WITH SCHEMA ext;

-- types: enum, composite, domain over function, range, base type
CREATE TYPE base.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE base.pair AS (a int, m base.mood);
CREATE FUNCTION base.is_even(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
CREATE DOMAIN base.even AS int CONSTRAINT even CHECK (base.is_even(VALUE));
ALTER DOMAIN base.even ADD CONSTRAINT small CHECK (VALUE < 1000000) NOT VALID;
\if :v15
-- pg_dump 13 puts it before the constraint
COMMENT ON CONSTRAINT small ON DOMAIN base.even IS 'not too large';
\endif
CREATE DOMAIN app.pairs AS base.pair[];
CREATE TYPE base.num;
CREATE FUNCTION base.num_in(cstring) RETURNS base.num LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
CREATE FUNCTION base.num_out(base.num) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
CREATE TYPE base.num (INPUT = base.num_in, OUTPUT = base.num_out, LIKE = int4);
CREATE CAST (base.num AS int) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (int AS base.num) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION base.num_lt(base.num, base.num) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'int4lt';
CREATE FUNCTION base.num_le(base.num, base.num) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'int4le';
CREATE FUNCTION base.num_eq(base.num, base.num) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'int4eq';
CREATE FUNCTION base.num_ge(base.num, base.num) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'int4ge';
CREATE FUNCTION base.num_gt(base.num, base.num) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'int4gt';
CREATE FUNCTION base.num_cmp(base.num, base.num) RETURNS int LANGUAGE internal STRICT IMMUTABLE AS 'btint4cmp';
CREATE OPERATOR base.< (LEFTARG = base.num, RIGHTARG = base.num, FUNCTION = base.num_lt, COMMUTATOR = OPERATOR(base.>));
CREATE OPERATOR base.<= (LEFTARG = base.num, RIGHTARG = base.num, FUNCTION = base.num_le, COMMUTATOR = OPERATOR(base.>=));
CREATE OPERATOR base.= (LEFTARG = base.num, RIGHTARG = base.num, FUNCTION = base.num_eq, COMMUTATOR = OPERATOR(base.=), MERGES);
CREATE OPERATOR base.>= (LEFTARG = base.num, RIGHTARG = base.num, FUNCTION = base.num_ge, COMMUTATOR = OPERATOR(base.<=));
CREATE OPERATOR base.> (LEFTARG = base.num, RIGHTARG = base.num, FUNCTION = base.num_gt, COMMUTATOR = OPERATOR(base.<));
CREATE OPERATOR CLASS base.num_ops DEFAULT FOR TYPE base.num USING btree AS
  OPERATOR 1 base.<, OPERATOR 2 base.<=, OPERATOR 3 base.=, OPERATOR 4 base.>=, OPERATOR 5 base.>,
  FUNCTION 1 base.num_cmp(base.num, base.num);
CREATE FUNCTION base.num_add(base.num, base.num) RETURNS base.num LANGUAGE internal STRICT IMMUTABLE AS 'int4pl';
CREATE AGGREGATE base.sum(base.num) (SFUNC = base.num_add, STYPE = base.num, INITCOND = '0');
CREATE FUNCTION base.span_diff(base.num, base.num) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT ($1::int - $2::int)::float8';
CREATE TYPE base.span AS RANGE (SUBTYPE = base.num, SUBTYPE_OPCLASS = base.num_ops, SUBTYPE_DIFF = base.span_diff);
CREATE FUNCTION base.text_of(base.pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.a || '':'' || $1.m';
CREATE CAST (base.pair AS text) WITH FUNCTION base.text_of(base.pair) AS ASSIGNMENT;
CREATE COLLATION base.plain (LOCALE = 'C');
CREATE TEXT SEARCH DICTIONARY base.dict (TEMPLATE = simple, Accept = 'false');
CREATE TEXT SEARCH CONFIGURATION base.search (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION base.search ADD MAPPING FOR asciiword WITH base.dict, simple;
CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler;

-- functions that others use
CREATE SEQUENCE base.shared_seq;
CREATE FUNCTION base.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION app.code(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'c' || $1$$;
CREATE FUNCTION app.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER rich_ddl ON ddl_command_start EXECUTE FUNCTION app.on_ddl();

-- tables
CREATE TABLE base.countries (code char(2) PRIMARY KEY, name text COLLATE base.plain NOT NULL UNIQUE);
INSERT INTO base.countries VALUES ('at', 'Austria'), ('nz', 'New Zealand');
CREATE TABLE app.customers (
  id serial PRIMARY KEY,
  country char(2) REFERENCES base.countries,
  mail ext.citext UNIQUE,
  mood base.mood DEFAULT 'ok',
  pair base.pair DEFAULT ROW(1, 'sad')::base.pair,
  pairs app.pairs,
  size base.even DEFAULT 2,
  num base.num,
  span base.span,
  label text DEFAULT ROW(2, 'ok')::base.pair::text,
  code text GENERATED ALWAYS AS (app.code(4)) STORED,
  shared int DEFAULT nextval('base.shared_seq')
);
INSERT INTO app.customers (country, mail, pairs, num, span)
  SELECT (ARRAY['at', 'nz'])[1 + g % 2], 'c' || g || '@example.org', ARRAY[ROW(g, 'happy')::base.pair], g, base.span(g::base.num, (g + 5)::base.num) FROM generate_series(1, 9) g;
CREATE TABLE app.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer int NOT NULL REFERENCES app.customers,
  parent bigint REFERENCES app.orders,
  during tstzrange DEFAULT tstzrange(now(), NULL),
  note text,
  EXCLUDE USING gist (customer WITH =, during WITH &&) WHERE (id < 0)
);
INSERT INTO app.orders (customer, parent, note) SELECT 1 + g % 9, nullif(g - 1, 0), 'note ' || g FROM generate_series(1, 20) g;
ALTER TABLE app.orders ADD CONSTRAINT note_nv CHECK (note <> app.code(-1)) NOT VALID;
CREATE INDEX orders_code ON app.orders (app.code(customer), note COLLATE base.plain);
CREATE INDEX customers_num ON app.customers (num);
CREATE INDEX orders_search ON app.orders USING gin (to_tsvector('base.search', note));
CREATE STATISTICS app.orders_stats ON customer, note FROM app.orders;
CREATE TRIGGER touch BEFORE UPDATE ON app.orders FOR EACH ROW WHEN (NEW.id % 2 = 0) EXECUTE FUNCTION base.touch();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON app.orders FROM app.customers DEFERRABLE FOR EACH ROW EXECUTE FUNCTION base.touch();
CREATE TABLE app.log (at timestamptz, what text);
CREATE RULE log_deletes AS ON DELETE TO app.orders DO ALSO INSERT INTO app.log VALUES (now(), OLD.note);
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.orders TO pgdmp_rich USING (EXISTS (SELECT FROM app.customers c WHERE c.id = customer AND app.code(c.id) <> ''));
COMMENT ON TABLE app.orders IS 'orders';
COMMENT ON COLUMN app.orders.note IS 'a note';
COMMENT ON CONSTRAINT orders_customer_fkey ON app.orders IS 'who ordered';
COMMENT ON TRIGGER touch ON app.orders IS 'a trigger';
COMMENT ON POLICY own ON app.orders IS 'a policy';
COMMENT ON INDEX app.orders_code IS 'an index';
GRANT SELECT ON app.orders TO pgdmp_rich;
GRANT UPDATE (note) ON app.orders TO pgdmp_rich;
-- each refers to the other
CREATE TABLE app.chicken (id int PRIMARY KEY, egg int);
CREATE TABLE app.egg (id int PRIMARY KEY, chicken int REFERENCES app.chicken);
ALTER TABLE app.chicken ADD FOREIGN KEY (egg) REFERENCES app.egg DEFERRABLE INITIALLY DEFERRED;
BEGIN; INSERT INTO app.chicken VALUES (1, 1); INSERT INTO app.egg VALUES (1, 1); COMMIT;

-- partitions over schemas, referred to and referring
CREATE TABLE app.events (id int, day date, country char(2) REFERENCES base.countries, mood base.mood DEFAULT 'ok', PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (id);
CREATE TABLE "Odd ""s"""."events 2024 low" PARTITION OF app.events_2024 FOR VALUES FROM (MINVALUE) TO (15);
CREATE TABLE app.events_2024_rest PARTITION OF app.events_2024 DEFAULT;
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
CREATE INDEX events_mood ON app.events (mood, app.code(id));
CREATE TRIGGER touch BEFORE UPDATE ON app.events FOR EACH ROW EXECUTE FUNCTION base.touch();
ALTER TABLE app.events_rest DISABLE TRIGGER touch;
INSERT INTO app.events SELECT g, '2023-06-01'::date + g * 30, (ARRAY['at', 'nz'])[1 + g % 2] FROM generate_series(1, 30) g;
CREATE TABLE app.event_notes (event int, day date, FOREIGN KEY (event, day) REFERENCES app.events, by_code text, UNIQUE (event, day));
INSERT INTO app.event_notes SELECT id, day, app.code(id) FROM app.events WHERE id % 3 = 0;
CREATE TABLE app.by_num (n base.num, t text) PARTITION BY RANGE (n);
CREATE TABLE app.by_num_1 PARTITION OF app.by_num FOR VALUES FROM ('0') TO ('10');
INSERT INTO app.by_num VALUES ('3', 'three');

-- inheritance, typed tables, odd names, access methods
CREATE TABLE base.parent (id int DEFAULT nextval('base.shared_seq'), t text CHECK (t <> ''));
CREATE TABLE app.child (extra base.even) INHERITS (base.parent);
CREATE TABLE "Odd ""s"""."grand child" (more text DEFAULT app.code(7)) INHERITS (app.child);
INSERT INTO base.parent (t) VALUES ('p'); INSERT INTO app.child (t, extra) VALUES ('c', 4); INSERT INTO "Odd ""s"""."grand child" (t) VALUES ('g');
CREATE TABLE app.typed OF base.pair (a PRIMARY KEY);
INSERT INTO app.typed VALUES (1, 'ok');
CREATE TABLE app.rows_of (who app.customers, what app.orders[]);
CREATE TABLE app.am (a int) USING heap_too;
INSERT INTO app.am VALUES (1);
CREATE UNLOGGED TABLE "Odd ""s"""."tab ""le" ("c o l" int PRIMARY KEY, "ref" int REFERENCES "Odd ""s"""."tab ""le");
CREATE TABLE app.a (id int PRIMARY KEY);
CREATE TABLE app."a b" (id int PRIMARY KEY REFERENCES app.a);
CREATE RULE "b c" AS ON UPDATE TO app.a DO ALSO DELETE FROM app."a b" WHERE id = OLD.id;

-- views on views, a view that needs a primary key, views in cycles, materialized views
CREATE VIEW app.open_orders AS SELECT o.id, o.customer, c.mail, c.num FROM app.orders o JOIN app.customers c ON c.id = o.customer ORDER BY c.num;
CREATE VIEW base.totals AS SELECT customer, count(*) AS n, base.sum(num) AS total FROM app.open_orders GROUP BY customer;
CREATE VIEW app.by_key AS SELECT c.id, c.mail, count(*) AS n FROM app.customers c LEFT JOIN app.orders o ON o.customer = c.id GROUP BY c.id;
CREATE MATERIALIZED VIEW app.summary AS SELECT * FROM base.totals;
CREATE UNIQUE INDEX summary_customer ON app.summary (customer);
CREATE MATERIALIZED VIEW base.summary_of_summary AS SELECT count(*) AS n, max(total::int) AS most FROM app.summary;
CREATE MATERIALIZED VIEW app.keyed AS SELECT id, n FROM app.by_key;
CREATE MATERIALIZED VIEW app.empty AS SELECT 1 AS one WITH NO DATA;
CREATE VIEW app.writable AS SELECT id, note FROM app.orders WITH CHECK OPTION;
ALTER VIEW app.writable ALTER COLUMN note SET DEFAULT app.code(0);
CREATE TRIGGER instead INSTEAD OF DELETE ON app.writable FOR EACH ROW EXECUTE FUNCTION base.touch();
CREATE VIEW app.cycle AS SELECT 1 AS a, 'x'::text AS b;
CREATE FUNCTION app.cycle_fn(app.cycle) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1.a';
CREATE OR REPLACE VIEW app.cycle AS SELECT 1 AS a, 'x'::text AS b, app.cycle_fn(ROW(1, 'x')::app.cycle) AS c;
CREATE VIEW app.event_days AS SELECT day, count(*) AS n FROM app.events GROUP BY day;
CREATE MATERIALIZED VIEW app.event_moods AS SELECT mood, count(*) AS n FROM app.events GROUP BY mood;
CREATE VIEW app.distinct_nums AS SELECT DISTINCT num FROM app.customers;

-- foreign tables
CREATE FOREIGN DATA WRAPPER far_fdw OPTIONS (debug 'true');
CREATE SERVER far FOREIGN DATA WRAPPER far_fdw OPTIONS (host 'db.example.invalid', dbname 'far');
CREATE USER MAPPING FOR pgdmp_rich SERVER far OPTIONS (user 'far', password 'away');
CREATE FOREIGN TABLE app.far_away (id int DEFAULT 1, m base.mood) SERVER far OPTIONS (table_name 'away');
CREATE TABLE app.near_far (id int) PARTITION BY LIST (id);
CREATE TABLE app.near PARTITION OF app.near_far FOR VALUES IN (1);
CREATE FOREIGN TABLE app.far PARTITION OF app.near_far FOR VALUES IN (2) SERVER far;

CREATE PUBLICATION all_of_it FOR ALL TABLES;
CREATE PUBLICATION few FOR TABLE app.orders, base.countries, ONLY base.parent;
CREATE PUBLICATION rooted FOR TABLE app.events WITH (publish_via_partition_root);
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pgdmp_rich;

\if :v14
CREATE FUNCTION app.newest() RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT max(id) FROM app.orders);
CREATE FUNCTION app.keyed_fn() RETURNS SETOF int LANGUAGE sql STABLE BEGIN ATOMIC SELECT c.id FROM app.customers c GROUP BY c.id, c.mail; END;
CREATE TABLE app.uses_atomic (a bigint DEFAULT app.newest(), m int4multirange);
INSERT INTO app.uses_atomic (a) VALUES (1);
CREATE STATISTICS app.orders_expr ON (app.code(customer)), note FROM app.orders;
\endif
\if :v15
CREATE PUBLICATION filtered FOR TABLE app.customers (id, mail) WHERE (id > 3);
CREATE PUBLICATION whole FOR TABLES IN SCHEMA base;
CREATE TABLE app.set_null (a int, b int, FOREIGN KEY (b) REFERENCES app.a ON DELETE SET NULL (b));
CREATE VIEW app.invoker WITH (security_invoker) AS SELECT * FROM app.orders;
\endif
\if :v17
CREATE TABLE app.am_parted (a int, b bigint GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (a) USING heap_too;
CREATE TABLE app.am_parted_1 PARTITION OF app.am_parted FOR VALUES FROM (0) TO (100);
INSERT INTO app.am_parted VALUES (1), (2);
\endif
\if :v18
CREATE TABLE app.virtual (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c int);
ALTER TABLE app.virtual ADD CONSTRAINT c_there NOT NULL c NOT VALID;
SET search_path = ext;
CREATE TABLE app.temporal (id int, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
CREATE TABLE app.temporal_ref (id int, at daterange, ref int, FOREIGN KEY (ref, PERIOD at) REFERENCES app.temporal (id, PERIOD at));
INSERT INTO app.temporal VALUES (1, '[2024-01-01,2025-01-01)');
INSERT INTO app.temporal_ref VALUES (1, '[2024-02-01,2024-03-01)', 1);
RESET search_path;
\endif
SELECT format('REFRESH MATERIALIZED VIEW %s', oid::regclass) FROM pg_class WHERE relkind = 'm' AND relispopulated ORDER BY oid \gexec
ANALYZE app.orders, app.customers, app.events, app.summary;
