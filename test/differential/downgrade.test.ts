import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { convert } from '../../src/ops/convert.ts'
import { downgrade } from '../../src/ops/downgrade.ts'
import { toSql } from '../../src/ops/to-sql.ts'
import { compatRules } from '../../src/sql/compat.ts'
import { allArchives, corpusRoot, withoutCorpus } from '../helpers/corpus.ts'
import { postgres, withoutPostgres } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'

/*
 * Every archive of 17 and 18, and those of 16's version, become archives of 13 and 15, and the real pg_restore of that
 * release must say of each what pgdmp says of the downgraded view.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-downgrade-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const newer = allArchives().filter(({ archive_version }) => Number(archive_version.split('.')[1]) > 14)
const releases = postgres.filter(({ newestArchive }) => newestArchive === 14)

if (releases.length === 0) test('pg_restore of an older release', ({ skip }) => skip(withoutPostgres))
if (corpusRoot === undefined) test('the full corpus', ({ skip }) => skip(withoutCorpus))

describe.each(releases)('convert() with targetVersion $major', ({ major, version, pgRestore }) => {
  const targetVersion = String(major)

  test.concurrent.for(newer)('gives pg_restore $path to read', async ({ path, file }) => {
    const output = join(folder, `${major}-${path.replaceAll('/', '-')}`)
    await using archive = await open(file)
    const result = await convert(archive, output, { targetVersion })
    expect(result.archiveVersion.minor).toBe(14)
    const view = downgrade(archive, { targetVersion })
    const lost = view.losses().filter(({ kind }) => kind !== 'statistics')
    expect(result.warnings.filter(({ severity }) => severity === 'error')).toHaveLength(lost.length)

    const list = await run(pgRestore, ['-l', output])
    expect([list.status, list.stderr]).toEqual([0, ''])
    expect(list.stdout.toString()).toContain(`Dump Version: 1.14-0`)
    const key = compatRules(version).restrictKey ? ['--restrict-key=abc'] : []
    const script = await run(pgRestore, ['-f', '-', ...key, output])
    expect([script.status, script.stderr]).toEqual([0, ''])
    const wanted = toSql(view, { compat: version, ...(key.length > 0 && { restrictKey: 'abc' }) })
    expect(script.stdout.equals(await wanted.bytes({ maxBytes: Infinity }))).toBe(true)
    rmSync(output, { recursive: true })
  })
})
