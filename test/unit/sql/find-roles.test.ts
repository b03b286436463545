import { describe, expect, it } from 'vitest'
import { findRoles } from '../../../src/sql/find-roles.ts'
import { renaming } from './rename.ts'

const run = renaming(findRoles, {
  alice: 'bob',
  'We"ird O\'Role': 'plain',
  carol: 'Two Words',
  public: 'nobody',
  none: 'nobody',
  PUBLIC: 'plain',
  current_user: 'plain',
  user: 'plain',
})

/** A statement and what it becomes; where no second is given, it stays. */
const statements: readonly (readonly [rule: string, before: string, after?: string])[] = [
  ['grantee', 'GRANT SELECT ON TABLE app.alice TO alice;', 'GRANT SELECT ON TABLE app.alice TO bob;'],
  [
    'grantee with options and grantor',
    'GRANT SELECT(alice) ON TABLE t TO dave, alice WITH GRANT OPTION GRANTED BY carol;',
    'GRANT SELECT(alice) ON TABLE t TO dave, bob WITH GRANT OPTION GRANTED BY "Two Words";',
  ],
  [
    'grantor by session',
    'SET SESSION AUTHORIZATION alice;\nGRANT ALL ON SCHEMA s TO PUBLIC;\nRESET SESSION AUTHORIZATION;\n',
    'SET SESSION AUTHORIZATION bob;\nGRANT ALL ON SCHEMA s TO PUBLIC;\nRESET SESSION AUTHORIZATION;\n',
  ],
  ['session in a constant', "SET SESSION AUTHORIZATION 'alice';", "SET SESSION AUTHORIZATION 'bob';"],
  ['session of the default', 'SET SESSION AUTHORIZATION DEFAULT;'],
  ['SET ROLE', 'SET LOCAL ROLE alice;', 'SET LOCAL ROLE bob;'],
  [
    'revokee',
    'REVOKE GRANT OPTION FOR ALL ON FUNCTION f(alice) FROM "We""ird O\'Role";',
    'REVOKE GRANT OPTION FOR ALL ON FUNCTION f(alice) FROM plain;',
  ],
  ['old GROUP', 'GRANT SELECT ON TABLE t TO GROUP alice;', 'GRANT SELECT ON TABLE t TO GROUP bob;'],
  ['membership', 'GRANT alice TO carol GRANTED BY alice;', 'GRANT bob TO "Two Words" GRANTED BY bob;'],
  ['end of membership', 'REVOKE ADMIN OPTION FOR alice FROM carol;', 'REVOKE ADMIN OPTION FOR bob FROM "Two Words";'],
  ['public in quotes is no role', 'GRANT SELECT ON TABLE t TO "public";'],
  [
    'default privileges',
    'ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA alice GRANT SELECT ON TABLES TO carol;',
    'ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA alice GRANT SELECT ON TABLES TO "Two Words";',
  ],
  [
    'default privileges in schemas called like what may follow',
    'ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA other, revoke GRANT SELECT ON TABLES TO alice;',
    'ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA other, revoke GRANT SELECT ON TABLES TO bob;',
  ],
  [
    'default privileges taken away',
    'ALTER DEFAULT PRIVILEGES FOR ROLE alice REVOKE ALL ON TABLES FROM alice;',
    'ALTER DEFAULT PRIVILEGES FOR ROLE bob REVOKE ALL ON TABLES FROM bob;',
  ],
  [
    'policy',
    'CREATE POLICY alice ON app.alice AS RESTRICTIVE FOR SELECT TO alice, CURRENT_USER, carol USING ((alice = 1));',
    'CREATE POLICY alice ON app.alice AS RESTRICTIVE FOR SELECT TO bob, CURRENT_USER, "Two Words" USING ((alice = 1));',
  ],
  [
    'user mapping',
    'CREATE USER MAPPING FOR alice SERVER alice OPTIONS (\n    "user" \'alice\'\n);',
    'CREATE USER MAPPING FOR bob SERVER alice OPTIONS (\n    "user" \'alice\'\n);',
  ],
  ['user mapping of everybody', 'CREATE USER MAPPING FOR PUBLIC SERVER s;'],
  ['user mapping of who runs it', 'CREATE USER MAPPING FOR USER SERVER s;'],
  [
    'user mapping of a role called user',
    'CREATE USER MAPPING FOR "user" SERVER s;',
    'CREATE USER MAPPING FOR plain SERVER s;',
  ],
  ['role of a function that is none', "ALTER FUNCTION f() SET role TO 'none';"],
  ['no role in quotes', 'SET ROLE "none";'],
  [
    'key words in quotes',
    'GRANT SELECT ON t TO "PUBLIC", "current_user", "public";',
    'GRANT SELECT ON t TO plain, plain, "public";',
  ],
  ['drop of a user mapping', 'DROP USER MAPPING FOR alice SERVER s;', 'DROP USER MAPPING FOR bob SERVER s;'],
  ['schema', 'CREATE SCHEMA alice AUTHORIZATION alice;', 'CREATE SCHEMA alice AUTHORIZATION bob;'],
  ['owner', 'ALTER TABLE alice OWNER TO alice;', 'ALTER TABLE alice OWNER TO bob;'],
  ['a column called owner', 'ALTER TABLE t RENAME COLUMN owner TO alice;'],
  ['owner of a database', 'CREATE DATABASE d WITH OWNER = alice;', 'CREATE DATABASE d WITH OWNER = bob;'],
  [
    'setting of a role',
    "ALTER ROLE alice IN DATABASE alice SET work_mem TO '1MB';",
    "ALTER ROLE bob IN DATABASE alice SET work_mem TO '1MB';",
  ],
  [
    'setting of every role',
    "ALTER ROLE ALL IN DATABASE d SET role TO 'alice';",
    "ALTER ROLE ALL IN DATABASE d SET role TO 'bob';",
  ],
  [
    'role of a function',
    "CREATE FUNCTION f() RETURNS void\n    LANGUAGE sql\n    SET role TO 'carol'\n    AS $$select 1$$;",
    "CREATE FUNCTION f() RETURNS void\n    LANGUAGE sql\n    SET role TO 'Two Words'\n    AS $$select 1$$;",
  ],
  ['what an SQL body sets', "CREATE PROCEDURE p()\n    BEGIN ATOMIC\n UPDATE app.t SET role = 'x'::text;\nEND;"],
  ['comment on a role', "COMMENT ON ROLE alice IS 'alice';", "COMMENT ON ROLE bob IS 'alice';"],
  [
    'label of a role',
    "SECURITY LABEL FOR dummy ON ROLE alice IS 'alice';",
    "SECURITY LABEL FOR dummy ON ROLE bob IS 'alice';",
  ],
  ['comment on something else', "COMMENT ON TABLE alice IS 'alice';"],
  ['text cast to regrole', "DEFAULT (('alice'::text)::regrole)::oid", "DEFAULT (('bob'::text)::regrole)::oid"],
  ['constant of type regrole', "DEFAULT ('alice'::regrole)::oid", "DEFAULT ('bob'::regrole)::oid"],
  [
    'constant of type regrole with a quoted name',
    `SELECT '"We""ird O''Role"'::pg_catalog.regrole`,
    `SELECT 'plain'::pg_catalog.regrole`,
  ],
  ['comments', '-- TO alice\nGRANT SELECT ON t /* TO alice */ TO dave;'],
  ['names of other things', 'CREATE TABLE alice (alice alice DEFAULT alice.alice());'],
]

describe('findRoles()', () => {
  it.each(statements.map(([rule, before, after]) => [rule, before, after ?? before] as const))(
    '%s',
    (_, before, after) => {
      expect(run(before)).toEqual({ text: after, left: [] })
    },
  )

  it('folds words, not quoted names', () => {
    expect(run('GRANT ALL ON t TO ALICE, "ALICE";').text).toBe('GRANT ALL ON t TO bob, "ALICE";')
  })

  it('quotes every new name in an archive that quotes all', () => {
    const all = renaming(findRoles, { alice: 'bob' }, { quotesAll: true })
    expect(all('GRANT ALL ON "t" TO "alice";').text).toBe('GRANT ALL ON "t" TO "bob";')
    expect(all(`DEFAULT '"alice"'::"regrole"`).text).toBe(`DEFAULT '"bob"'::"regrole"`)
    expect(all(`DEFAULT ('alice'::"text")::"regrole"`).text).toBe(`DEFAULT ('bob'::"text")::"regrole"`)
  })

  it('knows where a constant ends without standard_conforming_strings', () => {
    const old = renaming(findRoles, { alice: String.raw`o\b` }, { lexer: { stdStrings: false } })
    const before = String.raw`COMMENT ON ROLE alice IS 'it\'s; COMMENT ON ROLE alice';ALTER ROLE x SET role TO 'alice';`
    const after = String.raw`COMMENT ON ROLE "o\b" IS 'it\'s; COMMENT ON ROLE alice';ALTER ROLE x SET role TO 'o\\b';`
    expect(old(before).text).toBe(after)
  })

  it('knows a backslash that is half a character', () => {
    // 0x95 0x5C is one character of SJIS; so is 0x83 0x5C
    const sjis = renaming(findRoles, { '\u0095\\': '\u0083\\' }, { lexer: { encoding: 'SJIS', stdStrings: false } })
    expect(sjis('GRANT ALL ON t TO "\u0095\\"; ALTER ROLE x SET role TO E\'\u0095\\\';').text).toBe(
      'GRANT ALL ON t TO "\u0083\\"; ALTER ROLE x SET role TO E\'\u0083\\\';',
    )
  })
})

describe('findMentions() of roles', () => {
  it('reports the bodies of routines, and leaves them alone', () => {
    const sql = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$begin execute 'set role alice'; end$$;"
    expect(run(sql)).toEqual({ text: sql, left: ['function-body alice'] })
  })

  it('takes no comment in a body for a mention, nor the symbol of a routine in C', () => {
    expect(run('CREATE FUNCTION f() LANGUAGE sql AS $$select 1 -- alice$$;').left).toEqual([])
    expect(run("CREATE FUNCTION f() LANGUAGE c AS '$libdir/x', 'alice';").left).toEqual([])
  })

  it('reports every word of a body in another language', () => {
    const body = `it's = "SET ROLE ALICE" # don't`
    expect(run(`CREATE FUNCTION f() LANGUAGE plpython3u AS $x$${body}$x$;`).left).toEqual(['function-body alice'])
    const odd = `plpy.execute('We"ird O''Role'); x = "Two"`
    expect(run(`CREATE FUNCTION f() LANGUAGE plpython3u AS $x$${odd}$x$;`).left).toEqual([])
    expect(run(`CREATE FUNCTION f() LANGUAGE plperl AS $x$ q("carol") $x$;`).left).toEqual(['function-body carol'])
  })

  it('reports constants that are the name, wherever a server reads them', () => {
    expect(run("CREATE VIEW v AS SELECT pg_has_role('alice'::name, 'member'::text);").left).toEqual(['string alice'])
    expect(run("CREATE POLICY p ON t USING ((CURRENT_USER = 'carol'::name));").left).toEqual(['string carol'])
  })

  it.each([
    "COMMENT ON TABLE t IS 'alice';",
    "CREATE TYPE app.mood AS ENUM (\n    'alice'\n);",
    'CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    "user" \'alice\'\n);',
    "CREATE SUBSCRIPTION s CONNECTION 'alice' PUBLICATION p;",
    "ALTER TABLE ONLY app.p ATTACH PARTITION app.q FOR VALUES IN ('alice');",
    "CREATE VIEW v AS SELECT 'malice'::text;",
  ])('is not about %j', (sql) => {
    expect(run(sql)).toEqual({ text: sql, left: [] })
  })

  it('reports elements of arrays', () => {
    expect(run("USING ((CURRENT_USER = ANY ('{dave,alice}'::name[])));").left).toEqual(['string alice'])
    const quoted = String.raw`SELECT '{"We\"ird O''Role",NULL,{x}}'::character varying(9)[];`
    expect(run(quoted).left).toEqual([`string We"ird O'Role`])
    expect(run("SELECT '{alice}'::integer[], '{alice bob}'::text[];").left).toEqual([])
  })

  it('takes what begins with a name and a dot for no role', () => {
    expect(run("SELECT pg_catalog.setval('alice.s', 1, true), 'alice.x'::text;").left).toEqual([])
  })

  it("takes the values of the server's own settings for no roles, but those of others for what they may be", () => {
    expect(
      run("SET standard_conforming_strings = 'alice';\nALTER DATABASE d SET search_path TO 'alice';").left,
    ).toEqual([])
    expect(run("ALTER ROLE dave IN DATABASE d SET pgaudit.role TO 'alice';").left).toEqual(['string alice'])
  })

  it('replaces constants in arrays by way of text, and names that are key words', () => {
    expect(run(String.raw`SELECT ('{dave,alice,"carol"}'::text)::regrole[];`).text).toBe(
      String.raw`SELECT ('{dave,bob,"\"Two Words\""}'::text)::regrole[];`,
    )
    const keyword = renaming(findRoles, { to: 'from' })
    expect(keyword("SELECT ('to'::text)::regrole, '{to}'::regrole[];").text).toBe(
      String.raw`SELECT ('"from"'::text)::regrole, '{"\"from\""}'::regrole[];`,
    )
  })

  it('replaces constants in arrays, with the quotes that arrays ask for', () => {
    expect(run("SELECT '{dave,alice,carol}'::regrole[];").text).toBe(
      String.raw`SELECT '{dave,bob,"\"Two Words\""}'::regrole[];`,
    )
    expect(run(String.raw`SELECT '{"\"We\"\"ird O''Role\""}'::regrole[];`).text).toBe("SELECT '{plain}'::regrole[];")
  })

  it('looks into strings within strings, but not without end', () => {
    const deep = `$a$${"'".repeat(2000)}alice`
    expect(run(`CREATE FUNCTION f() LANGUAGE sql AS ${deep}`).left.length).toBeLessThanOrEqual(1)
    expect(run(`CREATE FUNCTION f() LANGUAGE sql AS $x$ select 'select ''alice''' $x$;`).left).toEqual([
      'function-body alice',
    ])
  })
})
