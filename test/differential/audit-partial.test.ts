import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { auditData } from '../../src/audit/audit-data.ts'
import { mapEntries } from '../../src/ops/map-entries.ts'
import { withFields } from '../../src/toc/changed-entry.ts'
import { decoderFor } from '../../src/toc/encoding.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/* Which unique indexes of some rows the audit says that rows break is compared with which of them a server refuses. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-partial-'))
const name = `pgdmp_partial_${process.pid}`

if (servers.length === 0) test('partial unique indexes are judged as by the server', ({ skip }) => skip(withoutServers))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const predicates = [
  'd IS NULL',
  'd IS NOT NULL',
  'b',
  'NOT b',
  'b IS TRUE',
  'b IS NOT TRUE',
  'b IS FALSE',
  'b IS NOT FALSE',
  'b = true',
  'n = 1',
  'n = -1',
  'big = 2',
  "s = 'x'",
  "s = ''",
  "v = 'x y'",
  `"Odd ""col" IS NULL`,
  `"Odd ""col" = 'NULL'`,
  `"user" IS NOT NULL`,
  'd IS NULL AND b',
  "b AND d IS NULL AND s <> ''",
  '(d IS NULL OR b) AND n = 1',
  'd IS NULL AND (b OR (n = 1 AND big = 2))',
  "s <> 'x'",
  "v <> 'x'",
  'n <> 1',
  'n <> -1 AND big <> 22',
  'n IN (1, 11)',
  'n IN (-1, 11) OR b',
  'big IN (2, 3)',
  "s IN ('x', '')",
  "v IN ('x', 'x y', 'a, b')",
  "s = ' AND ' OR s = '(' OR b",
  `"Odd ""col" = 'NULL' AND "user" IS NULL`,
  'b <> false',
]
/** What the text of one column does not say. */
const leftOut = [
  'n > 1',
  'b AND f = 1',
  'b OR n > 1',
  'NOT (b AND d IS NULL)',
  'b AND NOT (d IS NOT NULL)',
  "s NOT IN ('x', '')",
  'n IN (1, NULL)',
  `s = E'a\\\\b'`,
  'pair IS NULL',
  "lower(s) = 'x'",
  'f = 1',
]
/** Exclusion constraints, of all rows and of some. */
const exclusions = [
  '(k WITH =)',
  '(k WITH =, n WITH =)',
  '(s WITH =, k WITH =) WHERE (b AND d IS NULL)',
  '(k WITH =) WHERE (n <> 1) DEFERRABLE INITIALLY DEFERRED',
]
const excludedOtherwise: readonly (readonly [string, string])[] = [
  ['(k WITH =) WHERE (n > 1)', 'not by the text of its columns'],
  ['(f WITH =)', 'not by the text of its columns'],
  ['((k + 1) WITH =)', 'it compares otherwise than for equality'],
]
const tables = Array.from({ length: 12 }, (_, at) => `t${at + 1}`)

const columns =
  '(k integer, d timestamptz, b boolean, n smallint, big bigint, s text, v varchar(9), "Odd ""col" text, "user" date, pair pair, f float8)'
const oneOf = (...values: readonly string[]): string =>
  `(ARRAY[${values.join(', ')}])[1 + floor(random() * ${values.length})::int]`
const row = [
  'floor(random() * 40)::int',
  oneOf('NULL::timestamptz', "'2020-01-01 UTC'"),
  oneOf('true', 'false', 'NULL'),
  oneOf('1', '-1', 'NULL', '11'),
  oneOf('2', '22'),
  oneOf("'x'", "''", "E'\\\\N'", "E'x\\\\'", 'NULL'),
  oneOf("'x y'", "E'x\\ty'", "'x'"),
  oneOf("'NULL'", 'NULL', "''"),
  oneOf('NULL::date', "'2020-01-01'"),
  oneOf('NULL::pair', "'(,)'::pair"),
  oneOf('1', '1.5'),
]
const setUp = [
  'SELECT setseed(0.25)',
  'CREATE TYPE pair AS (a integer, b integer)',
  `CREATE TABLE model ${columns}`,
  ...tables.flatMap((table, at) => [
    `CREATE TABLE ${table} ${columns}`,
    `INSERT INTO ${table} SELECT ${row.join(', ')} FROM generate_series(1, ${2 + at * 2})`,
  ]),
  ...[...predicates, ...leftOut].map((where, at) => `CREATE UNIQUE INDEX i${at} ON model (k) WHERE ${where}`),
  ...[...exclusions, ...excludedOtherwise.map(([elements]) => elements)].map(
    (elements, at) => `ALTER TABLE model ADD CONSTRAINT x${at} EXCLUDE USING btree ${elements}`,
  ),
]

const ofLimits = [
  'CREATE EXTENSION citext',
  'CREATE TABLE plain (a integer PRIMARY KEY, s text UNIQUE)',
  'CREATE TABLE made (a integer, g integer GENERATED ALWAYS AS (a % 2) STORED, CONSTRAINT made_key UNIQUE (g))',
  'CREATE UNIQUE INDEX made_index ON made (a, g)',
  'CREATE TABLE refers (a integer, g integer GENERATED ALWAYS AS (a + 1) STORED CONSTRAINT refers_key REFERENCES plain)',
  'CREATE TABLE loose (c citext CONSTRAINT loose_pkey PRIMARY KEY, f real, i interval, n numeric[], p numeric)',
  'CREATE UNIQUE INDEX loose_f ON loose (f)',
  'CREATE UNIQUE INDEX loose_i ON loose (p, i)',
  'CREATE UNIQUE INDEX loose_n ON loose (n)',
  'CREATE UNIQUE INDEX exact_p ON loose (p)',
  "INSERT INTO loose VALUES ('a', 0, '1 mon', '{1}', 1), ('b', 1, '31 days', '{2}', 2)",
]
const ofPeriods = [
  'CREATE EXTENSION btree_gist',
  'CREATE TABLE temporal (id integer, valid daterange, CONSTRAINT temporal_pkey PRIMARY KEY (id, valid WITHOUT OVERLAPS))',
]

describe.each(servers.map((server) => [server.major, server] as const))('a server of %i', (major, server) => {
  test(
    'auditData() finds what a partial unique index or exclusion constraint refuses, and nothing else',
    { timeout: 300_000 },
    async () => {
      const file = join(folder, `${major}.dump`)
      server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
      try {
        server.ask(setUp, name)
        execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
        await using archive = await open(file)
        let refusals = 0
        for (const table of tables) {
          const moved = mapEntries(archive, (entry) =>
            entry.desc === 'INDEX' || entry.desc === 'CONSTRAINT'
              ? withFields(
                  entry,
                  { fields: { defn: (defn) => (defn ?? '').replace('public.model', `public.${table}`) } },
                  decoderFor('UTF8'),
                )
              : entry,
          )
          const data = await auditData(moved)
          const creates = [
            ...predicates.map((where, at) => [`i${at}`, `CREATE UNIQUE INDEX ON ${table} (k) WHERE ${where}`] as const),
            ...exclusions.map(
              (elements, at) => [`x${at}`, `ALTER TABLE ${table} ADD EXCLUDE USING btree ${elements}`] as const,
            ),
          ]
          const refused = creates.flatMap(([key, create]) => {
            const ask = `DO $$BEGIN ${create}; EXCEPTION WHEN unique_violation OR exclusion_violation THEN CREATE TABLE refused(); END$$`
            const answer = server.ask(['BEGIN', ask, "SELECT to_regclass('refused')", 'ROLLBACK'], name).trim()
            return answer === 'refused' ? [key] : []
          })
          expect(data.duplicates.map(({ constraint }) => constraint.name).sort()).toEqual(refused.sort())
          expect(data.leftOut.map(({ what, why }) => `${what}: ${why}`).sort()).toEqual(
            [
              ...leftOut.map((_, at) => `unique index i${predicates.length + at}: it is of some rows only`),
              ...excludedOtherwise.map(([, why], at) => `exclusion constraint x${exclusions.length + at}: ${why}`),
            ].sort(),
          )
          refusals += refused.length
        }
        const all = tables.length * (predicates.length + exclusions.length)
        expect(refusals).toBeGreaterThan(all / 10)
        expect(refusals).toBeLessThan((all * 9) / 10)
      } finally {
        server.ask([`DROP DATABASE ${name}`])
      }
    },
  )

  test('auditData() says of which keys not all is compared', { timeout: 300_000 }, async () => {
    const file = join(folder, `${major}-said.dump`)
    server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
    try {
      server.ask([...ofLimits, ...(major >= 18 ? ofPeriods : [])], name)
      execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
      await using archive = await open(file)
      const data = await auditData(archive)
      expect(data.duplicates).toEqual([])
      const severalWays = (column: string): string =>
        `equal values of its column ${column} that are written in several ways are not found`
      expect(data.leftOut.map(({ entry, what, why }) => `${entry.tag} ${what}: ${why}`).sort()).toEqual(
        [
          'made unique constraint made_key: its column g is generated, and not in the rows',
          'made unique index made_index: its column g is generated, and not in the rows',
          'refers foreign key refers_key: its column g is generated, and not in the rows',
          `loose primary key loose_pkey: ${severalWays('c')}`,
          `loose unique index loose_f: ${severalWays('f')}`,
          `loose unique index loose_i: ${severalWays('i')}`,
          `loose unique index loose_n: ${severalWays('n')}`,
          ...(major >= 18
            ? ['temporal primary key temporal_pkey: of its periods only those that are the same are found']
            : []),
        ].sort(),
      )
    } finally {
      server.ask([`DROP DATABASE ${name}`])
    }
  })
})
