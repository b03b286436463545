// @ts-check
// Tests with a database that is shaped as production's: vitest run restore-in-vitest.test.mjs
import { PGlite } from '@electric-sql/pglite'
import { filter, open, restore } from 'pgdmp'
import { pgliteTarget } from 'pgdmp/pglite'
import { afterAll, beforeAll, expect, test } from 'vitest'

const database = new PGlite()

beforeAll(async () => {
  const archive = await open(process.env['BACKUP'] ?? 'nightly.dump')
  const { failed, groups } = await restore(filter(archive, {}), pgliteTarget(database), {
    noOwner: true,
    noTablespaces: true,
  })
  await archive.close()
  if (failed > 0) throw new Error(groups.map(({ cause, count }) => `${count} × ${cause}`).join(', '))
}, 60_000)

afterAll(() => database.close())

test('the tables of the backup are there, and statistics of their rows', async () => {
  await database.exec('ANALYZE')
  const { rows } = await database.query(
    "SELECT sum(reltuples) AS sum FROM pg_class WHERE relkind = 'r' AND oid >= 16384",
  )
  expect(rows).toEqual([{ sum: expect.any(Number) }])
  expect(rows[0]?.sum).toBeGreaterThan(0)
})
