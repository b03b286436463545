import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, test } from 'vitest'
import { ArchiveError, create, filter, open, restore, ServerError } from '../../../src/index.ts'
import type { CopyInput, RestoreTarget } from '../../../src/index.ts'
import { fixture } from '../../helpers/corpus.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-restore-unit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = fixture('18/full-Fc.dump').file

/** What became of each COPY, and what was asked, by a target that no server stands behind: for what servers do not do. */
class Recorder implements RestoreTarget {
  readonly asked: string[] = []
  readonly copies: string[] = []
  refuse: (sql: string) => Error | undefined = () => undefined
  refuseRows: (sql: string) => Error | undefined = () => undefined

  async query(sql: Uint8Array): Promise<void> {
    const text = Buffer.from(sql).toString('latin1')
    this.asked.push(text)
    const error = this.refuse(text)
    if (error !== undefined) throw error
  }

  async copyFrom(copyStatement: Uint8Array): Promise<CopyInput> {
    const sql = Buffer.from(copyStatement).toString('latin1')
    const end = (what: string) => async () => void this.copies.push(what)
    const write = async (): Promise<void> => {
      const error = this.refuseRows(sql)
      if (error !== undefined) throw error
    }
    return { write, end: end('end'), abort: end('abort') }
  }
}

const refusal = (message: string, sqlState: string): ServerError => new ServerError(message, { sqlState })

describe('restore()', () => {
  test('groups failures by kind, with what would have helped', async () => {
    await using archive = await open(file)
    const target = new Recorder()
    target.refuse = (sql) => {
      const role = /OWNER TO (alice|bob);/.exec(sql)?.[1]
      if (role !== undefined) return refusal(`role "${role}" does not exist`, '42704')
      return sql.startsWith('CREATE SCHEMA plain') ? refusal('schema "plain" already exists', '42P06') : undefined
    }
    const { complete, failed, failures, groups } = await restore(archive, target)
    expect(complete).toBe(true)
    expect(failures).toHaveLength(failed)
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(failed)
    expect(groups).toMatchObject([
      {
        cause: 'roles that do not exist',
        messages: expect.arrayContaining(['role "alice" does not exist', 'role "bob" does not exist']),
        count: failed - 1,
        hint: expect.stringContaining('--no-owner'),
      },
      { cause: 'objects that are there already', count: 1, entries: ['SCHEMA plain'] },
    ])
  })

  test('stops at the first failure when asked to, and always in a single transaction, which is rolled back', async () => {
    for (const options of [{ onError: 'stop' }, { onError: 'continue', singleTransaction: true }] as const) {
      await using archive = await open(file)
      const target = new Recorder()
      target.refuse = (sql) => (/OWNER TO bob/.test(sql) ? refusal('role "bob" does not exist', '42704') : undefined)
      const { complete, failed } = await restore(archive, target, options)
      expect({ complete, failed }).toEqual({ complete: false, failed: 1 })
      // without a transaction a server warns of it
      expect(target.asked.filter((sql) => sql === 'ROLLBACK;')).toHaveLength('singleTransaction' in options ? 1 : 0)
    }
  })

  test('does not go on without what pg_restore does not go on without, whatever is asked for', async () => {
    for (const [pattern, options] of [
      [/set_config\('search_path'/, {}],
      [/^SET SESSION AUTHORIZATION/, { useSetSessionAuthorization: true }],
      [/lo_open/, {}],
    ] as const) {
      await using archive = await open(file)
      const target = new Recorder()
      target.refuse = (sql) => (pattern.test(sql) ? refusal('no', '42501') : undefined)
      const { complete, failures } = await restore(archive, target, { ...options, onError: () => 'continue' })
      expect({ complete, failures }).toMatchObject({ complete: false, failures: [{ fatal: true }] })
    }
  })

  test('goes on after a large object that cannot be written', async () => {
    await using archive = await open(file)
    const target = new Recorder()
    target.refuse = (sql) => (/lowrite/.test(sql) ? refusal('no', '53100') : undefined)
    const { complete, failures } = await restore(archive, target)
    expect(complete).toBe(true)
    expect(failures[0]).toMatchObject({ complaint: 'could not write to large object', fatal: false })
    expect(target.asked).not.toContain('ROLLBACK;')
  })

  test('passes on an ArchiveError of the target', async () => {
    await using archive = await open(file)
    const target = new Recorder()
    const error = new ArchiveError('UNSUPPORTED', 'Cannot do that')
    target.refuse = (sql) => (sql.startsWith('CREATE TABLE') ? error : undefined)
    await expect(restore(archive, target)).rejects.toBe(error)
  })

  test('ends at once when the signal comes while a target is silent that cannot cancel', async () => {
    await using archive = await open(file)
    const target = new Recorder()
    const abort = new AbortController()
    const reason = new Error('enough')
    target.query = async (sql) => {
      target.asked.push(Buffer.from(sql).toString('latin1'))
      if (target.asked.length === 3) await new Promise(() => setTimeout(() => abort.abort(reason), 10))
    }
    await expect(restore(archive, target, { signal: abort.signal })).rejects.toBe(reason)
    expect(target.asked).toHaveLength(3)
  })

  test('keeps the beginnings of long statements, and not the statements', async () => {
    setFlagsFromString('--expose-gc')
    const gc: () => void = runInNewContext('gc')
    const memory = async (): Promise<number> => {
      // what is freed outside of the heap is counted later
      for (let times = 0; times < 3; times++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      // long strings may be outside of the heap
      return heapUsed + external - arrayBuffers
    }
    const count = 20
    const length = 2_000_000
    const path = join(folder, 'long')
    const writer = await create(path)
    for (let at = 0; at < count; at++) {
      const defn = `CREATE VIEW public.v${at} AS SELECT '${'x'.repeat(length)}';\n`
      writer.addEntry({ desc: 'VIEW', tag: `v${at}`, namespace: 'public', defn })
    }
    await writer.finish()
    const before = await memory()
    const failures = await (async () => {
      await using archive = await open(path)
      const target = new Recorder()
      target.refuse = (sql) => {
        target.asked.length = 0
        return /CREATE VIEW/.test(sql) ? refusal('no', '42501') : undefined
      }
      const { failures: kept } = await restore(archive, target)
      return kept.map(({ statement }) => statement)
    })()
    expect(failures.map((statement) => statement?.length)).toEqual(Array.from({ length: count }, () => 1000))
    expect((await memory()) - before).toBeLessThan((count * length) / 4)
    expect(failures).toHaveLength(count)
  })

  test('asks a function about each failure, which may stop it', async () => {
    await using archive = await open(file)
    const target = new Recorder()
    target.refuse = (sql) => (/OWNER TO/.test(sql) ? refusal('no', '42704') : undefined)
    const seen: unknown[] = []
    const { failed } = await restore(archive, target, {
      onError: async ({ entry, statement }) => {
        seen.push([entry?.desc, statement?.includes('OWNER TO')])
        return seen.length < 3 ? 'continue' : 'stop'
      },
    })
    expect([failed, seen.length]).toEqual([3, 3])
    expect(seen).toContainEqual(['SCHEMA', true])
  })

  test('takes any error but a ServerError, and the end of a session, for a lost connection', async () => {
    const endings = [
      new Error('read ECONNRESET'),
      new ServerError('terminating connection', { severity: 'FATAL', sqlState: '57P01' }),
    ]
    for (const cause of endings) {
      await using archive = await open(file)
      const target = new Recorder()
      target.refuse = (sql) => (sql.startsWith('CREATE TABLE') ? cause : undefined)
      await expect(restore(archive, target)).rejects.toMatchObject({ code: 'CONNECTION_LOST', cause })
      expect(target.asked).not.toContain('ROLLBACK;')
    }
  })

  test.each([
    ['CREATE TABLE', {}, 'The database is INCOMPLETE'],
    ['CREATE TABLE', { singleTransaction: true }, 'Nothing was restored'],
    ['BEGIN', { singleTransaction: true }, 'Nothing was restored'],
    ['COMMIT', { singleTransaction: true }, 'lost at the COMMIT'],
  ])('says what is left where the connection is lost at %s, with %o', async (at, options, hint) => {
    await using archive = await open(file)
    const target = new Recorder()
    target.refuse = (sql) => (sql.startsWith(at) ? new Error('read ECONNRESET') : undefined)
    const lost = { code: 'CONNECTION_LOST', hint: expect.stringContaining(hint) }
    await expect(restore(archive, target, options)).rejects.toMatchObject(lost)
  })

  test('ends a COPY without rows when its data cannot be read', async () => {
    const bytes = readFileSync(fixture('18/full-Fc-pipe.dump').file)
    // cut within the data of a table, and read as from a pipe
    await using archive = await open(Readable.from([bytes.subarray(0, Math.floor(bytes.length * 0.8))]))
    const target = new Recorder()
    await expect(restore(filter(archive, { dataOnly: true }), target)).rejects.toMatchObject({
      code: expect.any(String),
    })
    expect(target.copies.at(-1)).toBe('abort')
  })

  test('goes on after rows that the server refuses', async () => {
    await using archive = await open(file)
    const target = new Recorder()
    let first: string | undefined
    target.refuseRows = (sql) => ((first ??= sql) === sql ? refusal('bad row', '22P02') : undefined)
    const { complete, failures } = await restore(archive, target)
    expect(complete).toBe(true)
    expect(failures).toMatchObject([
      { complaint: expect.stringMatching(/^COPY failed for table "/), statement: undefined },
    ])
  })

  test('creates no database where the target has only one', async () => {
    await using archive = await open(file)
    const restored = restore(filter(archive, { create: true }), new Recorder())
    await expect(restored).rejects.toMatchObject({ code: 'USAGE' })
  })
})
