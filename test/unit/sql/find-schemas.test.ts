import { describe, expect, it } from 'vitest'
import { findSchemas } from '../../../src/sql/find-schemas.ts'
import { renaming } from './rename.ts'

const run = renaming(findSchemas, { app: 'core', 'We"ird': 'Two Words', old: 'older' }, { qualifies: true })

/** A statement and what it becomes; where no second is given, it stays. */
const statements: readonly (readonly [rule: string, before: string, after?: string])[] = [
  ['the schema itself', 'CREATE SCHEMA app;', 'CREATE SCHEMA core;'],
  [
    'the schema of a role',
    'CREATE SCHEMA IF NOT EXISTS "We""ird" AUTHORIZATION app;',
    'CREATE SCHEMA IF NOT EXISTS "Two Words" AUTHORIZATION app;',
  ],
  ['its drop', 'DROP SCHEMA IF EXISTS app;', 'DROP SCHEMA IF EXISTS core;'],
  ['its comment', "COMMENT ON SCHEMA app IS 'app.t';", "COMMENT ON SCHEMA core IS 'app.t';"],
  ['its privileges', 'GRANT USAGE ON SCHEMA app TO app;', 'GRANT USAGE ON SCHEMA core TO app;'],
  [
    'default privileges',
    'ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app, other GRANT SELECT ON TABLES TO app;',
    'ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA core, other GRANT SELECT ON TABLES TO app;',
  ],
  ['publications', 'ALTER PUBLICATION p ADD TABLES IN SCHEMA app;', 'ALTER PUBLICATION p ADD TABLES IN SCHEMA core;'],
  [
    'extensions',
    'CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA app;',
    'CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA core;',
  ],
  [
    'tables, types, defaults, columns that are called like it',
    "CREATE TABLE app.app (\n    app app.app DEFAULT app.f('app.x'::app.app) NOT NULL,\n    schema app.t[],\n    CONSTRAINT app CHECK ((app > 0))\n)\nINHERITS (app.parent);",
    "CREATE TABLE core.app (\n    app core.app DEFAULT core.f('app.x'::core.app) NOT NULL,\n    schema core.t[],\n    CONSTRAINT app CHECK ((app > 0))\n)\nINHERITS (core.parent);",
  ],
  [
    'whole rows of a table',
    'ALTER TABLE app.app ADD CONSTRAINT c CHECK ((app.* IS NOT NULL));',
    'ALTER TABLE core.app ADD CONSTRAINT c CHECK ((app.* IS NOT NULL));',
  ],
  ['COPY', 'COPY app.app (app) FROM stdin;', 'COPY core.app (app) FROM stdin;'],
  ['columns', "COMMENT ON COLUMN app.t.c IS 'x';", "COMMENT ON COLUMN core.t.c IS 'x';"],
  ['columns of a table of that name in an old archive', "COMMENT ON COLUMN app.c IS 'x';"],
  ['owned sequences', 'ALTER SEQUENCE app.s OWNED BY app.t.c;', 'ALTER SEQUENCE core.s OWNED BY core.t.c;'],
  ['owned sequences of an old archive', 'ALTER SEQUENCE s OWNED BY app.c;'],
  [
    'operators',
    'CREATE OPERATOR app.* (\n    FUNCTION = app.f,\n    LEFTARG = app.t,\n    COMMUTATOR = OPERATOR(app.*)\n);',
    'CREATE OPERATOR core.* (\n    FUNCTION = core.f,\n    LEFTARG = core.t,\n    COMMUTATOR = OPERATOR(core.*)\n);',
  ],
  [
    'operator classes',
    'CREATE OPERATOR CLASS app.c\n    FOR TYPE app.t USING btree FAMILY app.fam AS\n    OPERATOR 1 app.*(app.t,app.t) ,\n    FUNCTION 1 (app.t, app.t) app.cmp(app.t,app.t);',
    'CREATE OPERATOR CLASS core.c\n    FOR TYPE core.t USING btree FAMILY core.fam AS\n    OPERATOR 1 core.*(core.t,core.t) ,\n    FUNCTION 1 (core.t, core.t) core.cmp(core.t,core.t);',
  ],
  ['sequence values', "SELECT pg_catalog.setval('app.s', 1, true);", "SELECT pg_catalog.setval('core.s', 1, true);"],
  [
    'defaults from sequences',
    `ALTER TABLE ONLY app.t ALTER COLUMN id SET DEFAULT nextval('"We""ird"."S''x"'::regclass);`,
    `ALTER TABLE ONLY core.t ALTER COLUMN id SET DEFAULT nextval('"Two Words"."S''x"'::regclass);`,
  ],
  [
    'constants of type regprocedure',
    "DEFAULT 'app.f(app.t, app)'::regprocedure",
    "DEFAULT 'core.f(core.t, app)'::regprocedure",
  ],
  [
    'constants of type regclass[]',
    `DEFAULT '{app.t,"\\"We\\"\\"ird\\".t",t}'::regclass[]`,
    `DEFAULT '{core.t,"\\"Two Words\\".t",t}'::regclass[]`,
  ],
  [
    'the default text search configuration',
    "ALTER DATABASE d SET default_text_search_config TO 'app.conf';",
    "ALTER DATABASE d SET default_text_search_config TO 'core.conf';",
  ],
  ['constants of type regnamespace', "DEFAULT 'app'::regnamespace", "DEFAULT 'core'::regnamespace"],
  [
    'the search path of an archive',
    'SELECT pg_catalog.set_config(\'search_path\', \'app, "We""ird", pg_catalog\', false);',
    "SELECT pg_catalog.set_config('search_path', 'core, \"Two Words\", pg_catalog', false);",
  ],
  ['the search path of a session', 'SET search_path = app, pg_catalog;', 'SET search_path = core, pg_catalog;'],
  [
    'the search path of a database',
    "ALTER DATABASE app SET search_path TO 'app', '$user', 'We\"ird';",
    "ALTER DATABASE app SET search_path TO 'core', '$user', 'Two Words';",
  ],
  [
    'the search path of a function',
    "CREATE FUNCTION app.f(app app.t) RETURNS SETOF app.t\n    LANGUAGE sql\n    SET search_path TO 'app'\n    AS $$select 1$$;",
    "CREATE FUNCTION core.f(app core.t) RETURNS SETOF core.t\n    LANGUAGE sql\n    SET search_path TO 'core'\n    AS $$select 1$$;",
  ],
  [
    'triggers',
    'CREATE TRIGGER t BEFORE UPDATE ON app.t FOR EACH ROW WHEN ((old.a IS DISTINCT FROM new.a)) EXECUTE FUNCTION app.f();',
    'CREATE TRIGGER t BEFORE UPDATE ON core.t FOR EACH ROW WHEN ((old.a IS DISTINCT FROM new.a)) EXECUTE FUNCTION core.f();',
  ],
  [
    'planner statistics',
    "SELECT * FROM pg_catalog.pg_restore_relation_stats(\n\t'version', '180000'::integer,\n\t'schemaname', 'app',\n\t'relname', 'app'\n);",
    "SELECT * FROM pg_catalog.pg_restore_relation_stats(\n\t'version', '180000'::integer,\n\t'schemaname', 'core',\n\t'relname', 'app'\n);",
  ],
  [
    'planner statistics of a table called schemaname',
    "SELECT * FROM pg_catalog.pg_restore_attribute_stats(\n\t'version', '180000'::integer,\n\t'schemaname', 'app',\n\t'relname', 'schemaname',\n\t'app', 'app'\n);",
    "SELECT * FROM pg_catalog.pg_restore_attribute_stats(\n\t'version', '180000'::integer,\n\t'schemaname', 'core',\n\t'relname', 'schemaname',\n\t'app', 'app'\n);",
  ],
  [
    'arguments of other functions',
    "CREATE VIEW app.v AS SELECT f('schemaname', 'app');",
    "CREATE VIEW core.v AS SELECT f('schemaname', 'app');",
  ],
  [
    'casts',
    'CREATE CAST (app.a AS app.b) WITH FUNCTION app.f(app.a);',
    'CREATE CAST (core.a AS core.b) WITH FUNCTION core.f(core.a);',
  ],
  [
    'views without tables of that name',
    'CREATE VIEW app.v AS\n SELECT t.app,\n    (t.x)::app.mood AS m\n   FROM app.t,\n    app.u;',
    'CREATE VIEW core.v AS\n SELECT t.app,\n    (t.x)::core.mood AS m\n   FROM core.t,\n    core.u;',
  ],
  [
    'SQL bodies',
    'CREATE FUNCTION app.f() RETURNS integer\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT t.x\n    FROM app.t;\nEND;',
    'CREATE FUNCTION core.f() RETURNS integer\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT t.x\n    FROM core.t;\nEND;',
  ],
]

describe('findSchemas()', () => {
  it.each(statements.map(([rule, before, after]) => [rule, before, after ?? before] as const))(
    '%s',
    (_, before, after) => {
      // constants in CREATE TABLE read like the schema, which is another test's matter
      expect(run(before).text).toBe(after)
    },
  )

  it('tells a table of the same name by what stands around it, in a query', () => {
    const before = `CREATE VIEW app.v AS
 SELECT app.x,
    app.f(app.y) AS f,
    EXTRACT(year FROM app.z) AS z
   FROM ((app.app
     JOIN app.b ON ((app.x = b.x)))
     JOIN ONLY app.c ON ((c.x OPERATOR(app.=) app.x))),
    app.d,
    LATERAL ( SELECT app.x::app.t AS x
           FROM app.e) e
  WHERE (app.x IS DISTINCT FROM app.y);`
    expect(run(before)).toEqual({
      text: `CREATE VIEW core.v AS
 SELECT app.x,
    core.f(app.y) AS f,
    EXTRACT(year FROM app.z) AS z
   FROM ((core.app
     JOIN core.b ON ((app.x = b.x)))
     JOIN ONLY core.c ON ((c.x OPERATOR(core.=) app.x))),
    core.d,
    LATERAL ( SELECT app.x::core.t AS x
           FROM core.e) e
  WHERE (app.x IS DISTINCT FROM app.y);`,
      left: [],
    })
  })

  it('leaves alone what may be either', () => {
    const sql = 'CREATE VIEW v AS\n SELECT CAST(app.x AS app.t) AS x\n   FROM app;'
    expect(run(sql)).toEqual({ text: sql, left: ['ambiguous app'] })
  })

  it('knows the other names that the table of an INSERT has', () => {
    const sql =
      'CREATE RULE r AS\n    ON INSERT TO app.v DO INSTEAD  INSERT INTO app.t AS app (id)\n  VALUES (new.id) ON CONFLICT(id) DO UPDATE SET x = (app.x + 1)\n  RETURNING app.x;'
    expect(run(sql)).toEqual({
      text: sql.replace('TO app.v', 'TO core.v').replace('INTO app.t', 'INTO core.t'),
      left: [],
    })
  })

  it('knows the names that RETURNING has for rows', () => {
    const body = (sql: string): string =>
      `CREATE FUNCTION f() RETURNS integer\n    LANGUAGE sql\n    BEGIN ATOMIC\n ${sql};\nEND;`
    expect(run(body('UPDATE t SET x = 1\n   RETURNING WITH (OLD AS app) (app.x + new.x)')).text).toContain('(app.x + ')
    expect(run(body('UPDATE old.t SET x = 1\n   RETURNING (old.x + new.x)')).text).toContain(
      'UPDATE older.t SET x = 1\n   RETURNING (old.x + ',
    )
  })

  it('takes for a type what follows the name of a column', () => {
    const sql =
      "CREATE VIEW v AS\n SELECT XMLROOT(t.a, VERSION app.b) AS a,\n    XMLSERIALIZE(CONTENT app.b AS text) AS b\n   FROM XMLTABLE('/r' PASSING (app.c) COLUMNS app app.d PATH 'a', \"B\" app.e PATH 'b') t,\n    f() app(x app.g, y integer);"
    const { text, left } = run(sql)
    expect(text).toBe(sql.replaceAll(/app(?=\.[deg])/g, 'core'))
    expect(left).toEqual(['ambiguous app', 'ambiguous app'])
  })

  it('takes what JSON functions return for a type', () => {
    const sql = "CREATE VIEW v AS\n SELECT JSON_VALUE(app.j, '$' RETURNING app.d) AS x\n   FROM t app;"
    expect(run(sql)).toEqual({ text: sql.replace('app.d', 'core.d'), left: [] })
  })

  it('takes the rows of a rule or trigger for what they are', () => {
    const sql =
      'CREATE RULE r AS\n    ON UPDATE TO app.v DO INSTEAD  UPDATE app.t SET x = new.x\n  WHERE (t.x = old.x);'
    expect(run(sql)).toEqual({ text: sql.replaceAll('app.', 'core.'), left: [] })
  })
})

describe('findMentions() of schemas', () => {
  it('reports the bodies of routines, and constants that begin a name with the schema', () => {
    expect(run("CREATE FUNCTION f() LANGUAGE plpgsql AS 'begin execute $$select 1 from app.t$$; end';").left).toEqual([
      'function-body app',
    ])
    expect(run("CREATE TABLE t (x text DEFAULT 'app.t'::text);").left).toEqual(['string app'])
    expect(run("CREATE TABLE t (x text DEFAULT 'app'::text);").left).toEqual(['string app'])
    expect(run("CREATE TABLE t (x text DEFAULT 'the app of it'::text);").left).toEqual([])
    expect(run("COMMENT ON TABLE app.t IS 'see app.u';").left).toEqual([])
  })
})
