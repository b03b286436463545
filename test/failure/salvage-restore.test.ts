import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { open, salvage } from '../../src/index.ts'
import { fixture } from '../helpers/corpus.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-restore-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const sound = readFileSync(fixture('derived/small-Fc.dump').file)
const zeroed = Buffer.from(sound)
zeroed.fill(0, 4582, 4861)
const inputs = [
  { name: 'cut within its data', bytes: sound.subarray(0, -100) },
  { name: 'damaged in its table of contents', bytes: zeroed },
]
const cases = servers.flatMap((server) =>
  inputs.map(({ name, bytes }) => ({ name, bytes, server, major: server.major })),
)

const quoted = (name: string | null): string => `"${(name ?? '').replaceAll('"', '""')}"`

test.skipIf(servers.length === 0)(`there are servers: ${servers.length === 0 ? withoutServers : ''}`, () => {
  expect(servers.length).toBeGreaterThan(0)
})

test.each(cases)('what is salvaged of an archive that is $name goes into server $major', async ({ server, bytes }) => {
  const input = join(scratch, `${server.major}.dump`)
  const output = join(scratch, `${server.major}.out`)
  writeFileSync(input, bytes)
  const { entries, whole } = await salvage(input, output, { overwrite: 'replace' })
  expect(whole).toBe(false)
  const database = `pgdmp_salvaged_${server.major}_${process.pid}`
  server.ask([`DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8'`])
  try {
    const restore = ['-O', '-x', '-d', server.database(database), output]
    const data = await run(server.pgRestore, ['-e', '--section=pre-data', '--section=data', ...restore])
    expect({ status: data.status, stderr: data.stderr }).toEqual({ status: 0, stderr: '' })
    // rows that are lost may be missed by a foreign key, by nothing else
    const { stderr } = await run(server.pgRestore, ['--section=post-data', ...restore])
    const errors = stderr.split('\n').filter((line) => line.includes('ERROR:') && !line.includes('foreign key'))
    expect(errors).toEqual([])
    await using archive = await open(output)
    let tables = 0
    for (const { dumpId, rowsKept } of entries) {
      const entry = archive.entry(dumpId)
      if (entry?.desc !== 'TABLE DATA' || rowsKept === null) continue
      tables++
      const count = server.ask([`SELECT count(*) FROM ${quoted(entry.namespace)}.${quoted(entry.tag)}`], database)
      expect(`${entry.tag}: ${count.trim()}`).toBe(`${entry.tag}: ${rowsKept}`)
    }
    expect(tables).toBeGreaterThan(0)
  } finally {
    server.ask([`DROP DATABASE ${database}`])
  }
})
