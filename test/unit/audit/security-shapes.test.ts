import { describe, expect, test } from 'vitest'
import { audit } from '../../../src/audit/audit.ts'
import { connectionOf } from '../../../src/audit/connection-string.ts'
import { targetProfile } from '../../../src/audit/find-profile.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'

/** What the rules about security say of entries, other than about what is granted by default: `rule message`. */
async function said(...entries: readonly EntryFields[]): Promise<string> {
  const view = viewOf(entries.map((fields, at) => entryOf(at + 1, fields)))
  const { findings } = await audit(view, { settings: { restorability: 'off', hygiene: 'off' } })
  return findings.map(({ rule, message }) => `${rule} ${message}`).join('\n')
}

const schema = 'app'
const routine = (rest: string, tag = 'f()'): EntryFields => ({
  desc: 'FUNCTION',
  tag,
  namespace: schema,
  defn: `CREATE FUNCTION app.${tag} RETURNS text ${rest};\n`,
})
const plpgsql = (body: string): EntryFields => routine(`LANGUAGE plpgsql AS $$begin ${body}; end$$`)
const entry = (desc: string, tag: string, defn: string): EntryFields => ({ desc, tag, namespace: schema, defn })
const policy = (using: string): EntryFields => entry('POLICY', 't p', `CREATE POLICY p ON app.t USING (${using});\n`)
const mapping = (options: string): EntryFields =>
  entry('USER MAPPING', 'USER MAPPING r SERVER s', `CREATE USER MAPPING FOR r SERVER s OPTIONS (\n    ${options}\n);\n`)
const searchPath: EntryFields = {
  desc: 'SEARCHPATH',
  tag: 'SEARCHPATH',
  namespace: null,
  defn: "SELECT pg_catalog.set_config('search_path', '', false);\n",
}
const secured = [
  entry('TABLE', 't', 'CREATE TABLE app.t (\n    a integer\n);\n'),
  entry('ROW SECURITY', 't', 'ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;\n'),
]
const view = (query: string): EntryFields => entry('VIEW', 'v', `CREATE VIEW app.v AS\n ${query};\n`)

describe('is found, however it is written', () => {
  test.each([
    ['function-in-c', [routine(String.raw`LANGUAGE U&"\0063" AS 'lib', 's'`)]],
    ['function-in-c', [routine(`LANGUAGE U&'!0063' UESCAPE '!' AS 'lib', 's'`)]],
    ['function-in-c', [routine(String.raw`LANGUAGE E'\x63' AS 'lib', 's'`)]],
    ['function-in-c', [routine(String.raw`LANGUAGE E'\U00000063' AS 'lib', 's'`)]],
    ['definition-spelled-by-number', [routine(String.raw`LANGUAGE U&"\0063" AS 'lib', 's'`)]],
    ['definition-spelled-by-number', [routine(String.raw`LANGUAGE plpgsql AS E'begin x\x28; end'`)]],
    ['superuser-statement', [routine(`LANGUAGE c AS 'lib', 's'`, 'language()')]],
    ['superuser-statement', [routine(`LANGUAGE "c" AS 'lib', 's'`)]],
    ['superuser-statement', [routine(`LANGUAGE sql SET log_statement TO 'none' AS 'select 1'`)]],
    [
      'superuser-statement',
      [
        entry(
          'AGGREGATE',
          'a(numeric)',
          'CREATE AGGREGATE app.a(numeric) (SFUNC = numeric_avg_accum, STYPE = internal);\n',
        ),
      ],
    ],
    // postgres_fdw: password_required=false is superuser-only
    ['superuser-statement', [mapping("password_required 'false'")]],
    ['superuser-statement', [mapping("password_required 'OFF'")]],
    ['superuser-statement', [mapping("\"user\" 'bob',\n    sslcert '/c'")]],
    ['superuser-statement', [mapping("sslkey '/k'")]],
    ['untrusted-language', [routine('LANGUAGE javau AS $$x$$')]],
    ['untrusted-language', [entry('PROCEDURAL LANGUAGE', 'x', 'CREATE LANGUAGE x HANDLER app.trusted;\n')]],
    ['COPY … PROGRAM', [plpgsql(String.raw`execute E'COPY t FROM\nPROGRAM \'id\''`)]],
    ['COPY … PROGRAM', [routine(`LANGUAGE plperl AS $$spi_exec_query("COPY t FROM PROGRAM 'id'")$$`)]],
    ['COPY … PROGRAM', [plpgsql("execute 'COPY t FROM PROGRAM ' || quote_literal(c)")]],
    ['COPY … PROGRAM', [plpgsql("copy t from program E'id'")]],
    ['COPY … PROGRAM', [plpgsql("copy t from program U&'id'")]],
    ['COPY … PROGRAM', [plpgsql("copy t from program N'id'")]],
    ['COPY … PROGRAM', [plpgsql('copy t from program $x$id$x$')]],
    ['COPY … PROGRAM', [routine(`LANGUAGE plperl AS $$spi_exec_query(q{COPY t FROM PROGRAM 'id'})$$`)]],
    ['COPY … PROGRAM', [routine("LANGUAGE plv8 AS $$plv8.execute(`COPY t FROM PROGRAM 'id'`)$$")]],
    ['COPY with a file', [routine("LANGUAGE pltcl AS $$spi_exec {COPY t TO '/tmp/x'}$$")]],
    ['ALTER SYSTEM', [plpgsql("execute $i$ALTER/**/SYSTEM SET x = '1'$i$")]],
    ['pg_read_file', [routine(String.raw`LANGUAGE sql RETURN U&"pg\005fread_file"('x')`)]],
    [
      'pg_read_file',
      [entry('OPERATOR', '!@', 'CREATE OPERATOR app.!@ (\n    FUNCTION = pg_read_file,\n    RIGHTARG = text\n);\n')],
    ],
    ['pg_read_file', [routine("LANGUAGE internal AS 'pg_read_file_off_len'")]],
    ['pg_create_physical_replication_slot', [plpgsql("perform pg_create_physical_replication_slot('x')")]],
    [
      'option program',
      [
        entry(
          'FOREIGN TABLE',
          't',
          String.raw`CREATE FOREIGN/**/TABLE app.t (\n    a text\n) SERVER s OPTIONS (program E'i\x64');`,
        ),
      ],
    ],
    ['policy-always-true', [policy('(true = true)')]],
    ['policy-always-true', [policy('(1 < 2)')]],
    ['policy-always-true', [policy('( SELECT true AS bool)')]],
    ['policy-always-true', [policy('(1 IS NOT NULL)')]],
    ['policy-always-true', [policy('COALESCE(true, false)')]],
    ['policy-always-true', [policy('(NOT (1 = 2))')]],
    ['policy-always-true', [policy('((a IS NULL) OR (a IS NOT NULL))')]],
    [
      'has the control character 0x9b',
      [entry('TABLE', 'a\u009b31m', 'CREATE TABLE app."a\u009b31m" (\n    a integer\n);\n')],
    ],
    [
      "pg_catalog's ^@",
      [
        {
          ...entry(
            'OPERATOR',
            '^@',
            'CREATE OPERATOR public.^@ (\n    FUNCTION = public.x,\n    LEFTARG = integer,\n    RIGHTARG = integer\n);\n',
          ),
          namespace: 'public',
        },
      ],
    ],
    [
      'it has app',
      [
        routine("LANGUAGE plpgsql SECURITY DEFINER SET search_path TO 'app', 'pg_temp' AS $$begin end$$"),
        entry('ACL', 'SCHEMA app', 'GRANT ALL ON SCHEMA app TO PUBLIC;\n'),
      ],
    ],
    [
      'security-definer-for-everybody',
      [
        routine("LANGUAGE sql SECURITY DEFINER SET search_path TO 'pg_catalog', 'pg_temp' AS 'select 1'"),
        entry(
          'ACL',
          'FUNCTION f()',
          'REVOKE ALL ON FUNCTION app.f() FROM PUBLIC;\nGRANT ALL ON FUNCTION app.f() TO PUBLIC;\n',
        ),
      ],
    ],
    [
      "Password '****'",
      [
        entry(
          'TABLE',
          't',
          `CREATE TABLE app.t (\n    "Password" character varying(30) DEFAULT 's3cret9'::character varying\n);\n`,
        ),
      ],
    ],
    [
      "v_password '****'",
      [routine("LANGUAGE plpgsql AS $$declare v_password constant varchar(9) := 's3cret9'; begin end$$")],
    ],
    [
      "dsn '****'",
      [
        entry(
          'SERVER',
          's',
          "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    dsn 'host=h password=s3cret9'\n);\n",
        ),
      ],
    ],
    [
      "bearer_token '****'",
      [entry('SERVER', 's', "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    bearer_token 's3cret9'\n);\n")],
    ],
  ])('%s: %j', async (expected, entries) => {
    const found = await said(...entries)
    expect(found).toContain(expected)
    expect(found).not.toContain('s3cret9')
  })
})

describe('is not found in what only looks like it', () => {
  test.each([
    ['server-access', [routine("LANGUAGE sql AS $$SELECT 'COPY t FROM PROGRAM is dangerous'::text$$")]],
    [
      'password-in-options',
      [entry('SERVER', 's', "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    passfile '/p'\n);\n")],
    ],
    ['superuser-statement', [mapping("password_required 'true'")]],
    ['superuser-statement', [mapping("\"user\" 'sslkey', sslpassword 'x'")]],
    [
      'superuser-statement',
      [entry('SERVER', 's', 'CREATE SERVER s FOREIGN DATA WRAPPER mongo_fdw;\n'), mapping("sslcert '/c'")],
    ],
    ['superuser-statement', [mapping("password 'password_required', remark 'false'")]],
    ['superuser-statement', [routine("LANGUAGE sql AS 'select 1'", 'support()')]],
    ['superuser-statement', [routine("LANGUAGE sql AS 'select 1'", 'leakproof()')]],
    ['superuser-statement', [routine("LANGUAGE sql NOT LEAKPROOF AS 'select 1'")]],
    ['server-access', [view("SELECT app.pg_read_file('x'::text) AS x")]],
    ['server-access', [entry('TABLE', 'dblink', 'CREATE TABLE app.dblink (\n    copy text,\n    program text\n);\n')]],
    ['server-access', [plpgsql("insert into app.dblink(copy) values ('/tmp/x')")]],
    [
      'server-access',
      [
        entry(
          'OPERATOR',
          '!@',
          'CREATE OPERATOR app.!@ (\n    FUNCTION = app.pg_read_file,\n    RIGHTARG = text\n);\n',
        ),
      ],
    ],
    ['definition-spelled', [routine(String.raw`LANGUAGE sql AS $$select E'\x41', U&'\0041'$$`)]],
    ['definition-spelled', [routine(String.raw`LANGUAGE sql AS E'select ''\\x41'''`)]],
    ['policy-always-true', [policy('(1 = 2)')]],
    ['policy-always-true', [policy('(a = a)')]],
    ['policy-always-true', [policy('( SELECT true AS bool FROM app.u)')]],
    ['policy-always-true', [policy('((a IS NULL) OR (b IS NOT NULL))')]],
    ['policy-always-true', [policy('COALESCE(app.f(), true)')]],
    ['view-over-row-security', [searchPath, ...secured, view('WITH t AS (\n SELECT 1 AS a\n ) SELECT t.a\n FROM t')]],
    [
      'shadows-built-in-function',
      [
        {
          ...entry('PROCEDURE', 'now()', "CREATE PROCEDURE public.now()\n    LANGUAGE sql\n    AS '';\n"),
          namespace: 'public',
        },
      ],
    ],
    [
      'password-in-options',
      [
        entry(
          'SERVER',
          's',
          "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\n    password_required 'false',\n    token_url 'https://h/x'\n);\n",
        ),
      ],
    ],
    ['secret-in-definition', [plpgsql("if password is null then msg := 'needed'; end if")]],
    ['name-with-control', [entry('TABLE', 'Â€Ü', 'CREATE TABLE app."Â€Ü" (\n    a integer\n);\n')]],
  ])('%s: %j', async (unexpected, entries) => {
    expect(await said(...entries)).not.toContain(unexpected)
  })
})

test('targets without a superuser refuse what of user mappings takes one', async () => {
  const ofTarget = async (options: string): Promise<readonly string[]> => {
    const { findings } = await audit(viewOf([entryOf(1, mapping(options))]), {
      target: targetProfile('postgres:18:owner'),
    })
    return findings.filter(({ category }) => category === 'target').map(({ message }) => message)
  }
  expect(await ofTarget("sslcert '/c'")).toEqual([expect.stringContaining('sslcert')])
  expect(await ofTarget("password_required 'false'")).toHaveLength(1)
  expect(await ofTarget("password 'x', sslpassword 'y'")).toEqual([])
})

test('default-privileges-to-public warns of what is open in one schema, and closed by default elsewhere', async () => {
  const ofDefaults = (rest: string): EntryFields =>
    entry('DEFAULT ACL', 'DEFAULT PRIVILEGES FOR FUNCTIONS', `ALTER DEFAULT PRIVILEGES FOR ROLE r ${rest};\n`)
  const severities = async (...entries: readonly EntryFields[]): Promise<readonly string[]> => {
    const { findings } = await audit(viewOf(entries.map((fields, at) => entryOf(at + 1, fields))))
    return findings.filter(({ rule }) => rule === 'default-privileges-to-public').map(({ severity }) => severity)
  }
  const opens = ofDefaults('IN SCHEMA app GRANT ALL ON FUNCTIONS TO PUBLIC')
  const closes = ofDefaults('REVOKE ALL ON FUNCTIONS FROM PUBLIC')
  expect(await severities(opens, closes)).toEqual(['warning'])
  expect(await severities(opens)).toEqual(['notice'])
  expect(await severities(opens, ofDefaults('REVOKE ALL ON TYPES FROM PUBLIC'))).toEqual(['notice'])
})

describe('connectionOf() shows what is no secret', () => {
  test.each([
    ["host=h user='a b' password='x host=s3cret9'", "host=h user='a b' password=****"],
    ['host = h password=s3cret9\\ user=x', 'host=h password=****'],
    ['postgresql://u:s3cret9@h:5432/d?sslmode=require', 'host=h port=5432 user=u dbname=d password=****'],
    ['postgres://u:s3cret9?x@h/d', 'host=h user=u dbname=d password=****'],
    ['postgres://h/d?pass%77ord=s3cret9', 'host=h dbname=d password=****'],
    ['postgres://h/d?user=u&password=s3cret9', 'host=h user=u dbname=d password=****'],
    ["dbname='postgresql://u:s3cret9@h/d'", 'password=****'],
    ['host=h sslpassword=s3cret9', 'host=h password=****'],
    ["host=h password='s3cret9", ''],
    ['host=h user=u', 'host=h user=u'],
    ['host=h passfile=/p', 'host=h'],
  ])('of %s', (text, shown) => {
    expect(connectionOf(text)).toEqual({ shown, hasSecret: text.includes('s3cret9') })
  })
})
