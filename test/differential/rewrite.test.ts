import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { filter, open, rewriteDatabaseName, rewriteOwner, rewriteSchema, toSql } from '../../src/index.ts'
import type { ArchiveView, UndecidedReference } from '../../src/index.ts'
import { servers, withoutServers, type Server } from '../helpers/servers.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-rewrite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const id = (name: string): string => `"${name.replaceAll('"', '""')}"`
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Roles of a database: names that sort alike before and after, so that dumps keep their order. */
const roles = {
  boss: ['pgdmp_rw1_boss', 'pgdmp_rw1 "Chief"'],
  writer: ['pgdmp_rw2 Ünï\'c "q" \\ \n x', 'pgdmp_rw2_writer'],
  reader: ['pgdmp_rw3_reader', 'pgdmp_rw3 Lés\'er \\ "'],
} as const
const oldRole = { boss: id(roles.boss[0]), writer: id(roles.writer[0]), reader: id(roles.reader[0]) }
const newRoles = new Map<string, string>(Object.values(roles))
const oldRoles = new Map<string, string>(Object.values(roles).map(([before, after]) => [after, before]))

/** Every kind of object and setting that names a role. */
function roleScript(major: number, database: string): string {
  const { boss, writer, reader } = oldRole
  return `
ALTER DATABASE ${database} OWNER TO ${boss};
GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${reader} WITH GRANT OPTION;
ALTER DATABASE ${database} SET work_mem TO '5MB';
ALTER ROLE ${writer} IN DATABASE ${database} SET search_path TO one, public;
ALTER ROLE ${reader} IN DATABASE ${database} SET role TO ${literal(roles.writer[0])};
CREATE SCHEMA one AUTHORIZATION ${writer};
CREATE SCHEMA pgdmp_rw1_boss AUTHORIZATION ${boss};
GRANT USAGE ON SCHEMA one TO ${boss} WITH GRANT OPTION;
SET ROLE ${boss};
GRANT USAGE ON SCHEMA one TO ${reader};
RESET ROLE;
CREATE TABLE one.t (id serial PRIMARY KEY, pgdmp_rw1_boss text, made_by oid DEFAULT ${literal(roles.boss[0])}::text::regrole);
ALTER TABLE one.t OWNER TO ${writer};
GRANT SELECT(id), UPDATE(pgdmp_rw1_boss) ON one.t TO ${reader};
GRANT SELECT ON one.t TO ${boss} WITH GRANT OPTION;
SET ROLE ${boss};
GRANT SELECT ON one.t TO ${reader}, PUBLIC;
RESET ROLE;
REVOKE DELETE ON one.t FROM ${writer};
INSERT INTO one.t (pgdmp_rw1_boss) SELECT 'pgdmp_rw1_boss ' || n FROM generate_series(1, 20) n;
CREATE TABLE pgdmp_rw1_boss.pgdmp_rw1_boss (pgdmp_rw1_boss int);
ALTER TABLE pgdmp_rw1_boss.pgdmp_rw1_boss OWNER TO ${boss};
ALTER TABLE one.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pgdmp_rw3_reader ON one.t FOR SELECT TO ${reader}, ${boss} USING (pgdmp_rw1_boss IS NOT NULL);
CREATE POLICY everybody ON one.t TO PUBLIC USING (true);
CREATE POLICY self ON one.t FOR UPDATE TO CURRENT_USER USING (true);
COMMENT ON POLICY everybody ON one.t IS 'pgdmp_rw1_boss';
CREATE FUNCTION one.f() RETURNS int LANGUAGE sql SECURITY DEFINER SET role TO ${literal(roles.reader[0])} AS 'SELECT 1';
ALTER FUNCTION one.f() OWNER TO ${writer};
REVOKE ALL ON FUNCTION one.f() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION one.f() TO ${reader};
CREATE FUNCTION one.mentions() RETURNS void LANGUAGE plpgsql AS $x$ BEGIN EXECUTE 'SET ROLE pgdmp_rw1_boss'; END $x$;
CREATE VIEW one.v AS SELECT pg_has_role('pgdmp_rw3_reader', 'member') AS member;
ALTER VIEW one.v OWNER TO ${writer};
CREATE PROCEDURE one.p(x int) LANGUAGE sql AS 'SELECT 1';
ALTER PROCEDURE one.p(int) OWNER TO ${boss};
CREATE AGGREGATE one.total(int) (SFUNC = int4pl, STYPE = int);
ALTER AGGREGATE one.total(int) OWNER TO ${reader};
CREATE TYPE one.mood AS ENUM ('pgdmp_rw1_boss', 'ok');
ALTER TYPE one.mood OWNER TO ${writer};
CREATE DOMAIN one.positive AS int CHECK (VALUE > 0);
ALTER DOMAIN one.positive OWNER TO ${reader};
CREATE COLLATION one.coll FROM "C";
ALTER COLLATION one.coll OWNER TO ${writer};
CREATE SEQUENCE one.loose;
ALTER SEQUENCE one.loose OWNER TO ${boss};
GRANT USAGE ON SEQUENCE one.loose TO ${reader};
CREATE STATISTICS one.st ON id, pgdmp_rw1_boss FROM one.t;
ALTER STATISTICS one.st OWNER TO ${writer};
CREATE TEXT SEARCH DICTIONARY one.d (TEMPLATE = simple);
ALTER TEXT SEARCH DICTIONARY one.d OWNER TO ${writer};
CREATE TEXT SEARCH CONFIGURATION one.c (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION one.c OWNER TO ${boss};
CREATE OPERATOR one.@+ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
ALTER OPERATOR one.@+ (int, int) OWNER TO ${writer};
CREATE OPERATOR FAMILY one.fam USING btree;
ALTER OPERATOR FAMILY one.fam USING btree OWNER TO ${writer};
CREATE FOREIGN DATA WRAPPER pgdmp_wrap;
ALTER FOREIGN DATA WRAPPER pgdmp_wrap OWNER TO ${boss};
GRANT USAGE ON FOREIGN DATA WRAPPER pgdmp_wrap TO ${writer};
CREATE SERVER "Far ""server""" FOREIGN DATA WRAPPER pgdmp_wrap OPTIONS (host 'pgdmp_rw1_boss');
ALTER SERVER "Far ""server""" OWNER TO ${writer};
CREATE USER MAPPING FOR ${reader} SERVER "Far ""server""" OPTIONS (far_user 'pgdmp_rw3_reader');
CREATE USER MAPPING FOR ${writer} SERVER "Far ""server""";
CREATE USER MAPPING FOR PUBLIC SERVER "Far ""server""";
CREATE FOREIGN TABLE one.ft (x int) SERVER "Far ""server""" OPTIONS (schema_name 'pgdmp_rw1_boss');
ALTER FOREIGN TABLE one.ft OWNER TO ${writer};
CREATE FUNCTION one.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER pgdmp_event ON ddl_command_end EXECUTE FUNCTION one.on_event();
ALTER EVENT TRIGGER pgdmp_event OWNER TO ${boss};
ALTER EVENT TRIGGER pgdmp_event DISABLE;
CREATE PUBLICATION pgdmp_pub FOR TABLE one.t;
ALTER PUBLICATION pgdmp_pub OWNER TO ${boss};
ALTER DEFAULT PRIVILEGES FOR ROLE ${writer} GRANT SELECT ON TABLES TO ${reader} WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE ${boss} IN SCHEMA one GRANT EXECUTE ON FUNCTIONS TO ${writer};
ALTER DEFAULT PRIVILEGES FOR ROLE ${boss} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE ${boss} REVOKE INSERT ON TABLES FROM ${boss};
SELECT lo_from_bytea(4711, 'pgdmp_rw1_boss');
ALTER LARGE OBJECT 4711 OWNER TO ${writer};
GRANT SELECT ON LARGE OBJECT 4711 TO ${reader};
${major >= 14 ? `CREATE FUNCTION one.body(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT x + 1; END;\nALTER FUNCTION one.body(int) OWNER TO ${writer};` : ''}
${major >= 15 ? `CREATE PUBLICATION pgdmp_pub2 FOR TABLES IN SCHEMA one;\nALTER PUBLICATION pgdmp_pub2 OWNER TO ${boss};` : ''}
`
}

/** Every kind of object and setting that names a schema. */
function schemaScript(major: number, database: string): string {
  return `
CREATE SCHEMA app;
CREATE SCHEMA "Od""d S.ch";
CREATE SCHEMA keep;
COMMENT ON SCHEMA app IS 'app.t is the one';
GRANT USAGE ON SCHEMA app TO PUBLIC;
ALTER DATABASE ${database} SET search_path TO app, "Od""d S.ch", "$user", public;
CREATE TYPE app.mood AS ENUM ('app', 'ok');
CREATE TYPE app.pair AS (app int, b app.mood);
CREATE DOMAIN app.small AS int DEFAULT 1 CHECK (VALUE < 100);
CREATE FUNCTION app.check_it(x int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE FUNCTION app.takes(m app.mood, "Od""d S.ch" app.pair DEFAULT NULL) RETURNS SETOF app.pair LANGUAGE sql SET search_path TO app, pg_temp AS 'SELECT NULL::pair';
COMMENT ON FUNCTION app.takes(app.mood, app.pair) IS 'takes';
REVOKE ALL ON FUNCTION app.takes(app.mood, app.pair) FROM PUBLIC;
CREATE TABLE app.app (id serial PRIMARY KEY, app app.mood DEFAULT 'app', n app.small CHECK (app.check_it(n)), whole app.pair);
CREATE TABLE keep.rows (x int CHECK (x > 0));
CREATE TABLE "Od""d S.ch".app (x int, s int DEFAULT nextval('app.app_id_seq'::text), CONSTRAINT whole_row CHECK (app.* IS NOT NULL));
COMMENT ON COLUMN app.app.app IS 'column';
CREATE TABLE "Od""d S.ch"."T 1" (id int REFERENCES app.app, kind regclass DEFAULT 'app.app'::regclass, g int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE keep.app (x int, y int DEFAULT nextval('app.app_id_seq'));
CREATE TABLE app.parted (x int) PARTITION BY RANGE (x);
CREATE TABLE "Od""d S.ch".part1 PARTITION OF app.parted FOR VALUES FROM (1) TO (10);
CREATE TABLE app.child (z int) INHERITS (app.app);
INSERT INTO app.app (app, n) SELECT 'ok', n FROM generate_series(1, 10) n;
INSERT INTO "Od""d S.ch"."T 1" (id, kind) SELECT n, 'pg_class' FROM generate_series(1, 10) n;
INSERT INTO app.parted SELECT n FROM generate_series(1, 9) n;
CREATE INDEX ON app.app ((app.check_it(id)));
CREATE VIEW app.v AS SELECT app.id, app.app, (app.whole).b, o.kind FROM app.app JOIN "Od""d S.ch"."T 1" o ON o.id = app.id, keep.app k WHERE app.check_it(app.id) AND app.app IN (SELECT m.b FROM app.takes('ok'::app.mood) m);
CREATE VIEW app.v2 AS WITH app AS (SELECT 1 AS x) SELECT app.x, app.check_it(app.x) AS c, k.y FROM app, keep.app k;
CREATE VIEW keep.v3 AS SELECT t.id, "Od""d S.ch".id AS id2 FROM app.app t, "Od""d S.ch"."T 1" "Od""d S.ch";
CREATE MATERIALIZED VIEW app.mv AS SELECT id, app FROM app.v;
CREATE UNIQUE INDEX mv_idx ON app.mv (id);
CREATE RULE r AS ON UPDATE TO app.v DO INSTEAD UPDATE app.app SET n = 1 WHERE app.id = old.id;
CREATE FUNCTION app.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER trg BEFORE UPDATE ON app.app FOR EACH ROW WHEN (old.app IS DISTINCT FROM new.app) EXECUTE FUNCTION app.trg('x');
ALTER TABLE app.app ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON app.app USING (EXISTS (SELECT FROM keep.app k WHERE k.x = app.id AND app.check_it(k.y)));
CREATE FUNCTION app.mentions() RETURNS int LANGUAGE plpgsql AS $x$ BEGIN RETURN (SELECT count(*) FROM app.app); END $x$;
CREATE TABLE keep.texts (x text DEFAULT 'app.app');
CREATE AGGREGATE app.agg(app.small) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION app.eq(app.pair, app.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR app.* (FUNCTION = app.eq, LEFTARG = app.pair, RIGHTARG = app.pair, COMMUTATOR = OPERATOR(app.*));
COMMENT ON OPERATOR app.* (app.pair, app.pair) IS 'operator';
CREATE VIEW keep.ops AS SELECT a.whole OPERATOR(app.*) b.whole AS x FROM app.app a, app.app b;
CREATE FUNCTION app.to_int(app.pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (app.pair AS int) WITH FUNCTION app.to_int(app.pair);
COMMENT ON CAST (app.pair AS int) IS 'cast';
CREATE COLLATION app.coll FROM "C";
CREATE TABLE keep.coll (x text COLLATE app.coll);
CREATE STATISTICS app.st ON id, n FROM app.app;
CREATE TEXT SEARCH DICTIONARY app.dict (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION app.conf (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION app.conf ALTER MAPPING FOR asciiword WITH app.dict;
CREATE INDEX conf_idx ON keep.texts USING gin (to_tsvector('app.conf'::regconfig, x));
CREATE PUBLICATION pgdmp_pub FOR TABLE app.app, "Od""d S.ch"."T 1";
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
CREATE EXTENSION hstore SCHEMA app;
CREATE TABLE keep.h (h app.hstore DEFAULT ''::app.hstore);
${
  major >= 14
    ? `CREATE FUNCTION app.body(app int) RETURNS bool LANGUAGE sql BEGIN ATOMIC SELECT app.check_it(body.app) FROM keep.app t WHERE t.x = body.app; END;
CREATE FUNCTION app.ret(x int) RETURNS app.mood LANGUAGE sql RETURN 'ok'::app.mood;`
    : ''
}
${major >= 15 ? 'CREATE PUBLICATION pgdmp_pub2 FOR TABLES IN SCHEMA app, "Od""d S.ch";' : ''}
ANALYZE;
`
}

function runScript(server: Server, database: string, script: string): void {
  const file = join(folder, `${database}-${server.major}.sql`)
  writeFileSync(file, script)
  execFileSync(
    server.psql,
    ['-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', server.database(database), '-f', file],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PGOPTIONS: '--client-min-messages=error', PGCLIENTENCODING: 'UTF8' },
    },
  )
}

function dump(server: Server, database: string, name: string, options: readonly string[] = []): string {
  const file = join(folder, `${name}-${server.major}.dump`)
  const statistics = server.major >= 18 ? ['--statistics'] : []
  execFileSync(server.pgDump, ['-Fc', ...statistics, ...options, '-f', file, server.database(database)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return file
}

const drop = (database: string): string => `DROP DATABASE IF EXISTS ${database}`
const dropRoles = (names: Iterable<string>): string[] => [...names].map((name) => `DROP ROLE IF EXISTS ${id(name)}`)
const createRoles = (names: Iterable<string>): string[] => [...names].map((name) => `CREATE ROLE ${id(name)} SUPERUSER`)

const script = async (view: ArchiveView, { version }: Server): Promise<string> => {
  const options = { compat: version, restrictKey: false } as const
  const bytes = await toSql(filter(view, { create: true }, options), options).bytes({ maxBytes: Infinity })
  // a constant with a backslash in it may be written in two ways
  return Buffer.from(bytes)
    .toString()
    .replace(/\bE'((?:[^'\\]|''|\\\\)*)'/g, (_, inner: string) => `'${inner.replaceAll('\\\\', '\\')}'`)
}

/** References by entry and reason. */
const reported = (references: readonly UndecidedReference[]): string[] =>
  references.map(({ desc, tag, reason, name }) => `${desc} ${tag}: ${reason} ${name}`)

test('there are servers', ({ skip }) => {
  if (servers.length === 0) skip(withoutServers)
})

describe.each(servers)('server $major', (server) => {
  test('rewriteOwner() restores where only the new roles exist', async () => {
    const [before, after] = ['pgdmp_rewrite_before', 'pgdmp_rewrite_after']
    const cleanUp = (): void => {
      server.ask([drop(before), drop(after), ...dropRoles([...newRoles.keys(), ...newRoles.values()])])
    }
    cleanUp()
    try {
      server.ask([...createRoles(newRoles.keys()), `CREATE DATABASE ${before} TEMPLATE template0`])
      runScript(server, before, roleScript(server.major, before))
      const file = dump(server, before, 'owners')
      server.ask([drop(before), ...dropRoles(newRoles.keys()), ...createRoles(newRoles.values())])

      await using archive = await open(file)
      const moved = rewriteOwner(rewriteDatabaseName(archive, after), newRoles)
      runScript(server, 'postgres', await script(moved, server))
      expect(reported(moved.undecided())).toEqual([
        'FUNCTION mentions(): function-body pgdmp_rw1_boss',
        'VIEW v: string pgdmp_rw3_reader',
      ])
      expect(moved.unusedNames()).toEqual([])

      await using restored = await open(dump(server, after, 'owners-after'))
      const owners = new Set(restored.toc.map(({ owner }) => owner ?? ''))
      expect([...newRoles.keys()].filter((name) => owners.has(name))).toEqual([])
      const back = rewriteOwner(rewriteDatabaseName(restored, before), oldRoles)
      expect(await script(back, server)).toBe(await script(archive, server))
    } finally {
      cleanUp()
    }
  })

  test.each([
    [[]],
    [['--inserts']],
    [['--column-inserts', '--rows-per-insert=4', '--on-conflict-do-nothing', '--load-via-partition-root']],
  ])('rewriteSchema() restores under the new names a dump with %j', async (options) => {
    const [before, after] = ['pgdmp_rewrite_schema', 'pgdmp_rewrite_schema_after']
    const cleanUp = (): void => {
      server.ask([drop(before), drop(after)])
    }
    cleanUp()
    try {
      server.ask([`CREATE DATABASE ${before} TEMPLATE template0`])
      runScript(server, before, schemaScript(server.major, before))
      const file = dump(server, before, 'schemas', options)
      server.ask([drop(before)])

      await using archive = await open(file)
      // sorted as the old ones are
      const names = new Map([
        ['Od"d S.ch', 'P lain\n\\'],
        ['app', "b'c"],
      ])
      const moved = rewriteSchema(rewriteDatabaseName(archive, after), names)
      runScript(server, 'postgres', await script(moved, server))
      expect(reported(moved.undecided())).toEqual([
        'FUNCTION mentions(): function-body app',
        'TABLE T 1: rows null',
        'TABLE texts: string app',
      ])
      expect(moved.unusedNames()).toEqual([])

      await using restored = await open(dump(server, after, 'schemas-after', options))
      const schemas = new Set(restored.toc.map(({ namespace }) => namespace ?? ''))
      expect([...names.keys()].filter((name) => schemas.has(name))).toEqual([])
      const back = new Map([...names].map(([name, next]) => [next, name]))
      const same = rewriteSchema(rewriteDatabaseName(restored, before), back)
      expect(await script(same, server)).toBe(await script(archive, server))
    } finally {
      cleanUp()
    }
  })
})
