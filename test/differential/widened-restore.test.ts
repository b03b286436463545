import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../src/archive.ts'
import { filter } from '../../src/ops/filter.ts'
import type { FilteredView, Selection } from '../../src/ops/selection.ts'
import { toSql } from '../../src/ops/to-sql.ts'
import type { TocEntry } from '../../src/toc/types.ts'
import { partOf } from '../helpers/part.ts'
import { root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/*
 * Every relation and every function of a database in which objects need each other in all ways there are
 * (test/postgres/rich.sql) is taken out of its dump with what it needs, and restored into an empty database, where
 * psql must find nothing wrong.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-widened-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const relations = new Set(['TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE', 'SEQUENCE'])
const role = 'pgdmp_rich'

/** A relation as a pattern that matches it alone. */
function patternOf({ namespace, tag }: TocEntry): string {
  const quoted = (name: string | null): string => `"${(name ?? '').replaceAll('"', '""')}"`
  return `${quoted(namespace)}.${quoted(tag)}`
}

const variants: readonly (readonly [string, Selection])[] = [
  ['withDependencies', { withDependencies: true }],
  ['both', { withDependencies: true, withDependents: true }],
]

if (servers.length === 0) test('what comes along restores', ({ skip }) => skip(withoutServers))

/** Counts the rows of a relation, those of inheritance children left out: they are tables of their own. */
function countOf(entry: TocEntry): string {
  const count = `SELECT count(*) FROM ${patternOf(entry)}`
  const children = 'SELECT inhrelid FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE NOT relispartition'
  return entry.desc === 'TABLE' ? `${count} WHERE tableoid NOT IN (${children})` : count
}

describe.each(servers)('a dump of $version', (server) => {
  const source = `pgdmp_rich_${process.pid}`
  const target = `pgdmp_part_${process.pid}`
  const file = join(folder, `${server.major}.dump`)
  let madeRole = false
  let archive: Archive

  beforeAll(async () => {
    madeRole = server.ask([`SELECT count(*) FROM pg_roles WHERE rolname = '${role}'`]).trim() === '0'
    server.ask([
      ...(madeRole ? [`CREATE ROLE ${role}`] : []),
      `CREATE DATABASE ${source} TEMPLATE template0`,
      `CREATE DATABASE ${target} TEMPLATE template0`,
    ])
    const script = join(root, 'test/postgres/rich.sql')
    execFileSync(server.psql, ['-Xqf', script, '-d', server.database(source)], { stdio: ['ignore', 'ignore', 'pipe'] })
    execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(source)])
    archive = await open(file)
  })

  afterAll(async () => {
    await archive.close()
    server.ask([`DROP DATABASE IF EXISTS ${target}`, `DROP DATABASE IF EXISTS ${source}`])
    if (madeRole) server.ask([`DROP ROLE ${role}`])
  })

  /** Restores a view into an empty database, which stays empty; gives what psql complains of, or what a query gives. */
  async function restore(view: FilteredView, query = "SELECT 'done'"): Promise<string> {
    const script = await toSql(view, { restrictKey: false, compat: String(server.major) }).bytes()
    const end = `SET CONSTRAINTS ALL IMMEDIATE;\n${query};\nROLLBACK;\n`
    const stdin = Buffer.concat([Buffer.from('BEGIN;\n'), script, Buffer.from(end)])
    const outcome = await run(server.psql, ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', server.database(target)], { stdin })
    return outcome.status === 0 ? (outcome.stdout.toString().trimEnd().split('\n').at(-1) ?? '') : outcome.stderr
  }

  /** What a query gives in the database that was dumped; undefined where it asks for a foreign table. */
  function expected(query: string): string | undefined {
    try {
      return server.ask([query], source).trim()
    } catch {
      return undefined
    }
  }

  test.each(partOf(variants, ([name]) => `${server.major} ${name}`))(
    'restores each relation alone: %s',
    { timeout: 600_000 },
    async (name, options) => {
      const failed: string[] = []
      for (const entry of archive.toc.filter(({ desc }) => relations.has(desc))) {
        const view = filter(archive, { match: 'pattern', tables: [patternOf(entry)], ...options })
        expect(view.reason(entry)).toEqual({ why: 'selected' })
        // the rows of partitions come with dependents only
        const count = name === 'both' ? expected(countOf(entry)) : undefined
        const outcome = await restore(view, count === undefined ? undefined : countOf(entry))
        const wanted = count ?? 'done'
        if (outcome !== wanted) failed.push(`${entry.desc} ${patternOf(entry)}: ${outcome}, not ${wanted}`)
      }
      expect(failed).toEqual([])
    },
  )

  test('restores each function and each schema alone', { timeout: 600_000 }, async () => {
    const failed: string[] = []
    const selections = archive.toc.flatMap(({ desc, tag }): Selection[] => {
      if (desc === 'SCHEMA') return [{ schemas: [tag ?? ''] }]
      return desc === 'FUNCTION' || desc === 'AGGREGATE' ? [{ functions: [tag ?? ''] }] : []
    })
    for (const selection of selections) {
      const outcome = await restore(filter(archive, { ...selection, withDependencies: true }))
      if (outcome !== 'done') failed.push(`${JSON.stringify(selection)}: ${outcome}`)
    }
    expect(failed).toEqual([])
  })
})
