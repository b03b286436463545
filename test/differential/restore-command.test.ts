import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open, restore } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/* `pgdmp restore` and `restore()` with a real server, where there is no pg_restore to compare with. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-restore-command-'))
const server = servers.at(-1)
const made: string[] = []
afterAll(() => {
  for (const name of made) server?.ask([`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`])
  rmSync(folder, { recursive: true, force: true })
})

/** Without subscriptions, which would keep their database. */
const part = ['-n', 'plain', '--no-subscriptions']
const full = fixture('18/full-Fc.dump').file

function newName(): string {
  const name = `pgdmp_restore_command_${process.pid}_${made.length}`
  made.push(name)
  return name
}

describe.skipIf(server === undefined)(server === undefined ? withoutServers : 'pgdmp restore', () => {
  // the test is skipped where there is none
  const { ask, database } = server ?? { ask: () => '', database: () => '' }
  const pgdmp = (...args: string[]) => run(process.execPath, [cli, 'restore', ...args], { timeout: 120_000 })

  test('sums up at the end what the server refused, and keeps each in the log', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const log = join(folder, 'log')
    const { status, stderr } = await pgdmp('-q', '--log', log, ...part, '-d', database(name), full)
    expect(status).toBe(1)
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    const records = lines.map((line): Record<string, unknown> => JSON.parse(line))
    const end = records.at(-1)
    expect(end).toMatchObject({ event: 'end', complete: true, failed: records.length - 1 })
    expect(records[0]).toMatchObject({
      event: 'failure',
      sqlState: '3F000',
      statement: expect.stringContaining('plain.'),
    })
    expect(stderr).toContain(`the server refused ${records.length - 1} statements; the restore went on to its end:`)
  })

  test('creates the database under another name, and restores into it', async () => {
    const name = newName()
    const options = ['-C', '--database-name', name, '-O', '-d', database('postgres')]
    const { status, stderr } = await pgdmp(...options, fixture('18/latin1-Fc.dump').file)
    expect([status, stderr]).toEqual([0, expect.stringContaining('restored')])
    // the rows have their letters
    expect(ask([`SELECT count(*) FROM "Größe"."Straße"`], name).trim()).toBe('3')
    expect(ask([`SELECT count(*) FROM pg_tables WHERE schemaname = 'Größe'`]).trim()).toBe('0')
  })

  test('says so when the connection is lost, and what to do', async () => {
    const name = newName()
    ask([`CREATE DATABASE ${name} TEMPLATE template0`])
    const pairs = database(name)
      .split(' ')
      .map((pair) => pair.split('='))
    const { host = '', port = '', user = '', password = '' } = Object.fromEntries(pairs)
    const target = await connectPg({ host, port: Number(port), user, password, database: name })
    await using archive = await open(full)
    let ended = false
    const restored = restore(archive, target, {
      onProgress: ({ bytes }) => {
        if (bytes === 0 || ended) return
        ended = true
        ask([`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`])
      },
    })
    await expect(restored).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      hint: expect.stringContaining('incomplete'),
    })
    expect(ended).toBe(true)
  })

  test('has usage errors for what is missing or wrong', async () => {
    for (const args of [[full], ['-d', 'x', '--on-error', 'ask', full]]) {
      const { status, stderr } = await pgdmp(...args)
      expect([status, stderr]).toEqual([2, expect.stringContaining('restore: ')])
    }
  })
})
