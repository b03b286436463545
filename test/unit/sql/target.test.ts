import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import { parseTarget, TargetAdapter } from '../../../src/sql/target.ts'
import { utf8ToByteString } from '../../../src/bytes/byte-string.ts'
import { entryOf } from '../../helpers/entries.ts'

const settings = { encoding: 'UTF8', stdStrings: true, searchPath: null }

function adapt(target: string, desc: string, sql: string): { sql: string; findings: string[] } {
  const findings: Finding[] = []
  const adapter = new TargetAdapter(parseTarget(target), null, settings, (finding) => findings.push(finding))
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
      '15',
      'VIEW',
      'CREATE VIEW v AS\n SELECT (XMLSERIALIZE(CONTENT x AS character(10) NO INDENT))::text AS a, XMLSERIALIZE(DOCUMENT y AS text NO INDENT) AS "indent";\n',
      'CREATE VIEW v AS\n SELECT (XMLSERIALIZE(CONTENT x AS character(10)))::text AS a, XMLSERIALIZE(DOCUMENT y AS text) AS "indent";\n',
    ],
    [
      '13',
      'VIEW',
      "CREATE VIEW v AS\n SELECT SUBSTRING(f(a, b) SIMILAR '_#_b#_' ESCAPE '#') AS escape, SUBSTRING(a FROM 1 FOR 2) AS c;\n",
      "CREATE VIEW v AS\n SELECT SUBSTRING(f(a, b) FROM '_#_b#_' FOR '#') AS escape, SUBSTRING(a FROM 1 FOR 2) AS c;\n",
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
    [
      '17',
      'TABLE',
      'CREATE TABLE s."A" (\n    NOT NULL "B",\n    NOT NULL e,\n    c int CONSTRAINT p_c_not_null NOT NULL,\n    CONSTRAINT "P_d_not_null1" NOT NULL d\n)\nINHERITS (p);\n',
      'CREATE TABLE s."A" (\n    c int CONSTRAINT p_c_not_null NOT NULL\n)\nINHERITS (p);\n\nALTER TABLE ONLY s."A" ALTER COLUMN "B" SET NOT NULL;\n\nALTER TABLE ONLY s."A" ALTER COLUMN e SET NOT NULL;\n\nALTER TABLE ONLY s."A" ALTER COLUMN d SET NOT NULL;\n',
    ],
    [
      '13',
      'TABLE',
      'CREATE TABLE a (\n    NOT NULL b,\n    NOT NULL c\n)\nINHERITS (p);\n',
      'CREATE TABLE a (\n)\nINHERITS (p);\n\nALTER TABLE ONLY a ALTER COLUMN b SET NOT NULL;\n\nALTER TABLE ONLY a ALTER COLUMN c SET NOT NULL;\n',
    ],
    ['14', 'SEQUENCE', 'ALTER SEQUENCE s SET LOGGED;\n', ''],
    [
      '10',
      'OPERATOR',
      'CREATE OPERATOR s.+ (\n    FUNCTION = s.function,\n    LEFTARG = integer\n);\n',
      'CREATE OPERATOR s.+ (\n    PROCEDURE = s.function,\n    LEFTARG = integer\n);\n',
    ],
    [
      '18',
      'TABLE',
      'CREATE TABLE a (b int);\nALTER TABLE ONLY a ALTER COLUMN b SET (pg_attver=5);\n',
      'CREATE TABLE a (b int);\n',
    ],
    [
      '18',
      'TABLE',
      'ALTER TABLE ONLY a ALTER COLUMN b SET (pg_attver=5, n_distinct=7);\n',
      'ALTER TABLE ONLY a ALTER COLUMN b SET (n_distinct=7);\n',
    ],
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
      '10',
      'PUBLICATION',
      "CREATE PUBLICATION p WITH (publish = 'insert, update, delete, truncate');\n",
      "CREATE PUBLICATION p WITH (publish = 'insert, update, delete');\n",
    ],
    [
      '10',
      'INDEX',
      'CREATE INDEX i ON s.t USING btree ((a + b));\nALTER INDEX s.i ALTER COLUMN 1 SET STATISTICS 400;\n',
      'CREATE INDEX i ON s.t USING btree ((a + b));\n',
    ],
    [
      '12',
      'STATISTICS',
      'CREATE STATISTICS s.x ON a, b FROM s.t;\n\n\nALTER STATISTICS s.x SET STATISTICS 555;\n',
      'CREATE STATISTICS s.x ON a, b FROM s.t;\n\n\n',
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
    [
      '17',
      'TABLE',
      'CREATE TABLE a (b int CONSTRAINT n NOT NULL);\n',
      'CREATE TABLE a (b int CONSTRAINT n NOT NULL);\n',
    ],
    [
      '17',
      'TABLE',
      "CREATE TABLE a (b int)\nWITH (autovacuum_vacuum_max_threshold='5', fillfactor='90', toast.autovacuum_vacuum_max_threshold='5');\n",
      "CREATE TABLE a (b int)\nWITH (fillfactor='90');\n",
    ],
    [
      '17',
      'TABLE',
      "CREATE TABLE a (b int)\nWITH (autovacuum_vacuum_max_threshold='5', vacuum_max_eager_freeze_failure_rate='0.5');\n",
      'CREATE TABLE a (b int);\n',
    ],
    [
      '12',
      'INDEX',
      "CREATE INDEX i ON a USING btree (b) WITH (deduplicate_items='off');\n",
      'CREATE INDEX i ON a USING btree (b);\n',
    ],
    [
      '17',
      'TABLE',
      'CREATE TABLE s.a (\n    b int,\n    CONSTRAINT n NOT NULL c\n)\nINHERITS (d);\n',
      'CREATE TABLE s.a (\n    b int\n)\nINHERITS (d);\n\nALTER TABLE ONLY s.a ALTER COLUMN c SET NOT NULL;\n',
    ],
    [
      '17',
      'ACL',
      'GRANT SELECT ON TABLE a TO pg_signal_autovacuum_worker;\nGRANT SELECT ON TABLE a TO pg_maintain;\n',
      'GRANT SELECT ON TABLE a TO pg_maintain;\n',
    ],
  ])('tells what is lost for %s: %s', (target, desc, sql, expected) => {
    const { sql: adapted, findings } = adapt(target, desc, sql)
    expect(adapted).toBe(expected)
    expect(new Set(findings)).toEqual(new Set(['info']))
  })

  it.each([
    ['17', 'TABLE', 'CREATE TABLE a (b int, c int GENERATED ALWAYS AS (b + (1)));\n'],
    ['17', 'CONSTRAINT', 'ALTER TABLE a\n    ADD CONSTRAINT n NOT NULL b NOT VALID;\n'],
    ['13', 'STATISTICS', 'CREATE STATISTICS s ON a, f(b) FROM t;\n'],
    ['15', 'VIEW', 'CREATE VIEW v AS\n SELECT XMLSERIALIZE(CONTENT a AS text INDENT) AS b FROM c;\n'],
    ['13', 'VIEW', 'CREATE VIEW v AS\n SELECT x.a FROM (b JOIN c USING (a, d) AS x);\n'],
    ['13', 'VIEW', 'CREATE VIEW v AS\n SELECT a FROM b GROUP BY DISTINCT ROLLUP(a, c), a;\n'],
    ['16', 'VIEW', "CREATE VIEW v AS\n SELECT JSON('{}'::text WITH UNIQUE KEYS) AS a;\n"],
    ['16', 'VIEW', "CREATE VIEW v AS\n SELECT JSON(f('\\x7b7d'::bytea) FORMAT JSON ENCODING UTF8) AS a;\n"],
    [
      '16',
      'FUNCTION',
      'CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC MERGE INTO a USING b ON c WHEN NOT MATCHED BY SOURCE THEN DELETE; END;\n',
    ],
    [
      '16',
      'FUNCTION',
      'CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC WITH w AS (MERGE INTO a USING b ON (c) WHEN MATCHED THEN DELETE RETURNING a.d) SELECT w.d FROM w; END;\n',
    ],
    ['17', 'RULE', 'CREATE RULE r AS ON UPDATE TO a DO INSTEAD UPDATE b SET c = 1 RETURNING WITH (OLD AS o) o.c;\n'],
    ['13', 'TABLE', 'CREATE TABLE a (b int DEFAULT bit_xor(1));\n'],
    ['17', 'TABLE', 'CREATE TABLE a (b int, NOT NULL c NO INHERIT)\nINHERITS (d);\n'],
    ['17', 'TABLE', 'CREATE TABLE a (b uuid DEFAULT uuidv7());\n'],
    ['17', 'TABLE', 'CREATE TABLE "a" ("b" "uuid" DEFAULT "uuidv7"());\n'],
    ['13', 'TABLE', 'CREATE TABLE "a" ("b" "int4multirange");\n'],
    ['14', 'VIEW', 'CREATE VIEW "v" WITH ("security_invoker"=\'true\') AS\n SELECT 1;\n'],
    ['17', 'COLLATION', "CREATE COLLATION c (provider = builtin, locale = 'PG_UNICODE_FAST');\n"],
    ['14', 'TABLE', 'CREATE TABLE a (b numeric(3,-2));\n'],
    ['14', 'TABLE', 'CREATE TABLE a (b numeric(2,5));\n'],
    ['13', 'PROCEDURE', 'CREATE PROCEDURE p(IN a int, OUT b int) LANGUAGE plpgsql AS $$ $$;\n'],
    ['13', 'VIEW', 'CREATE VIEW v AS WITH RECURSIVE w AS (SELECT 1) CYCLE a, b SET c USING d SELECT 1;\n'],
    ['13', 'INDEX', 'CREATE INDEX i ON a USING brin (b int4_minmax_multi_ops);\n'],
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
    ['12', 'INDEX', "CREATE INDEX i ON s.t USING gist (a tsvector_ops (siglen='100'));\n"],
    ['10', 'TRIGGER', '\nALTER TABLE s.part DISABLE TRIGGER t;\n'],
    ['10', 'PUBLICATION', "CREATE PUBLICATION p WITH (publish = 'truncate');\n"],
  ])('leaves alone and reports what %s refuses: %s', (target, desc, sql) => {
    expect(adapt(target, desc, sql)).toEqual({ sql, findings: ['error'] })
  })

  it.each([
    ['18', 'TABLE', 'CREATE TABLE a (b int CONSTRAINT n NOT NULL, CONSTRAINT m NOT NULL c);\n'],
    ['17', 'TABLE', 'CREATE TABLE a (b int NOT NULL, c int GENERATED ALWAYS AS (b) STORED);\n'],
    ['17', 'TABLE', 'CREATE TABLE a (b int, CHECK (b IS NOT NULL));\n'],
    ['13', 'TABLE', 'CREATE TABLE a (b numeric(5,2), c numeric(5,5), d numeric(5));\n'],
    ['13', 'VIEW', 'CREATE VIEW v AS SELECT s.uuidv7(), uuidv7 FROM s.gamma;\n'],
    ['13', 'VIEW', "CREATE VIEW v AS SELECT json_object('{a,1}'::text[]);\n"],
    ['13', 'SEQUENCE', 'CREATE SEQUENCE s CYCLE;\n'],
    ['12', 'INDEX', "CREATE INDEX i ON s.t USING gist (a, lower((b = 'x'::text))) WITH (buffering='on');\n"],
    ['13', 'INDEX', "CREATE INDEX i ON s.t USING gist (a tsvector_ops (siglen='100'));\n"],
    ['11', 'TRIGGER', '\nALTER TABLE s.part DISABLE TRIGGER t;\n'],
    ['10', 'PUBLICATION', "CREATE PUBLICATION truncate WITH (publish = 'insert');\n"],
    ['12', 'STATISTICS', 'ALTER STATISTICS s.statistics OWNER TO a;\n'],
    ['13', 'PROCEDURE', 'CREATE PROCEDURE p(INOUT a int) LANGUAGE sql AS $$ SELECT 1 $$;\n'],
    ['13', 'INDEX', 'CREATE INDEX i ON a USING brin (b);\n'],
    ['17', 'FK CONSTRAINT', 'ALTER TABLE ONLY a ADD CONSTRAINT f FOREIGN KEY (p, period) REFERENCES b(p, period);\n'],
    ['13', 'FUNCTION', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ BEGIN ATOMIC; RETURN 1 $$;\n'],
    [
      '16',
      'PROCEDURE',
      'CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC MERGE INTO a USING b ON c WHEN MATCHED THEN DELETE; DELETE FROM a RETURNING a.d; END;\n',
    ],
    ['13', 'TABLE', 'CREATE TABLE a ("int4multirange" int, c s.int4multirange);\n'],
    ['14', 'CONSTRAINT', 'ALTER TABLE ONLY a ADD CONSTRAINT "nulls not distinct" UNIQUE (b);\n'],
    ['16', 'VIEW', 'CREATE VIEW v AS SELECT app.json_value(x) FROM y;\n'],
    ['10', 'COMMENT', "COMMENT ON TABLE a IS 'EXECUTE FUNCTION f()';\n"],
  ])('finds nothing wrong for %s: %s', (target, desc, sql) => {
    expect(adapt(target, desc, sql)).toEqual({ sql, findings: [] })
  })

  it('leaves out comments on constraints that lose their names', () => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(17, null, settings, (finding) => findings.push(finding))
    adapter.adapt(entryOf(1, { desc: 'TABLE' }), 'CREATE TABLE public."T" (\n    b int CONSTRAINT "N" NOT NULL\n);\n')
    const comment = (tag: string): string => adapter.adapt(entryOf(2, { desc: 'COMMENT', tag }), 'COMMENT …;\n')
    expect(comment('CONSTRAINT "N" ON "T"')).toBe('')
    expect(comment('CONSTRAINT n ON "T"')).toBe('COMMENT …;\n')
    expect(findings.map(({ dumpId, severity }) => [dumpId, severity])).toEqual([
      [1, 'info'],
      [2, 'info'],
    ])
  })

  it('leaves them out whatever bytes their names have', () => {
    const adapter = new TargetAdapter(17, null, settings, () => undefined)
    const name = utf8ToByteString('"Ünï"')
    adapter.adapt(
      entryOf(1, { desc: 'TABLE' }),
      `CREATE TABLE public.${name} (\n    b int CONSTRAINT ${name} NOT NULL\n);\n`,
    )
    const comment = entryOf(2, { desc: 'COMMENT', tag: 'CONSTRAINT "Ünï" ON "Ünï"' })
    expect(adapter.adapt(comment, 'COMMENT …;\n')).toBe('')
  })

  it('knows which types are multiranges', () => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(13, null, settings, (finding) => findings.push(finding))
    const type = 'CREATE TYPE s.span AS RANGE (\n    subtype = integer,\n    multirange_type_name = s."Spans"\n);\n'
    adapter.adapt(entryOf(1, { desc: 'TYPE' }), type)
    adapter.adapt(entryOf(2, { desc: 'TABLE' }), 'CREATE TABLE s.t (a s.span, b s.spans);\n')
    adapter.adapt(entryOf(3, { desc: 'TABLE' }), 'CREATE TABLE s.u (a s."Spans"[]);\n')
    expect(findings.map(({ dumpId, severity }) => [dumpId, severity])).toEqual([
      [1, 'info'],
      [3, 'error'],
    ])
  })

  it.each<readonly [string, string, string, boolean]>([
    ['11', 'CONSTRAINT', 'ALTER TABLE ONLY public.p\n    ADD CONSTRAINT k PRIMARY KEY (a);\n', false],
    ['10', 'CONSTRAINT', 'ALTER TABLE ONLY public.p\n    ADD CONSTRAINT k PRIMARY KEY (a);\n', true],
    ['10', 'CONSTRAINT', 'ALTER TABLE ONLY public.q\n    ADD CONSTRAINT k UNIQUE (a);\n', false],
    [
      '10',
      'FK CONSTRAINT',
      'ALTER TABLE public.p\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.q(a);\n',
      true,
    ],
    [
      '11',
      'FK CONSTRAINT',
      'ALTER TABLE public.p\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.q(a);\n',
      false,
    ],
    [
      '11',
      'FK CONSTRAINT',
      'ALTER TABLE ONLY public.q\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.p(a);\n',
      true,
    ],
    [
      '12',
      'FK CONSTRAINT',
      'ALTER TABLE ONLY public.q\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.p(a);\n',
      false,
    ],
    ...['p', 'q'].flatMap((table) =>
      ['17', '18'].map((target): readonly [string, string, string, boolean] => [
        target,
        'FK CONSTRAINT',
        `ALTER TABLE public.${table}\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.q(a) NOT VALID;\n`,
        table === 'p' && target === '17',
      ]),
    ),
    ['10', 'TRIGGER', 'CREATE TRIGGER t AFTER INSERT ON public.p FOR EACH ROW EXECUTE FUNCTION s.f();\n', true],
    ['10', 'TRIGGER', 'CREATE TRIGGER t AFTER INSERT ON public.p FOR EACH STATEMENT EXECUTE FUNCTION s.f();\n', false],
    ['11', 'TRIGGER', 'CREATE TRIGGER t AFTER INSERT ON public.p FOR EACH ROW EXECUTE FUNCTION s.f();\n', false],
    ['12', 'TRIGGER', 'CREATE TRIGGER t BEFORE INSERT ON public.p FOR EACH ROW EXECUTE FUNCTION s.f();\n', true],
    ['13', 'TRIGGER', 'CREATE TRIGGER t BEFORE INSERT ON public.p FOR EACH ROW EXECUTE FUNCTION s.f();\n', false],
  ])('knows what partitioned tables of %s lack: %s %s', (target, desc, sql, isRefused) => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(parseTarget(target), null, settings, (finding) => findings.push(finding))
    adapter.adapt(entryOf(1, { desc: 'TABLE' }), 'CREATE TABLE public.p (\n    a int\n)\nPARTITION BY LIST (a);\n')
    adapter.adapt(entryOf(3, { desc }), sql)
    expect(findings.filter(({ dumpId }) => dumpId === 3).map(({ severity }) => severity)).toEqual(
      isRefused ? ['error'] : [],
    )
  })

  it('knows which tables are partitioned', () => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(16, null, settings, (finding) => findings.push(finding))
    const exclude = (table: string): string =>
      `ALTER TABLE ONLY public.${table}\n    ADD CONSTRAINT x EXCLUDE USING gist (a WITH =);\n`
    adapter.adapt(entryOf(1, { desc: 'TABLE' }), 'CREATE TABLE public.p (\n    a int\n)\nPARTITION BY LIST (a);\n')
    adapter.adapt(entryOf(2, { desc: 'CONSTRAINT' }), exclude('q'))
    adapter.adapt(entryOf(3, { desc: 'CONSTRAINT' }), exclude('p'))
    expect(findings).toMatchObject([{ dumpId: 3, severity: 'error' }])
  })

  it.each([
    ['14', '15.4', 1],
    ['14', '14.1 (Debian)', 0],
    ['15', '18.6', 0],
    ['14', null, 0],
  ])('tells once that %s opens the schema public of an archive of %s: %d', (target, source, count) => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(parseTarget(target), source, settings, (finding) => findings.push(finding))
    for (const id of [1, 2]) adapter.adapt(entryOf(id, { desc: 'VIEW' }), 'CREATE VIEW public.v AS SELECT 1;\n')
    expect(findings.filter(({ code }) => code === 'TARGET_ALLOWS')).toHaveLength(count)
  })

  it('names entry and reason', () => {
    const findings: Finding[] = []
    const adapter = new TargetAdapter(14, null, settings, (finding) => findings.push(finding))
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
