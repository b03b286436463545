import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copy } from '../../src/cli/copy.ts'
import { dump } from '../../src/cli/dump.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { verify } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { pgDumpText } from '../helpers/pg-dump-text.ts'
import { dropDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'
import { Fault, some, sweep, unhandled, untilEmpty } from '../helpers/sweep.ts'
import { watchCalls } from '../helpers/system-calls.ts'

/* A dump and a copy, with the real pg_dump, in which one thing goes wrong: see test/helpers/sweep.ts. */

const server = servers.at(-1)
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-dump-calls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const rejections = unhandled()

const objects = [
  'CREATE TABLE a (x int PRIMARY KEY, t text)',
  'INSERT INTO a SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 1500) g',
  'CREATE TABLE b (y serial, x int REFERENCES a)',
  'INSERT INTO b (x) SELECT generate_series(1, 30)',
  'CREATE INDEX ON b (x)',
  "SELECT lo_from_bytea(7001, 'seven thousand')",
]

const dumps = [
  { name: 'a custom archive', options: ['-Fc'] },
  { name: 'a tar archive', options: ['-Ft', '--globals'] },
  { name: 'a directory', options: ['-Fd', '-j', '2'] },
] as const
const copies = [
  { name: 'one session', options: [] },
  { name: 'two sessions', options: ['-j', '2'] },
] as const

/** Calls that give an output its name, or follow upon that. */
const naming = /, (?:close|fstat|fsync|link|open|unlink|undefined)$/

describe('what ends because one thing goes wrong', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { parameters } = server
  let source = ''
  let expected = ''
  let admin: PgTarget
  let made = 0

  const command = (sql: string): Promise<void> => admin.query(new TextEncoder().encode(sql))

  const contents = (name: string): Promise<string> => pgDumpText(server, name)

  beforeAll(async () => {
    admin = await connectPg(parameters('postgres'))
    source = newDatabase(server)
    server.ask(objects, source)
    expected = await contents(source)
  })
  afterAll(async () => {
    await admin.end()
    dropDatabase(server, source)
  })

  /** Runs a command as if it were the only one of its process, and checks what must be so whatever became of it. */
  const ended = async (
    fault: Fault,
    names: readonly string[],
    work: (terminal: Terminal, at: (name: string) => string) => Promise<number>,
  ): Promise<{ readonly value?: number; readonly error?: unknown; readonly said: string }> => {
    const { user, password } = parameters('postgres')
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    let said = ''
    for (const stream of [stdout, stderr]) stream.on('data', (chunk: Buffer) => void (said += chunk.toString()))
    // what else there is of a terminal is for passwords
    const terminal = {
      stdin: process.stdin,
      stdout,
      stderr,
      env: process.env,
      signal: fault.signal,
    } as unknown as Terminal
    const outcome = await fault.during(parameters('postgres'), (port) =>
      work(terminal, (name) => {
        const place = `127.0.0.1:${port}/${name}?sslmode=disable&gssencmode=disable`
        return `postgresql://${user}:${password}@${place}`
      }),
    )
    expect(rejections(), `${fault}`).toEqual([])
    const list = names.map((name) => `'${name}'`).join(', ')
    const sessions = `SELECT application_name, query FROM pg_stat_activity WHERE datname IN (${list})`
    await untilEmpty(() => admin.rows(sessions), `${fault}: sessions`)
    const { error, value } = outcome
    // a program that is asked for its version tells of the signal in its own way; pg_dump tells of its connection
    const isOwn = fault.signal.aborted || (fault.cut !== undefined && value === 1)
    const isProgram = error instanceof Error && error.name === 'ProgramFailed' && fault.error === undefined
    if (error !== undefined && !fault.signal.aborted && !isProgram) {
      const { cause } = error as Error // nothing else is thrown
      expect(fault.explains(error) || fault.explains(cause), `${fault}: ${String(error)}`).toBe(true)
    } else if (value !== 0 && !isOwn && !isProgram) {
      // as a defect of the archive that could not be read
      expect(said, `${fault}`).toContain(fault.error?.message ?? 'there is no fault')
    }
    return { ...outcome, said }
  }

  const dumped = async (options: readonly string[], fault: Fault): Promise<boolean> => {
    const place = mkdtempSync(join(folder, 'work-'))
    const output = join(place, 'made')
    const { value } = await ended(fault, [source], (terminal, at) =>
      dump(terminal, [...options, '--pg-dump', server.pgDump, '-d', at(source), '-f', output]),
    )
    const label = `${fault}`
    const globals = options.includes('--globals') ? ['made.globals.sql'] : []
    const all = ['made', ...globals, 'made.receipt.json']
    const names = readdirSync(place).toSorted()
    // what fails after the first name was given is told, though that archive is whole; a signal comes too late then
    if (value !== 0 && names.length > 0 && names.length < all.length) expect(label).toMatch(naming)
    expect(names, label).toEqual(value === 0 ? all : all.slice(0, names.length))
    if (existsSync(output)) expect((await verify(output)).sound, label).toBe(true)
    if (names.includes('made.receipt.json') && !options.includes('-Fd')) {
      const sha256 = createHash('sha256').update(readFileSync(output)).digest('hex')
      expect(JSON.parse(readFileSync(`${output}.receipt.json`, 'utf8')), label).toMatchObject({ archive: { sha256 } })
    }
    rmSync(place, { recursive: true })
    return value !== 0
  }

  const copied = async (options: readonly string[], fault: Fault): Promise<boolean> => {
    const target = `pgdmp_test_${process.pid}_copy_${made++}`
    await command(`CREATE DATABASE ${target} TEMPLATE template0`)
    const { value } = await ended(fault, [source, target], (terminal, at) =>
      copy(terminal, [...options, '--pg-dump', server.pgDump, '--from', at(source), '--to', at(target)]),
    )
    if (value === 0) expect(await contents(target), `${fault}`).toBe(expected)
    await command(`DROP DATABASE ${target}`)
    return value !== 0
  }

  test.each(some(dumps, 2))('a dump leaves nothing behind: $name', { timeout: 7_200_000 }, async ({ options }) => {
    await sweep((fault) => dumped(options, fault), { calls: 4, cuts: 1, stops: 4 })
  })

  test('a receipt that cannot be written leaves no archive', async () => {
    const place = mkdtempSync(join(folder, 'work-'))
    /** Of a file that begins as a receipt. */
    const isReceipt = ([, bytes]: readonly unknown[]): boolean => bytes instanceof Uint8Array && bytes[0] === 0x7b
    const fail = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: 'write' })
    const watch = watchCalls(({ name, args }) => (name === 'write' && isReceipt(args) ? { fail } : undefined))
    try {
      const failed = ended(new Fault(), [source], (terminal, at) =>
        dump(terminal, ['-Ft', '--pg-dump', server.pgDump, '-d', at(source), '-f', join(place, 'made')]),
      )
      await expect(failed).rejects.toThrow('made.receipt.json')
    } finally {
      watch.restore()
    }
    expect(readdirSync(place)).toEqual([])
  })

  test.each(some(copies, 1))('a copy leaves no session behind: $name', { timeout: 7_200_000 }, async ({ options }) => {
    await sweep((fault) => copied(options, fault), { cuts: 1, stops: 4 })
  })
})
