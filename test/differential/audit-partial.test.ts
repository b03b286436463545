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
]
/** What the text of one column does not say. */
const leftOut = ['n > 1', 'b AND d IS NULL', `s = E'a\\\\b'`, 'pair IS NULL', "lower(s) = 'x'", 'f = 1']
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
]

describe.each(servers.map((server) => [server.major, server] as const))('a server of %i', (major, server) => {
  test('auditData() finds what a partial unique index refuses, and nothing else', { timeout: 300_000 }, async () => {
    const file = join(folder, `${major}.dump`)
    server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
    try {
      server.ask(setUp, name)
      execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
      await using archive = await open(file)
      let refusals = 0
      for (const table of tables) {
        const moved = mapEntries(archive, (entry) =>
          entry.desc === 'INDEX'
            ? withFields(
                entry,
                { fields: { defn: (defn) => (defn ?? '').replace('ON public.model', `ON public.${table}`) } },
                decoderFor('UTF8'),
              )
            : entry,
        )
        const data = await auditData(moved)
        const refused = predicates.flatMap((where, at) => {
          const create = `CREATE UNIQUE INDEX ON ${table} (k) WHERE ${where}`
          const ask = `DO $$BEGIN ${create}; EXCEPTION WHEN unique_violation THEN CREATE TABLE refused(); END$$`
          const answer = server.ask(['BEGIN', ask, "SELECT to_regclass('refused')", 'ROLLBACK'], name).trim()
          return answer === 'refused' ? [`i${at}`] : []
        })
        expect(data.duplicates.map(({ constraint }) => constraint.name).sort()).toEqual(refused.sort())
        expect(data.leftOut.map(({ what, why }) => `${what}: ${why}`).sort()).toEqual(
          leftOut.map((_, at) => `unique index i${predicates.length + at}: it is of some rows only`).sort(),
        )
        refusals += refused.length
      }
      const all = tables.length * predicates.length
      expect(refusals).toBeGreaterThan(all / 10)
      expect(refusals).toBeLessThan((all * 9) / 10)
    } finally {
      server.ask([`DROP DATABASE ${name}`])
    }
  })
})
