import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOptions } from '../../src/cli/pg-dump-options.ts'
import { digest, open, parseReceipt, verify } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { cli } from '../helpers/paths.ts'
import { postgres } from '../helpers/postgres.ts'
import { run, shellQuote } from '../helpers/process.ts'
import { dropDatabase, inNewDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* `pgdmp dump` with the real pg_dump: what is kept, and what is not. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-dump-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A new, empty folder. */
const place = (): string => mkdtempSync(join(folder, 'place-'))

const filling = [
  'CREATE TABLE t (id int PRIMARY KEY, x text)',
  'INSERT INTO t SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, 5000) g',
  'CREATE TABLE empty_one (a int)',
  'CREATE TABLE logs AS SELECT generate_series(1, 100) AS a',
  "SELECT lo_from_bytea(100001, 'abc')",
  'CREATE VIEW v AS SELECT count(*) FROM t',
]

/** Runs the command with the programs of one release in PATH. */
const pgdmp = (pgDump: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  run(process.execPath, [cli, 'dump', ...args], {
    env: { PATH: `${dirname(pgDump)}${delimiter}${process.env['PATH'] ?? ''}`, ...env },
  })

/** A program that stands in for pg_dump by way of a shell; `$PG_DUMP "$@"` is the real one. */
function script(pgDump: string, name: string, text: string): string {
  const file = join(place(), name)
  const real = shellQuote([join(dirname(pgDump), name)])
  writeFileSync(file, `#!/bin/sh\nPG_DUMP=${real}\n[ "$1" = --version ] && exec $PG_DUMP --version\n${text}\n`)
  chmodSync(file, 0o755)
  return file
}

describe.each(servers)('pgdmp dump of server $major', (server) => {
  const { ask, database, pgDump, pgRestore, major } = server
  let name = ''
  beforeAll(() => {
    name = newDatabase(server)
    ask(filling, name)
  })
  afterAll(() => dropDatabase(server, name))

  test('keeps what pg_dump writes to a file, with offsets, and a receipt of it', async () => {
    const output = join(place(), 'app.dump')
    const { status, stdout, stderr } = await pgdmp(pgDump, ['-d', database(name), '-f', output])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.toString()).toContain(`sha256 ${createHash('sha256').update(readFileSync(output)).digest('hex')}\n`)
    const receipt = parseReceipt(readFileSync(`${output}.receipt.json`))
    expect(receipt.archive.sha256).toBe(createHash('sha256').update(readFileSync(output)).digest('hex'))
    expect(receipt.archive.bytes).toBe(statSync(output).size)
    const real = join(place(), 'real.dump')
    execFileSync(pgDump, ['-Fc', '-d', database(name), '-f', real])
    await using ours = await open(output)
    await using theirs = await open(real)
    expect((await digest(ours)).content).toBe((await digest(theirs)).content)
    // byte for byte where the date is not
    expect(ours.toc.map(({ data }) => data)).toEqual(theirs.toc.map(({ data }) => data))
    expect(ours.toc.some(({ data }) => data.state === 'set')).toBe(true)
    const { sound, findings } = await verify(output, { against: receipt })
    expect([sound, findings.filter(({ code }) => code !== 'DEPENDENCY_NOT_IN_ARCHIVE')]).toEqual([
      true,
      findings.filter(({ code }) => code === 'NO_CHECKSUMS'),
    ])
    if (server !== servers.at(-1)) return
    await inNewDatabase(server, async (copy) => {
      execFileSync(pgRestore, ['-j2', '-d', database(copy), output])
      const sum = 'SELECT count(*), sum(length(x)) FROM t'
      expect(ask([sum], copy)).toBe(ask([sum], name))
    })
  })

  // by the oldest rules and by the newest
  const isAtAnEnd = server === servers.at(-1) || server === servers[0]
  if (isAtAnEnd) {
    test('writes directories and tar archives, and hands options on', async () => {
      const directory = join(place(), 'app.dir')
      const first = await pgdmp(pgDump, ['-Fd', '-j2', '-Z1', '-T', 'logs', '-d', database(name), '-f', directory])
      expect([first.status, first.stderr]).toEqual([0, ''])
      await using opened = await open(directory)
      expect(opened.header.format).toBe('directory')
      expect(opened.toc.filter(({ desc }) => desc === 'TABLE DATA').map(({ tag }) => tag)).toEqual(['empty_one', 't'])
      const tar = join(place(), 'app.tar')
      const second = await pgdmp(pgDump, ['--format=tar', '--json', '--no-receipt', '-d', database(name), '-f', tar])
      const report = JSON.parse(second.stdout.toString())
      expect(report).toMatchObject({ kept: true, sound: true, format: 'tar', receipt: null, totals: { rows: 5100 } })
      expect(report.sha256).toBe(createHash('sha256').update(readFileSync(tar)).digest('hex'))
      expect(readdirSync(dirname(tar))).toEqual(['app.tar'])
      expect(execFileSync(pgRestore, ['-l', tar]).toString()).toContain('TABLE DATA public t')
    })
  }

  test('knows every option of its pg_dump', () => {
    const text = execFileSync(pgDump, ['--help']).toString()
    const all = new Set(Array.from(text.matchAll(/--([a-z][a-z-]+)/g), ([, option]) => option ?? ''))
    const known = new Set<string>(contentOptions.map((option) => option.name))
    // of the output, the connection and plain scripts
    const others =
      /^(?:file|format|jobs|verbose|version|compress|no-sync|sync-method|help|clean|create|no-owner|superuser|binary-upgrade|disable-triggers|if-exists|no-table-access-method|no-tablespaces|restrict-key|use-set-session-authorization|dbname|host|port|username|no-password|password|role)$/
    expect([...all].filter((option) => !known.has(option) && !others.test(option))).toEqual([])
    // and with its argument
    for (const option of contentOptions) {
      const line = new RegExp(`--${option.name}(=|[\\s,])`).exec(text)
      if (line !== null) expect([option.name, 'argument' in option]).toEqual([option.name, line[1] === '='])
    }
    expect(all.size).toBeGreaterThan(major > 15 ? 60 : 50)
  })
})

const server = servers.at(-1)

describe('what pgdmp dump does not keep', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, parameters, pgDump } = server
  let name = ''
  beforeAll(() => {
    name = newDatabase(server)
    ask(filling, name)
  })
  afterAll(() => dropDatabase(server, name))

  test.each([
    [
      'a stream that is cut, though pg_dump ends well',
      '$PG_DUMP "$@" | head -c 100000',
      /UNEXPECTED_EOF|BAD_/,
      /not whole/,
    ],
    ['a whole stream of a pg_dump that ends badly', '$PG_DUMP "$@"; exit 3', /^$/, /pg_dump ended with status 3/],
    [
      'a stream whose pg_dump is killed',
      '$PG_DUMP "$@" | head -c 100000; kill -9 $$',
      /^$/,
      /pg_dump was killed by SIGKILL/,
    ],
    ['nothing', 'exit 0', /NOT_AN_ARCHIVE/, /not whole/],
    ['what is no archive', 'echo hello', /NOT_AN_ARCHIVE/, /not whole/],
  ])('is %s', async (_, text, says, complains) => {
    const output = join(place(), 'app.dump')
    const options = ['-Z0', '--pg-dump', script(pgDump, 'pg_dump', text), '--globals']
    const besides = join(dirname(options[2] ?? ''), 'pg_dumpall')
    writeFileSync(besides, `#!/bin/sh\nexec ${shellQuote([join(dirname(pgDump), 'pg_dumpall')])} "$@"\n`, {
      mode: 0o755,
    })
    const { status, stdout, stderr } = await pgdmp(pgDump, [...options, '-d', database(name), '-f', output])
    expect([status, stdout.toString(), stderr]).toEqual([
      1,
      expect.stringMatching(says),
      expect.stringMatching(complains),
    ])
    expect(readdirSync(dirname(output))).toEqual([])
  })

  test('is a directory of a pg_dump that is killed', async () => {
    const output = join(place(), 'app.dir')
    const killed = script(pgDump, 'pg_dump', '$PG_DUMP "$@"; kill -9 $$')
    const { status, stderr } = await pgdmp(pgDump, ['-Fd', '--pg-dump', killed, '-d', database(name), '-f', output])
    expect([status, stderr]).toEqual([1, expect.stringContaining('was killed by SIGKILL')])
    expect(readdirSync(dirname(output))).toEqual([])
  })

  test('is what the disk has no room for', async () => {
    const output = join(place(), 'app.dump')
    const command = shellQuote([
      process.execPath,
      cli,
      'dump',
      '-Z0',
      '--pg-dump',
      pgDump,
      '-d',
      database(name),
      '-f',
      output,
    ])
    // blocks of 512 bytes
    const { status, stderr } = await run('sh', ['-c', `ulimit -f 500; exec ${command}`])
    expect([status, stderr]).toEqual([1, expect.stringContaining(`Cannot write "${output}": File too large`)])
    expect(readdirSync(dirname(output))).toEqual([])
  })

  test('is a dump that is interrupted; pg_dump is ended', async () => {
    const output = join(place(), 'app.dump')
    const ids = join(place(), 'id')
    const marked = script(pgDump, 'pg_dump', `echo $$ > ${ids}.new; mv ${ids}.new ${ids}; exec $PG_DUMP "$@"`)
    const holder = await connectPg(parameters(name))
    try {
      // pg_dump locks all tables first
      await holder.query(new TextEncoder().encode('BEGIN; LOCK TABLE t'))
      const child = spawn(process.execPath, [cli, 'dump', '--pg-dump', marked, '-d', database(name), '-f', output])
      const ended = new Promise((resolve) => child.on('close', resolve))
      while (!existsSync(ids)) await new Promise((resolve) => setTimeout(resolve, 20))
      child.kill('SIGINT')
      expect(await ended).toBe(130)
      expect(() => process.kill(Number(readFileSync(ids, 'utf8')), 0)).toThrow('ESRCH')
      expect(readdirSync(dirname(output))).toEqual([])
    } finally {
      await holder.end()
    }
  })

  test('goes over what exists only with --force', async () => {
    const output = join(place(), 'app.dump')
    const args = ['-d', database(name), '-f', output]
    for (const existing of [output, `${output}.receipt.json`, `${output}.globals.sql`]) {
      writeFileSync(existing, 'something else', { mode: 0o644 })
      const { status, stderr } = await pgdmp(pgDump, ['--globals', ...args])
      expect([status, stderr]).toEqual([2, expect.stringContaining(`Cannot write "${existing}": the file exists`)])
      expect(readdirSync(dirname(output))).toHaveLength(1)
      rmSync(existing)
    }
    writeFileSync(`${output}.globals.sql`, 'something else', { mode: 0o644 })
    writeFileSync(output, 'something else')
    const { status } = await pgdmp(pgDump, ['--globals', '--force', ...args])
    expect(status).toBe(0)
    // it holds passwords
    expect(statSync(`${output}.globals.sql`).mode & 0o777).toBe(0o600)
    expect(readFileSync(`${output}.globals.sql`, 'utf8')).toMatch(/CREATE ROLE postgres;[^]*cluster dump complete/)
    expect(readFileSync(output).subarray(0, 5).toString()).toBe('PGDMP')
  })

  test('takes a name alone, and finds the rest as libpq does, for pg_dumpall as well', async () => {
    const output = join(place(), 'app.dump')
    const { host, port, user, password } = parameters('postgres')
    const env = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password }
    const { status, stderr } = await pgdmp(pgDump, ['-d', name, '--globals', '-f', output], env)
    expect([status, stderr]).toEqual([0, ''])
    expect(readdirSync(dirname(output)).sort()).toEqual(['app.dump', 'app.dump.globals.sql', 'app.dump.receipt.json'])
  })

  test('is told as failed when nobody reads the report, and a receipt that cannot be written leaves nothing', async () => {
    const output = join(place(), 'app.dump')
    const broken = script(pgDump, 'pg_dump', 'echo hello')
    const args = [process.execPath, cli, 'dump', '--pg-dump', broken, '-d', database(name), '-f', output]
    const closed = await run('bash', ['-c', `set -o pipefail; ${shellQuote(args)} | :`])
    expect([closed.status, closed.stderr]).toEqual([1, expect.stringContaining('not whole')])
    const full = await pgdmp(pgDump, ['-d', database(name), '-f', output, '--receipt', '/dev/full'])
    expect([full.status, full.stderr]).toEqual([1, expect.stringContaining('/dev/full')])
    expect(readdirSync(dirname(output))).toEqual([])
  })

  const [oldest] = postgres
  const oneRelease = 'there is one release of PostgreSQL only'

  test('works without node-postgres; then pg_dump itself finds the server too new', async ({ skip }) => {
    const alone = place()
    cpSync(dirname(cli), join(alone, 'cli'), { recursive: true })
    writeFileSync(join(alone, 'package.json'), '{"type":"module"}')
    const output = join(place(), 'app.dump')
    const dump = (file: string) =>
      run(process.execPath, [join(alone, 'cli/main.js'), 'dump', '--pg-dump', file, '-d', database(name), '-f', output])
    const good = await dump(pgDump)
    expect([good.status, good.stderr]).toEqual([0, ''])
    for (const file of readdirSync(dirname(output))) rmSync(join(dirname(output), file))
    if (oldest === undefined || oldest.major >= server.major) return skip(oneRelease)
    const { status, stderr } = await dump(oldest.pgDump)
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /version mismatch[^]*Get one of the server's release .*npm install pg, pgdmp looks for one/,
      ),
    ])
    expect(readdirSync(dirname(output))).toEqual([])
  })

  test('includes no password on a command line', async () => {
    const output = join(place(), 'app.dump')
    const seen = join(place(), 'seen')
    const spying = script(pgDump, 'pg_dump', `printf '%s\\n' "$@" "env $PGPASSWORD" > ${seen}; exec $PG_DUMP "$@"`)
    const [, password = ''] = /password=(\S+)/.exec(database(name)) ?? []
    const { status, stderr } = await pgdmp(pgDump, ['--pg-dump', spying, '-d', database(name), '-f', output])
    expect([status, stderr]).toEqual([0, ''])
    const lines = readFileSync(seen, 'utf8').split('\n')
    expect(lines.filter((line) => line.includes(password))).toEqual([`env ${password}`])
    expect(password).not.toBe('')
  })

  test('has usage errors', async () => {
    const output = join(place(), 'app.dump')
    for (const [args, text] of [
      [['-d', 'x'], 'the output is missing'],
      [['-f', output, '-Fp'], 'a plain script is no archive'],
      [['-f', output, '--exclude-tabel=x'], 'Did you mean "--exclude-table"?'],
      [['-f', output, '--receipt', output], 'two outputs are the same'],
      [['-f', output, '-d', 'sslpassword=x'], 'sslpassword cannot be handed on'],
    ] as const) {
      const { status, stderr } = await pgdmp(pgDump, args)
      expect([status, stderr]).toEqual([2, expect.stringContaining(text)])
    }
  })

  test('has advice where there is no pg_dump that fits, and takes the first of those that do', async ({ skip }) => {
    if (oldest === undefined || oldest.major >= server.major) return skip(oneRelease)
    const output = join(place(), 'app.dump')
    const args = ['--pg-dump', oldest.pgDump, '-d', database(name), '-f', output]
    const { status, stderr } = await pgdmp(pgDump, args)
    expect([status, stderr]).toEqual([1, expect.stringMatching(/must be as new as the server\. Get one .*--pg-dump/)])
    // of those in PATH the first that fits
    const path = [oldest.pgDump, pgDump].map((file) => dirname(file)).join(delimiter)
    const found = await pgdmp(pgDump, ['--json', '-d', database(name), '-f', output], { PATH: path })
    expect([found.status, JSON.parse(found.stdout.toString()).pgDumpVersion]).toEqual([
      0,
      expect.stringContaining(server.version),
    ])
  })
})
