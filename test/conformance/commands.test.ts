import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { cli, root } from '../helpers/paths.ts'
import { run, type Outcome, type RunOptions } from '../helpers/process.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-commands-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const dump = fixture('18/full-Fc.dump').file
const tar = fixture('18/full-Ft.tar').file
const restrict = '--restrict-key=k'
const script = '--\n-- PostgreSQL database dump\n--\n'

/** Runs the command in the scratch folder. */
async function pgdmp(args: readonly string[], options: RunOptions = {}): Promise<Outcome & { readonly text: string }> {
  const env = { TZ: 'UTC', LC_ALL: 'C', ...options.env }
  const outcome = await run(process.execPath, [cli, ...args], { cwd: scratch, ...options, env })
  return { ...outcome, text: outcome.stdout.toString() }
}

function write(name: string, content: string | Uint8Array): string {
  const path = join(scratch, name)
  writeFileSync(path, content)
  return path
}

describe.concurrent('pgdmp answers a wrong command line with status 2 and one line', () => {
  test.each([
    { args: ['lst'], stderr: 'pgdmp: unknown command "lst". Did you mean "list"?' },
    { args: ['a.dump'], stderr: /^pgdmp: unknown command "a.dump". Say first what to do with it: pgdmp list, / },
    { args: ['--all'], stderr: 'pgdmp: unknown option "--all". Try "pgdmp help".' },
    { args: ['constructor'], stderr: 'pgdmp: unknown command "constructor". Try "pgdmp help".' },
    { args: ['help', 'sqll'], stderr: 'pgdmp: there is no command "sqll". Did you mean "sql"?' },
    { args: ['list'], stderr: 'pgdmp: list: the archive is missing. Give its path, or "-" for standard input.' },
    { args: ['info', 'a', 'b'], stderr: 'pgdmp: info: there is one archive too many: "b". Try "pgdmp info --help".' },
    { args: ['sql', '--tabel=x', 'a'], stderr: `pgdmp: sql: unrecognized option '--tabel=x'. Did you mean "--table"?` },
    { args: ['list', '--jsn', 'a'], stderr: `pgdmp: list: unrecognized option '--jsn'. Did you mean "--json"?` },
    { args: ['info', '-n', 'a', 'b'], stderr: `pgdmp: info: invalid option -- 'n'. Try "pgdmp info --help".` },
    {
      args: ['sql', '-a', '-s', 'a'],
      stderr:
        'pgdmp: sql: options -s/--schema-only and -a/--data-only cannot be used together. Try "pgdmp sql --help".',
    },
    { args: ['list', '--limits=some', dump], stderr: /^pgdmp: --limits: "some" is not known\./ },
    { args: ['sql', '--max-buffer=much', dump], stderr: /^pgdmp: --max-buffer: "much" is no number of bytes\./ },
    { args: ['sql', '--compat=12', dump], stderr: /^pgdmp: Cannot follow release "12": must be 13 to 18/ },
    { args: ['sql', '-L', 'none', dump], stderr: 'pgdmp: Cannot read list file "none": No such file or directory' },
    { args: ['pg_restore', '--compat'], stderr: 'pgdmp: pg_restore: --compat needs a release' },
  ])('$args', async ({ args, stderr }) => {
    const outcome = await pgdmp(args)
    expect(outcome.status).toBe(2)
    expect(outcome.stderr.split('\n')).toEqual([expect.stringMatching(stderr), ''])
    if (typeof stderr === 'string') expect(outcome.stderr).toBe(`${stderr}\n`)
    expect(outcome.text).toBe('')
  })

  test('no command at all: an overview on standard error', async () => {
    const outcome = await pgdmp([])
    expect(outcome).toMatchObject({ status: 2, text: '', stderr: expect.stringContaining('pgdmp COMMAND [OPTION]') })
  })
})

describe.concurrent('pgdmp answers bad input with status 1 and one line', () => {
  test.each([
    { name: 'missing', content: undefined, stderr: /^pgdmp: Cannot open ".*missing": No such file or directory\n$/ },
    { name: 'plain.sql', content: script, stderr: /is an SQL script.*psql -f/ },
    { name: 'plain.sql.gz', content: gzipSync(script), stderr: /^pgdmp: Cannot open .* is an SQL script.*gunzip -c/ },
    { name: 'escape\u001b[31m', content: 'none\u001b', stderr: /escape\\x1b\[31m": it begins/ },
  ])('$name', async ({ name, content, stderr }) => {
    const path = content === undefined ? join(scratch, name) : write(name, content)
    const outcome = await pgdmp(['info', path])
    expect(outcome).toMatchObject({ status: 1, text: '' })
    expect(outcome.stderr).toMatch(stderr)
    expect(outcome.stderr.match(/\n/g)).toHaveLength(1)
  })
})

describe.concurrent('pgdmp help', () => {
  test.each([['list'], ['sql'], ['info'], ['pg_restore']])('%s is the same as --help', async (command) => {
    const help = await pgdmp(['help', command])
    expect(help).toMatchObject({ status: 0, stderr: '', text: expect.stringContaining(`pgdmp ${command} [`) })
    expect((await pgdmp([command, '--help'])).text).toBe(help.text)
    for (const line of help.text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(88)
  })

  test('version names the package', async () => {
    expect(await pgdmp(['--version'])).toMatchObject({
      status: 0,
      text: expect.stringMatching(/^pgdmp \d+\.\d+\.\d+\n$/),
    })
  })
})

describe.concurrent('pgdmp list', () => {
  test('prints what pg_restore -l prints, with the same options', async () => {
    const options = ['-s', '-n', 'plain', '-v']
    const ours = await pgdmp(['list', ...options, dump])
    expect(ours).toMatchObject({ status: 0, stderr: '' })
    expect(ours.text).toBe((await pgdmp(['pg_restore', '-l', ...options, dump])).text)
  })

  test('--json and --ndjson say the same', async () => {
    const document = JSON.parse((await pgdmp(['list', '--json', '-t', 'many_rows', dump])).text)
    const lines = (await pgdmp(['list', '--ndjson', '-t', 'many_rows', dump])).text.trimEnd().split('\n')
    const [header, ...entries] = lines.map((line) => JSON.parse(line))
    expect(document).toEqual({ ...header, entries })
    expect(entries).toContainEqual(
      expect.objectContaining({
        desc: 'TABLE DATA',
        tag: 'many_rows',
        parts: { schema: false, data: true, statistics: false },
      }),
    )
  })

  test('--patterns, --exclude-table and --exclude-table-data select beyond pg_restore', async () => {
    const listed = async (...options: string[]) => (await pgdmp(['list', ...options, dump])).text
    expect(await listed('--patterns', '-t', 'plain.part_*')).toMatch(/ TABLE plain part_range /)
    expect(await listed('--exclude-table', 'plain.many_rows')).not.toMatch(/many_rows/)
    const withoutData = await listed('--exclude-table-data', 'plain.many_rows')
    expect(withoutData).toMatch(/ TABLE plain many_rows /)
    expect(withoutData).not.toMatch(/ TABLE DATA plain many_rows /)
  })

  test('--with-dependencies and --with-dependents take along what belongs together', async () => {
    const listed = async (...args: readonly string[]) => await pgdmp(['list', dump, '-t', 'child', ...args])
    expect((await listed('--with-dependencies')).text).toMatch(/ SCHEMA - plain alice\n/)
    const dependents = await listed('--with-dependents')
    expect(dependents.text).toMatch(/ CONSTRAINT plain child child_pkey /)
    expect(dependents.text).not.toMatch(/ SCHEMA - plain |fk_code/)
    expect(dependents.stderr).toMatch(/FK CONSTRAINT plain child fk_code is left out: .* is not selected/)
    expect((await listed('--with-dependents', '--with-dependencies')).text).toMatch(/fk_code/)
  })
})

describe.concurrent('pgdmp sql', () => {
  test('prints what pg_restore -f prints, from a file, standard input, and through a temporary file', async () => {
    const expected = (await pgdmp(['pg_restore', '-f', '-', restrict, dump])).stdout
    expect((await pgdmp(['sql', restrict, dump])).stdout.equals(expected)).toBe(true)
    const stdin = readFileSync(dump)
    expect((await pgdmp(['sql', restrict, '-'], { stdin })).stdout.equals(expected)).toBe(true)
    expect((await pgdmp(['sql', restrict, '--spool', '-j1', '-'], { stdin })).stdout.equals(expected)).toBe(true)
  })

  test('-f makes the file appear when it is complete, and leaves the old one after an error', async () => {
    const file = write('old.sql', 'old\n')
    const cut = write('cut.dump', readFileSync(dump).subarray(0, -60_000))
    const failed = await pgdmp(['sql', '-f', file, cut])
    expect(failed.status).toBe(1)
    expect(readFileSync(file, 'utf8')).toBe('old\n')
    expect((await pgdmp(['sql', restrict, '-f', file, dump])).status).toBe(0)
    expect(readFileSync(file).equals((await pgdmp(['sql', restrict, dump])).stdout)).toBe(true)
    expect(readdirSync(scratch).filter((name) => name.includes('.tmp'))).toEqual([])
  })

  test('-f names the file that cannot be written, as it was given', async () => {
    const none = join(scratch, 'none', 'x.sql')
    expect(await pgdmp(['sql', '-f', none, dump])).toMatchObject({
      status: 1,
      stderr: `pgdmp: Cannot write "${none}": No such file or directory. Make the directory first.\n`,
    })
  })

  test.each(['convert', 'salvage'])('%s names the output that cannot be written, as it was given', async (command) => {
    const none = join(scratch, 'none', 'x.dump')
    expect(await pgdmp([command, dump, none])).toMatchObject({
      status: 1,
      stderr: `pgdmp: Cannot write "${none}": No such file or directory. Make the directory first.\n`,
    })
  })

  test.each(['convert', 'salvage'])('%s blames an input that is not there', async (command) => {
    const none = join(scratch, 'none.dump')
    const { stderr } = await pgdmp([command, none, join(scratch, 'none.out')])
    expect(stderr).toBe(`pgdmp: Cannot open "${none}": No such file or directory\n`)
  })

  test('the help tells which commands end with 3', async () => {
    const junk = join(scratch, 'junk')
    writeFileSync(junk, 'PGDMP')
    const threes: string[] = []
    for (const command of ['list', 'sql', 'convert', 'info', 'verify', 'reindex', 'salvage', 'audit']) {
      const { status } = await pgdmp([command, junk, ...(/convert|salvage/.test(command) ? [`${junk}.out`] : [])])
      if (status === 3) threes.push(command)
      else expect([command, status]).toEqual([command, 1])
    }
    const { text } = await pgdmp(['help'])
    expect(text).toContain(`3 unreadable (${threes.join(', ')})`)
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(
      `3 nothing could be read (${threes.map((command) => `\`${command}\``).join(', ')})`,
    )
  })

  test.runIf(existsSync('/dev/full'))('says what to do about a full disk', async () => {
    for (const args of [
      ['sql', '-f', '/dev/full', dump],
      ['list', '-f', '/dev/full', dump],
      ['convert', dump, '/dev/full'],
      ['salvage', dump, '/dev/full'],
      ['verify', '-q', '--receipt=/dev/full', dump],
    ]) {
      expect(await pgdmp(args)).toMatchObject({
        status: 1,
        stderr: 'pgdmp: Cannot write "/dev/full": No space left on device. Make room, or write to another disk.\n',
      })
    }
  })

  test('--no-restrict leaves \\restrict out', async () => {
    const { text } = await pgdmp(['sql', '--no-restrict', '-s', dump])
    expect(text).toMatch(/^--\n-- PostgreSQL database dump\n--\n\n-- Dumped from/)
    expect(text).not.toContain('restrict ')
  })

  test('--target-version reports what the server cannot do, once per hint, with status 1', async () => {
    const lossy = await pgdmp(['sql', '--target-version=12', '-s', dump])
    expect(lossy.status).toBe(1)
    expect(lossy.stderr).toMatch(/^pgdmp: error: PostgreSQL 12 has no /m)
    expect(lossy.stderr).toMatch(/^pgdmp: [\d,]+ of the statements cannot be said in SQL of PostgreSQL 12\n$/m)
    expect(lossy.stderr.match(/Leave the entry out/g)).toHaveLength(1)
    const quiet = await pgdmp(['sql', '--target-version=18', '-q', '-s', dump])
    expect(quiet).toMatchObject({ status: 0, stderr: '' })
  })
})

describe.concurrent('pgdmp info', () => {
  test('tells what the archive is, holds and needs', async () => {
    const { text, status, stderr } = await pgdmp(['info', dump])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const line of [
      /^Size +207 KiB$/m,
      /^Format +custom, version 1\.16$/m,
      /^Compression +gzip$/m,
      /^Restored by +pg_restore of PostgreSQL 17 or newer$/m,
      /^Roles +.*alice, bob/m,
      /^Extensions +.*pg_trgm/m,
      /^ *\d+  TABLE$/m,
      /^ *26 KiB +\d+\.\d %  plain\.many_rows$/m,
    ]) {
      expect(text).toMatch(line)
    }
    expect((await pgdmp(['info', '--all', dump])).text.length).toBeGreaterThan(text.length)
  })

  test('--json is the same for programs', async () => {
    const facts = JSON.parse((await pgdmp(['info', '--json', tar])).text)
    expect(facts).toMatchObject({ format: 'tar', needsPgRestore: '17', encoding: 'UTF8' })
    expect(facts.archiveBytes).toBe(statSync(tar).size)
    expect(facts.extensions).toContain('citext')
  })

  test.each([
    { path: '18/full-Fc-pipe.dump', size: '26 KiB' },
    { path: '18/full-Fd.dir', size: '26 KiB' },
    { path: '18/full-Ft.tar', size: '121 KiB' },
  ])('tells what each table takes in $path', async ({ path, size }) => {
    const { text } = await pgdmp(['info', fixture(path).file])
    expect(text).toMatch(new RegExp(`^ *${size} +\\d+\\.\\d %  plain\\.many_rows$`, 'm'))
  })

  test('--digest is the same for a file, a pipe and, but for the date, other containers', async () => {
    const digests = async (args: readonly string[], options: RunOptions = {}): Promise<readonly string[]> => {
      const { text, status } = await pgdmp(['info', '--digest', ...args], options)
      expect(status).toBe(0)
      return Array.from(text.matchAll(/^(?:Digest|Of content) +([\da-f]{64})$/gm), (match) => match[1] ?? '')
    }
    const [whole, content] = await digests([dump])
    expect(await digests(['-'], { stdin: readFileSync(dump) })).toEqual([whole, content])
    expect((await digests([tar]))[1]).toBe(content)
    const { digest } = JSON.parse((await pgdmp(['info', '--digest', '--json', dump])).text)
    expect(digest).toMatchObject({ sha256: whole, content })
  })

  test('knows no sizes of a stream', async () => {
    const { text, status } = await pgdmp(['info', '-'], { stdin: readFileSync(dump) })
    expect(status).toBe(0)
    expect(text).toMatch(/^Size +not known$/m)
    expect(text).toMatch(/^ +\? +74 entries; .* cannot be told of a stream/m)
  })
})

describe.concurrent('pgdmp pg_restore', () => {
  test('takes the release from --compat first, else from PGDMP_COMPAT', async () => {
    const refused = async (args: string[], env = {}) => (await pgdmp(['pg_restore', ...args], { env })).stderr
    const bare = 'Try "pg_restore --help" for more information.\n'
    expect(await refused(['--compat', '13', '-q'])).toBe(`pg_restore: invalid option -- 'q'\n${bare}`)
    expect(await refused(['--compat=18', '-q'], { PGDMP_COMPAT: '13' })).toMatch(/^pg_restore: hint: /m)
    expect(await refused(['-q'], { PGDMP_COMPAT: '13' })).toBe(`pg_restore: invalid option -- 'q'\n${bare}`)
    expect(await refused(['-q', '--compat=13'])).toMatch(/^pg_restore: hint: /m)
  })

  test('refuses archives that the release cannot read', async () => {
    expect(await pgdmp(['pg_restore', '--compat=15', '-l', dump])).toMatchObject({
      status: 1,
      text: '',
      stderr: 'pg_restore: error: unsupported version (1.16) in file header\n',
    })
  })

  test('does not take a toc.dat without its directory, as list does', async () => {
    const toc = join(fixture('18/sch1-Fd-zstd-long.dir').file, 'toc.dat')
    expect(await pgdmp(['pg_restore', '-l', toc])).toMatchObject({
      status: 1,
      text: '',
      stderr: 'pg_restore: error: expected format (1) differs from format found in file (3)\n',
    })
    expect(await pgdmp(['pg_restore', '-Fd', '-l', toc])).toMatchObject({
      status: 1,
      stderr: `pg_restore: error: could not open input file "${toc}/toc.dat": Not a directory\n`,
    })
    expect(await pgdmp(['list', toc])).toMatchObject({ status: 0 })
  })

  test('-l needs no database, also with -d', async () => {
    const plain = await pgdmp(['pg_restore', '-l', dump])
    expect(plain.status).toBe(0)
    expect(await pgdmp(['pg_restore', '-d', 'x', '-l', dump])).toEqual(plain)
  })

  test('-f keeps what came before an error, in place', async () => {
    const file = write('kept.sql', 'old\n')
    const inode = statSync(file).ino
    const list = write('reversed.list', (await pgdmp(['list', tar])).text.split('\n').reverse().join('\n'))
    const outcome = await pgdmp(['pg_restore', restrict, '-f', file, '-L', list, tar])
    expect(outcome.status).toBe(1)
    expect(outcome.stderr).toMatch(/^pg_restore: error: restoring data out of order is not supported/)
    expect(readFileSync(file, 'utf8')).toMatch(/^--\n-- PostgreSQL database dump\n--\n/)
    expect(statSync(file).ino).toBe(inode)
  })

  test('-f opens no file when its checks fail', async () => {
    const file = join(scratch, 'never.sql')
    const outcome = await pgdmp(['pg_restore', '-f', file, '-t', 'nope', '--strict-names', dump])
    expect(outcome).toMatchObject({ status: 1, stderr: 'pg_restore: error: table "nope" not found\n' })
    expect(existsSync(file)).toBe(false)
  })

  test('-l prints before it complains of names', async () => {
    const outcome = await pgdmp(['pg_restore', '-l', '-t', 'nope', '--strict-names', dump])
    expect(outcome).toMatchObject({ status: 1, stderr: 'pg_restore: error: table "nope" not found\n' })
    expect(outcome.text).toMatch(/; Selected TOC Entries:\n;\n$/)
  })

  test.each([
    { args: ['-l', 'none'], error: 'could not open input file "none": No such file or directory' },
    { args: ['-l', '-Fd', 'none'], error: 'could not open input file "none/toc.dat": No such file or directory' },
    { args: ['-l', '-Ft', 'none'], error: 'could not open TOC file "none" for input: No such file or directory' },
    { args: ['-l', '-Fd'], error: 'no output directory specified' },
    { args: ['-l'], error: 'input file is too short (read 0, expected 5)' },
    { args: ['-l', '-L', 'none', dump], error: 'could not open TOC file "none": No such file or directory' },
    { args: ['-l', '--filter=none', dump], error: 'could not open filter file "none": No such file or directory' },
    { args: ['-l', '--filter=.', dump], error: 'could not read from filter file ".": Is a directory' },
    { args: ['-f', 'none/x', dump], error: 'could not open output file "none/x": No such file or directory' },
    { args: ['-f', '.', dump], error: 'could not open output file ".": Is a directory' },
  ])('$args fails as there', async ({ args, error }) => {
    expect(await pgdmp(['pg_restore', ...args])).toMatchObject({
      status: 1,
      text: '',
      stderr: `pg_restore: error: ${error}\n`,
    })
  })

  test('a filter and an archive cannot both come from standard input', async () => {
    const outcome = await pgdmp(['pg_restore', '-l', '--filter=-'], { stdin: Buffer.from('include table x\n') })
    expect(outcome.stderr).toBe('pg_restore: error: input file is too short (read 0, expected 5)\n')
  })
})

test('pgdmp restore connects without loading the HTTP client of Node.js', async () => {
  const loaded = `process.on('exit', () => console.log(process.moduleLoadList.filter((name) => /undici/.test(name))))`
  const env = { NODE_OPTIONS: `--require=${write('loaded.cjs', loaded)}` }
  const { status, stderr, text } = await pgdmp(['restore', '-d', 'host=127.0.0.1 port=1', dump], { env })
  // that it has come to the connection
  expect([status, stderr]).toEqual([1, expect.stringContaining('Connection refused')])
  expect(text).toBe('[]\n')
})

describe.skipIf(process.platform === 'win32')('pgdmp ends', () => {
  /** Runs a shell command line in which `$PGDMP` stands for the command. */
  function shell(line: string): Promise<Outcome> {
    return run('bash', ['-c', `set -o pipefail; ${line}`], {
      cwd: scratch,
      env: { PGDMP: `${process.execPath} ${cli}`, DUMP: dump },
    })
  }

  test('quietly with status 0 when nobody reads on', async () => {
    for (const command of ['list', 'sql', 'pg_restore -f-', 'list --ndjson']) {
      const outcome = await shell(`$PGDMP ${command} "$DUMP" | head -n 1 >/dev/null`)
      expect(outcome).toMatchObject({ status: 0, stderr: '' })
    }
  })

  test('with status 1 when what reads another output has ended', async () => {
    for (const command of ['sql', 'pg_restore']) {
      const line = `rm -f pipe; mkfifo pipe; (head -c 1 pipe > /dev/null &); $PGDMP ${command} -f pipe "$DUMP"`
      const { status, stderr } = await shell(line)
      expect([status, stderr]).toEqual([1, expect.stringMatching(/ write .*: Broken pipe/)])
    }
  })

  test('reads redirected input at random, so that order does not matter', async () => {
    write('rows.list', (await pgdmp(['list', dump])).text.split('\n').reverse().join('\n'))
    const direct = await shell(`$PGDMP pg_restore ${restrict} -f- -L rows.list "$DUMP"`)
    const redirected = await shell(`$PGDMP pg_restore ${restrict} -f- -L rows.list < "$DUMP"`)
    expect(direct.status).toBe(0)
    expect(redirected.stdout.equals(direct.stdout)).toBe(true)
  })

  test.each([
    { signal: 'SIGINT', status: 130 },
    { signal: 'SIGTERM', status: 143 },
  ] as const)('with status $status after $signal, and leaves nothing', async ({ signal, status }) => {
    const file = join(scratch, `${signal}.sql`)
    const before = new Set(readdirSync(scratch))
    const child = spawn(process.execPath, [cli, 'sql', '-f', file, '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
    const stderr: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    // Enough for the table of contents and most of the data, which is never complete.
    child.stdin.write(readFileSync(dump).subarray(0, -20))
    // What precedes the data is being written: from then on the command has something to leave behind.
    await vi.waitFor(() => expect(readdirSync(scratch).some((name) => !before.has(name))).toBe(true), 30_000)
    child.kill(signal)
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, stderr: Buffer.concat(stderr).toString() }).toEqual({ code: status, stderr: '' })
    expect(readdirSync(scratch).filter((name) => name.includes(signal) || name.includes('.tmp'))).toEqual([])
  })
})
