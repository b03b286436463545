import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { citext } from '@electric-sql/pglite/contrib/citext'
import { file_fdw as fileFdw } from '@electric-sql/pglite/contrib/file_fdw'
import { afterAll, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { audit } from '../../src/audit/audit.ts'
import { targetProfile } from '../../src/audit/find-profile.ts'
import { root } from '../helpers/paths.ts'
import { serverOf, withoutServers } from '../helpers/servers.ts'

/* The definitions of an archive are run in PGlite, one entry after the other, and compared with what is foreseen. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-pglite-'))
const name = `pgdmp_pglite_${process.pid}`
const source = serverOf(18)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('in PGlite exactly those entries fail that the audit foresees', { timeout: 300_000 }, async ({ skip }) => {
  if (source === undefined) return skip(withoutServers)
  const file = join(folder, 'privileged.dump')
  source.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
  try {
    const env = { ...process.env, PGOPTIONS: '--client-min-messages=error' }
    const script = join(root, 'test/differential/privileged.sql')
    execFileSync(source.psql, ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', source.database(name), '-f', script], {
      env,
      stdio: 'pipe',
    })
    source.ask(['CREATE EXTENSION postgres_fdw SCHEMA app'], name)
    execFileSync(source.pgDump, ['-Fc', '-s', '-f', file, '-d', source.database(name)])
    source.ask(['DROP SUBSCRIPTION incoming'], name)
  } finally {
    source.ask([`DROP DATABASE ${name}`])
  }
  await using archive = await open(file)
  const { findings } = await audit(archive, { target: targetProfile('pglite') })
  const foreseen = findings
    .filter(({ category, severity }) => category === 'target' && severity === 'error')
    .map(({ dumpId }) => dumpId)
  const failed: number[] = []
  const database = await PGlite.create({ extensions: { citext, file_fdw: fileFdw } })
  await database.exec('SET check_function_bodies = off')
  for (const { dumpId, desc, defn } of archive.toc) {
    if (defn === null || ['ENCODING', 'STDSTRINGS', 'SEARCHPATH'].includes(desc)) continue
    try {
      await database.exec(defn)
    } catch {
      failed.push(dumpId)
    }
  }
  await database.close()
  const label = (ids: readonly (number | undefined)[]): string[] =>
    ids.map((id) => `${archive.entry(id ?? 0)?.desc} ${archive.entry(id ?? 0)?.tag}`).sort()
  expect(label(failed)).toEqual(label(foreseen))
})
