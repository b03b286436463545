// @ts-check
// A test that the last backup can be restored, and is whole: vitest run drill-in-vitest.test.mjs
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drill, open } from 'pgdmp'
import { pglitePlace } from 'pgdmp/pglite'
import { afterAll, expect, test } from 'vitest'

const folder = await mkdtemp(join(tmpdir(), 'drill-'))
afterAll(() => rm(folder, { recursive: true }))

/** What must hold of any backup of ours: each statement gives true. */
const checks = [
  {
    name: 'there are tables of ours',
    sql: `SELECT count(*) > 0 FROM pg_tables WHERE schemaname !~ '^(pg_|information_)'`,
  },
]

test('the backup restores, and holds what it says', { timeout: 120_000 }, async () => {
  const archive = await open(process.env['BACKUP'] ?? 'nightly.dump')
  // or embeddedPlace({ major: 18 }) of pgdmp/embedded-postgres: all of PostgreSQL, extensions too
  const report = await drill(archive, pglitePlace({ dataDir: join(folder, 'data') }), { checks })
  await archive.close()
  // says which tables, constraints or checks, and why
  expect([...report.problems, ...report.checks].filter(({ status }) => status === 'failed')).toEqual([])
  expect(report.rows).toBeGreaterThan(0)
})
