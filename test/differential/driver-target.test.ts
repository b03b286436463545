import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import { expect, test } from 'vitest'
import { filter, open, restore, type RestoreTarget } from '../../src/index.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers, type Server } from '../helpers/servers.ts'

/* A target made of a driver alone: its streams are the COPY, its errors the server's refusals. */

const source = [
  'CREATE TABLE a (x int, t text)',
  "INSERT INTO a SELECT g, repeat('row', 100) FROM generate_series(1, 20000) g",
  'CREATE TABLE b (x int PRIMARY KEY)',
  'INSERT INTO b SELECT generate_series(1, 100)',
]

async function archiveOf(server: Server): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'pgdmp-driver-'))
  const file = join(folder, 'archive')
  try {
    await inNewDatabase(server, async (name) => {
      server.ask(source, name)
      await run(server.pgDump, ['-Fc', '-d', server.database(name), '-f', file])
    })
    return readFileSync(file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('restore() takes the streams and errors of a driver', async ({ skip }) => {
  const server = servers.at(-1)
  if (server === undefined) return skip(withoutServers)
  const archive = await archiveOf(server)
  await inNewDatabase(server, async (name) => {
    const client = new pg.Client(server.uri(name))
    await client.connect()
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
    const target: RestoreTarget = {
      query: async (sql) => void (await client.query(text(sql))),
      copyFrom: (statement) => client.query(from(text(statement))),
    }
    const counts = async (): Promise<unknown> =>
      (
        await client.query(
          'SELECT (SELECT count(*)::int FROM public.a) AS a, (SELECT count(*)::int FROM public.b) AS b',
        )
      ).rows
    try {
      await using first = await open(archive)
      expect(await restore(first, target)).toMatchObject({ complete: true, failed: 0 })
      expect(await counts()).toEqual([{ a: 20000, b: 100 }])
      // tables, the key, and its rows are there already
      await using again = await open(archive)
      const { complete, failures } = await restore(again, target)
      expect(complete).toBe(true)
      expect(failures.map(({ error }) => error.sqlState).sort()).toEqual(['23505', '42P07', '42P07', '42P16'])
      expect(await counts()).toEqual([{ a: 40000, b: 100 }])
      // a COPY that cannot be read on
      await using cut = await open(archive.subarray(0, archive.length / 2))
      await expect(restore(filter(cut, { dataOnly: true }), target)).rejects.toMatchObject({ code: 'UNEXPECTED_EOF' })
      expect(await counts()).toEqual([{ a: 40000, b: 100 }])
    } finally {
      await client.end()
    }
  })
})
