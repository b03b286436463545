import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import { parseTarget, TargetAdapter } from '../../../src/sql/target.ts'
import { entryOf } from '../../helpers/entries.ts'

const settings = { encoding: 'UTF8', stdStrings: true, searchPath: null }

function adapt(target: string, desc: string, sql: string): { sql: string; findings: string[] } {
  const findings: Finding[] = []
  const adapter = new TargetAdapter(parseTarget(target), settings, (finding) => findings.push(finding))
  const adapted = adapter.adapt(entryOf(1, { desc }), sql)
  return { sql: adapted, findings: findings.map(({ severity }) => severity) }
}

describe('parseTarget()', () => {
  it.each([
    ['9.6', 9.6],
    ['9.6.24', 9.6],
    ['10', 10],
    ['17.2', 17],
    ['18', 18],
  ])('reads %s', (text, version) => {
    expect(parseTarget(text)).toBe(version)
  })

  it.each(['9.5', '9', '19', '', 'x', '1'])('refuses %j', (text) => {
    expect(() => parseTarget(text)).toThrow('must be 9.6 to 18')
  })
})

describe('TargetAdapter.adapt()', () => {
  it.each([
    [
      '10',
      'TRIGGER',
      'CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f();\n',
      'CREATE TRIGGER t AFTER INSERT ON a EXECUTE PROCEDURE f();\n',
    ],
    [
      '13',
      'TABLE',
      'CREATE TABLE a (b text);\nALTER TABLE ONLY a ALTER COLUMN b SET COMPRESSION pglz;\n\n',
      'CREATE TABLE a (b text);\n',
    ],
    [
      '14',
      'DATABASE',
      "CREATE DATABASE d WITH ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';\n",
      "CREATE DATABASE d WITH ENCODING = 'UTF8' LOCALE = 'C';\n",
    ],
    [
      '12',
      'DATABASE',
      "CREATE DATABASE d WITH LOCALE_PROVIDER = libc LOCALE = 'C';\n",
      "CREATE DATABASE d WITH LC_COLLATE = 'C' LC_CTYPE = 'C';\n",
    ],
    [
      '17',
      'PUBLICATION',
      "CREATE PUBLICATION p WITH (publish = 'insert', publish_generated_columns = none);\n",
      "CREATE PUBLICATION p WITH (publish = 'insert');\n",
    ],
    [
      '12',
      'PUBLICATION',
      "CREATE PUBLICATION p WITH (publish_via_partition_root = false, publish = 'insert');\n",
      "CREATE PUBLICATION p WITH (publish = 'insert');\n",
    ],
    ['14', 'SEQUENCE', 'ALTER SEQUENCE s SET LOGGED;\n', ''],
  ])('says the same to %s: %s', (target, desc, sql, expected) => {
    expect(adapt(target, desc, sql)).toEqual({ sql: expected, findings: [] })
  })

  it.each([
    ['14', 'SEQUENCE', 'CREATE UNLOGGED SEQUENCE s\n    START WITH 1;\n', 'CREATE SEQUENCE s\n    START WITH 1;\n'],
    [
      '9.6',
      'SEQUENCE',
      'CREATE SEQUENCE s\n    AS integer\n    START WITH 1;\n',
      'CREATE SEQUENCE s\n    START WITH 1;\n',
    ],
    [
      '13',
      'TYPE',
      'CREATE TYPE r AS RANGE (\n    subtype = text,\n    multirange_type_name = m,\n    collation = "C"\n);\n',
      'CREATE TYPE r AS RANGE (\n    subtype = text,\n    collation = "C"\n);\n',
    ],
    [
      '13',
      'TYPE',
      'CREATE TYPE r AS RANGE (\n    subtype = text,\n    multirange_type_name = "a".m\n);\n',
      'CREATE TYPE r AS RANGE (\n    subtype = text\n);\n',
    ],
    [
      '16',
      'ACL',
      'GRANT SELECT,MAINTAIN ON TABLE a TO b;\nGRANT MAINTAIN ON TABLE a TO c;\n',
      'GRANT SELECT ON TABLE a TO b;\n',
    ],
    ['16', 'ACL', 'GRANT MAINTAIN,SELECT ON TABLE a TO maintain;\n', 'GRANT SELECT ON TABLE a TO maintain;\n'],
    [
      '17',
      'STATISTICS DATA',
      "SELECT * FROM pg_catalog.pg_restore_relation_stats('version', '180000'::integer);\n",
      '',
    ],
    [
      '15',
      'SUBSCRIPTION',
      'CREATE SUBSCRIPTION s WITH (connect = false, streaming = parallel);\n',
      'CREATE SUBSCRIPTION s WITH (connect = false, streaming = on);\n',
    ],
  ])('tells what is lost for %s: %s', (target, desc, sql, expected) => {
    const { sql: adapted, findings } = adapt(target, desc, sql)
    expect(adapted).toBe(expected)
    expect(new Set(findings)).toEqual(new Set(['info']))
  })

  it.each([
    ['17', 'TABLE', 'CREATE TABLE a (b int, c int GENERATED ALWAYS AS (b + (1)));\n'],
    ['17', 'TABLE', 'CREATE TABLE a (b int, CONSTRAINT n NOT NULL b);\n'],
    [
      '17',
      'FK CONSTRAINT',
      'ALTER TABLE ONLY a ADD CONSTRAINT f FOREIGN KEY (p, PERIOD v) REFERENCES b(p, PERIOD v);\n',
    ],
    ['14', 'CONSTRAINT', 'ALTER TABLE ONLY a ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (b);\n'],
    ['14', 'VIEW', "CREATE VIEW v WITH (security_invoker='true') AS\n SELECT 1;\n"],
    ['13', 'FUNCTION', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql\n    BEGIN ATOMIC SELECT 1; END;\n'],
    ['13', 'TABLE', 'CREATE TABLE a (b int4multirange);\n'],
    ['16', 'VIEW', "CREATE VIEW v AS SELECT JSON_VALUE(x, '$.a') FROM y;\n"],
    ['9.6', 'TABLE', 'CREATE TABLE a (b int) PARTITION BY RANGE (b);\n'],
    ['9.6', 'TABLE', 'ALTER TABLE a ALTER COLUMN b ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME s);\n'],
  ])('leaves alone and reports what %s refuses: %s', (target, desc, sql) => {
    expect(adapt(target, desc, sql)).toEqual({ sql, findings: ['error'] })
  })

  it.each([
    ['17', 'TABLE', 'CREATE TABLE a (b int CONSTRAINT n NOT NULL, c int GENERATED ALWAYS AS (b) STORED);\n'],
    ['17', 'FK CONSTRAINT', 'ALTER TABLE ONLY a ADD CONSTRAINT f FOREIGN KEY (p, period) REFERENCES b(p, period);\n'],
    ['13', 'FUNCTION', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ BEGIN ATOMIC; RETURN 1 $$;\n'],
    ['13', 'TABLE', 'CREATE TABLE a ("int4multirange" int, c s.int4multirange);\n'],
    ['14', 'CONSTRAINT', 'ALTER TABLE ONLY a ADD CONSTRAINT "nulls not distinct" UNIQUE (b);\n'],
    ['16', 'VIEW', 'CREATE VIEW v AS SELECT app.json_value(x) FROM y;\n'],
    ['10', 'COMMENT', "COMMENT ON TABLE a IS 'EXECUTE FUNCTION f()';\n"],
  ])('finds nothing wrong for %s: %s', (target, desc, sql) => {
    expect(adapt(target, desc, sql)).toEqual({ sql, findings: [] })
  })

  it('names entry and reason', () => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(14, settings, (finding) => findings.push(finding))
    adapter.adapt(entryOf(7, { desc: 'INDEX', tag: 'i' }), 'CREATE UNIQUE INDEX i ON a (b) NULLS NOT DISTINCT;\n')
    expect(findings).toEqual([
      {
        code: 'TARGET_LACKS',
        severity: 'error',
        dumpId: 7,
        message:
          'PostgreSQL 14 has no NULLS NOT DISTINCT: INDEX public.i: the statement is written as it is, and the server will refuse it',
        hint: expect.stringContaining('list'),
      },
    ])
  })
})
