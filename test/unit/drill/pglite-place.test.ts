import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, expect, test } from 'vitest'
import { pglitePlace } from '../../../src/restore/pglite.ts'
import { differencesOf } from '../../../src/restore/pglite-differences.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-pglite-place-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a folder with a database in it is refused, and left as it is', { timeout: 60_000 }, async () => {
  const dataDir = join(folder, 'used')
  const options = { encoding: 'UTF8', extensions: [] }
  const place = pglitePlace({ dataDir })
  const database = await place.open({ ...options, databaseOptions: '' })
  // a new one
  expect(database.differences).toEqual(['its encoding is UTF8 and its locale is C: the archive does not tell its own'])
  await database.target.query(new TextEncoder().encode('CREATE TABLE mine (a integer)'))
  await database.close([])
  await expect(place.open({ ...options, databaseOptions: '' })).rejects.toMatchObject({
    code: 'USAGE',
    hint: 'Name a folder that is not there yet',
  })
  // it was closed, so that it can be opened
  const mine = await PGlite.create({ dataDir })
  expect((await mine.query('SELECT relname FROM pg_class WHERE oid >= 16384')).rows).toEqual([{ relname: 'mine' }])
  await mine.close()
})

test.each([
  ["LOCALE_PROVIDER = libc LC_COLLATE = 'C' LC_CTYPE = 'C.UTF-8'", undefined],
  ["LOCALE_PROVIDER = libc LC_COLLATE = 'C' LC_CTYPE = 'de_DE.UTF-8'", 'de_DE.UTF-8'],
  ["LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'und'", 'und'],
  ["LOCALE_PROVIDER = builtin LOCALE = 'C' BUILTIN_LOCALE = 'C'", undefined],
  ["LC_COLLATE = 'sv_SE' LC_CTYPE = 'de_DE'", 'sv_SE and de_DE'],
])('a database with %s differs by %s', (settings, locale) => {
  const wanted = { encoding: 'UTF8', extensions: [], databaseOptions: `ENCODING = 'UTF8' ${settings}` }
  expect(differencesOf(wanted)).toEqual(locale === undefined ? [] : [`its locale is C, in the archive ${locale}`])
})
