import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { convert, digest, filter, open, parseRelease } from '../../src/index.ts'
import type { ArchiveFormat } from '../../src/index.ts'
import { optionsOf, requestOf } from '../helpers/args.ts'
import { allArchives, expectedOutput, fixture, toolOf } from '../helpers/corpus.ts'
import type { Oracle, PlacedArchive } from '../helpers/corpus.ts'
import { expectSameBytes, folderOf } from '../helpers/oracles.ts'
import { cli } from '../helpers/paths.ts'
import { postgres, withoutPostgres, type PostgresTools } from '../helpers/postgres.ts'
import { run, shellQuote, type Outcome, type RunOptions } from '../helpers/process.ts'

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
/** Selections to try, or `all`. */
const wanted = process.env['PGDMP_CONVERSIONS'] ?? '45'
console.log(`PGDMP_SEED=${seed} PGDMP_CONVERSIONS=${wanted}`)

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-convert-'))
let outputs = 0
const nextOutput = (): string => join(scratch, String(outputs++))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const environment = { TZ: 'UTC', LC_ALL: 'C' }

/** What the real pg_restore was asked of an archive, and a container to put what it selects into. */
interface Question {
  readonly archive: PlacedArchive
  readonly oracle: Oracle
  readonly tools: PostgresTools
  readonly format: ArchiveFormat
}

/** Options that say how to print what is selected; all others select. */
const printing = new Set([
  'clean',
  'create',
  'disable-triggers',
  'enable-row-security',
  'if-exists',
  'no-owner',
  'no-table-access-method',
  'no-tablespaces',
  'restrict-key',
  'role',
  'single-transaction',
  'superuser',
  'transaction-size',
  'use-set-session-authorization',
])

function printingArgs(args: readonly string[]): string[] {
  return [...optionsOf(args)]
    .filter(([name]) => printing.has(name))
    .map(([name, value]) => (value === '' ? `--${name}` : `--${name}=${value}`))
}

/** Versions from 1.12 on, whose large objects stay as they are. */
const isLater = ({ archive_version: version }: PlacedArchive): boolean => Number(version.split('.')[1]) >= 12

const questions: readonly Question[] = allArchives()
  .filter((archive) => isLater(archive) && !archive.path.includes('-int'))
  .flatMap((archive) =>
    archive.oracles
      .filter(({ args, rc }) => rc === 0 && args.includes('-f') && !args.includes('-v'))
      .flatMap((oracle, index): Question[] => {
        const tools = postgres.find(({ version }) => version === toolOf(archive, oracle))
        const format = (['custom', 'directory', 'tar'] as const)[index % 3] ?? 'custom'
        return tools === undefined ? [] : [{ archive, oracle, tools, format }]
      }),
  )

/** The archive of what is selected gives the same script as the selection of the archive. */
async function check({ archive, oracle, tools, format }: Question): Promise<void> {
  const { selection } = await requestOf(oracle.args, folderOf(archive), tools.version)
  const output = nextOutput()
  {
    await using opened = await open(archive.file)
    const view = filter(opened, { ...selection, create: true }, { compat: parseRelease(tools.version) })
    const result = await convert(view, output, { format })
    expect(result.entries + result.dropped.length).toBe(opened.toc.length)
    await using written = await open(output)
    expect(written.toc.map(({ dumpId }) => dumpId)).toEqual(view.toc.map(({ dumpId }) => dumpId))
  }
  const args = [...printingArgs(oracle.args), '-f', '-', output]
  const { status, stdout, stderr } = await run(tools.pgRestore, args, { env: environment })
  // told of each entry that is read: once for the archive may be less often for a part of it
  const remark = 'pg_restore: warning: restoring tables WITH OIDS is not supported anymore\n'
  const told = oracle.stderr?.includes(remark) === true ? stderr.replaceAll(remark, '') : stderr
  expect({ status, told }).toEqual({ status: 0, told: '' })
  expectSameBytes(stdout, expectedOutput(archive, oracle))
  rmSync(output, { recursive: true })
}

describe('convert() of a selection: pg_restore prints what it prints of the archive with that selection', () => {
  if (questions.length === 0) test('with the real pg_restore', (context) => context.skip(withoutPostgres))
  else if (wanted === 'all') {
    test.each(questions)('$archive.path, $oracle.label, $format', { timeout: 600_000 }, check)
  } else {
    test('some of all', { timeout: 600_000 }, async () => {
      const property = fc.asyncProperty(fc.constantFrom(...questions), check)
      await fc.assert(property, { seed, numRuns: Number(wanted), endOnFailure: true })
    })
  }
})

/** Versions that have large objects, but no entries for them. */
const withoutObjectEntries = allArchives().filter(({ archive_version: version, path }) => {
  const minor = Number(version.split('.')[1])
  return minor >= 3 && minor < 12 && !path.includes('bad-dependencies')
})

describe('convert() of archives older than 1.12', () => {
  test.each(withoutObjectEntries)(
    '$path: pg_restore creates large objects first, all else is the same',
    async ({ file }) => {
      const output = nextOutput()
      await using archive = await open(file)
      const { archiveVersion } = await convert(archive, output)
      expect(archiveVersion).toEqual({ major: 1, minor: 12, rev: 0 })
      for (const { major, pgRestore } of postgres) {
        const args = [...(major > 13 ? ['--restrict-key=k'] : []), '-f', '-']
        const script = async (path: string): Promise<string> => {
          const { status, stdout } = await run(pgRestore, [...args, path], { env: environment })
          expect(status).toBe(0)
          // before 1.10 no version is stored: pg_restore shows its own
          return stdout.toString('latin1').replace(/^-- Dumped by pg_dump version .*\n/m, '')
        }
        const before = await script(file)
        const after = await script(output)
        const created =
          /^-- Name: \d+; Type: BLOB; .*\n--\n\n(?:SET .*\n\n)*SELECT pg_catalog\.lo_create\('\d+'\);\n\n\n(?:ALTER .*\n\n\n)?--\n/gm
        expect(after.match(created)?.length ?? 0).toBe(before.match(/pg_catalog\.lo_create\(/g)?.length ?? 0)
        const asBefore = after
          .replaceAll(created, '')
          .replaceAll(/lo_open\('(\d+)', /g, "lo_open(pg_catalog.lo_create('$1'), ")
        expectSameBytes(Buffer.from(asBefore), Buffer.from(before))
      }
      rmSync(output, { recursive: true })
    },
  )
})

/** Runs the command in the scratch folder. */
async function pgdmp(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return await run(process.execPath, [cli, ...args], { cwd: scratch, ...options, env: environment })
}

async function digestOf(file: string): Promise<string> {
  await using archive = await open(file)
  return (await digest(archive)).sha256
}

const dump = fixture('18/full-Fc.dump').file
const pipe = fixture('18/full-Fc-pipe.dump').file

describe('pgdmp convert', () => {
  test.each([
    { args: ['-Z', 'none'], format: 'custom', algorithm: 'none' },
    { args: ['-Z', 'zstd:1'], format: 'custom', algorithm: 'zstd' },
    { args: ['-Z', '0', '--format=custom'], format: 'custom', algorithm: 'none' },
    { args: ['-Fd'], format: 'directory', algorithm: 'gzip' },
    { args: ['-F', 'directory', '--compress=lz4'], format: 'directory', algorithm: 'lz4' },
    { args: ['-Ft'], format: 'tar', algorithm: 'none' },
  ])('$args: another archive with the same content', async ({ args, format, algorithm }) => {
    const output = nextOutput()
    expect(await pgdmp(['convert', ...args, dump, output])).toMatchObject({ status: 0, stderr: '' })
    await using archive = await open(output)
    expect(archive.header).toMatchObject({ format, compression: { algorithm } })
    expect(await digestOf(output)).toBe(await digestOf(dump))
  })

  test('-n leaves out places in publications that are not selected, and tells; --keep-links keeps them', async () => {
    const linksIn = async (path: string): Promise<number> => {
      await using archive = await open(path)
      return archive.toc.filter(({ desc }) => desc.startsWith('PUBLICATION TABLE')).length
    }
    const [output, kept] = [nextOutput(), nextOutput()]
    const part = await pgdmp(['convert', '-n', 'plain', dump, output])
    expect(part.status).toBe(0)
    expect(await linksIn(output)).toBe(0)
    expect(await pgdmp(['convert', '--keep-links', '-n', 'plain', dump, kept])).toMatchObject({ status: 0, stderr: '' })
    expect(await linksIn(kept)).toBeGreaterThan(0)
    const told = part.stderr.match(/warning: PUBLICATION TABLE.* is left out: PUBLICATION .* is not selected/g)
    expect(told).toHaveLength(await linksIn(kept))
  })

  test('--digest prints what the output holds: of all, what the input holds', async () => {
    const all = await pgdmp(['convert', '--digest', '-Fd', '-Z', 'lz4', dump, nextOutput()])
    expect(all).toMatchObject({ status: 0, stderr: '' })
    expect(all.stdout.toString()).toContain(`Digest      ${await digestOf(dump)}\n`)
    const output = nextOutput()
    const part = await pgdmp(['convert', '--digest', '--keep-links', '-n', 'plain', dump, output])
    expect(part).toMatchObject({ status: 0, stderr: '' })
    expect(part.stdout.toString()).toContain(`Digest      ${await digestOf(output)}\n`)
    expect(await digestOf(output)).not.toBe(await digestOf(dump))
    expect(await pgdmp(['convert', '--digest', dump, '-'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--digest reads the output again/),
    })
  })

  test('without options: a copy', async () => {
    const output = nextOutput()
    expect(await pgdmp(['convert', pipe, output])).toMatchObject({ status: 0, stderr: '' })
    expectSameBytes(readFileSync(output), readFileSync(pipe))
  })

  test.each(['custom', 'tar'])('from standard input to standard output, %s', async (format) => {
    const { status, stderr, stdout } = await pgdmp(['convert', '-F', format, '-Z0', '-', '-'], {
      stdin: readFileSync(pipe),
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    await using archive = await open(stdout)
    expect(archive.format).toBe(format)
    expect((await digest(archive)).sha256).toBe(await digestOf(pipe))
    if (format === 'custom') expect(archive.toc.some(({ data }) => data.state === 'set')).toBe(false)
  })

  test('--reindex sets offsets where nothing else changes', async () => {
    const output = nextOutput()
    expect(await pgdmp(['convert', '--reindex', pipe, output])).toMatchObject({ status: 0, stderr: '' })
    await using archive = await open(output)
    expect(archive.toc.some(({ data }) => data.state === 'not-set')).toBe(false)
    expect(readFileSync(output).length).toBe(readFileSync(pipe).length)
  })

  test('refuses an output that exists, and replaces it with --force', async () => {
    const output = nextOutput()
    await pgdmp(['convert', '-s', dump, output])
    const before = readFileSync(output)
    const refused = await pgdmp(['convert', dump, output])
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/the file exists, must be new/) })
    expectSameBytes(readFileSync(output), before)
    expect(await pgdmp(['convert', '--force', dump, output])).toMatchObject({ status: 0 })
    expectSameBytes(readFileSync(output), readFileSync(dump))
  })

  test('replaces its own input with --force', async () => {
    const file = nextOutput()
    await pgdmp(['convert', '-Z', 'none', dump, file])
    expect(await pgdmp(['convert', '--force', '-Z', 'gzip', file, file])).toMatchObject({ status: 0, stderr: '' })
    expect(await digestOf(file)).toBe(await digestOf(dump))
  })

  test('-v lists what is left out, and says what was done', async () => {
    const { status, stderr } = await pgdmp(['convert', '-v', '-t', 'many_rows', dump, nextOutput()])
    expect(status).toBe(0)
    expect(stderr).toMatch(/^pgdmp: left out: \d+ TABLE DATA plain all_types$/m)
    expect(stderr).not.toMatch(/left out: \d+ TABLE DATA plain many_rows/)
    expect(stderr).toMatch(/^pgdmp: custom archive 1\.16, gzip: \d+ entries, .*; data copied as stored 1, .*\n$/m)
  })

  test('renames and selects at once', async () => {
    const output = nextOutput()
    expect(await pgdmp(['convert', '-t', 'many_rows', '--owner', 'New Owner', dump, output])).toMatchObject({
      status: 0,
    })
    await using archive = await open(output)
    const owners = archive.toc.filter(({ tag }) => tag === 'many_rows').map(({ owner }) => owner)
    expect(owners).toEqual(['New Owner', 'New Owner'])
  })

  test('tells what is lost with status 1, and with --allow-loss 0', async () => {
    const archive = fixture('18/noblobs-Fd-Z0.dir').file
    const args = ['convert', '--archive-version', '1.14', '-Fc']
    const lost = await pgdmp([...args, archive, nextOutput()])
    expect(lost).toMatchObject({ status: 1, stderr: expect.stringMatching(/the table access method "heap2" of TABLE/) })
    const output = nextOutput()
    expect(await pgdmp([...args, '--allow-loss', archive, output])).toMatchObject({ status: 0 })
    for (const { pgRestore } of postgres) {
      expect(await run(pgRestore, ['-f', '/dev/null', output])).toMatchObject({ status: 0, stderr: '' })
    }
  })

  test.each([
    { args: [dump], stderr: 'pgdmp: convert: the output is missing. Give its path, or "-" for standard output.' },
    { args: ['-Z', 'bzip2', dump, 'x'], stderr: /^pgdmp: -Z "bzip2": method "bzip2" is not known\./ },
    { args: ['-Z', 'gzip:10', dump, 'x'], stderr: /level 10 of gzip must be|level 10 of zlib must be/ },
    { args: ['-Z', 'gzip:fast', dump, 'x'], stderr: /^pgdmp: -Z "gzip:fast": "fast" is no detail of gzip\./ },
    { args: ['-Z', 'lz4:1,long', dump, 'x'], stderr: /lz4 has no long-distance mode/ },
    { args: ['-Z', 'gzip', '-Ft', dump, 'x'], stderr: /^pgdmp: Cannot write gzip in a tar archive/ },
    { args: ['-Fd', dump, '-'], stderr: /^pgdmp: Cannot write a directory archive to a stream/ },
    { args: ['--archive-version=1.17', dump, 'x'], stderr: /^pgdmp: Cannot write archive version 1\.17/ },
    { args: ['--input-format=p', dump, 'x'], stderr: /^pgdmp: --input-format: "p" is no format/ },
    { args: ['-F', 'plain', dump, 'x'], stderr: /archive format "plain" is not supported/ },
    { args: ['--archive-version=new', dump, 'x'], stderr: /^pgdmp: --archive-version: "new" is no version/ },
    { args: ['--target-version=12.x', dump, 'x'], stderr: /server "12\.x": must be 9\.6 to 18/ },
    { args: ['-a', '-s', dump, 'x'], stderr: /cannot be used together/ },
  ])('refuses $args with status 2', async ({ args, stderr }) => {
    const outcome = await pgdmp(['convert', ...args])
    expect(outcome.status).toBe(2)
    expect(outcome.stderr.split('\n')).toEqual([expect.stringMatching(stderr), ''])
  })

  test('a bad archive is told with status 1, and leaves nothing', async () => {
    const output = nextOutput()
    const cut = readFileSync(dump).subarray(0, -50)
    const outcome = await pgdmp(['convert', '-Z', 'none', '-', output], { stdin: cut })
    expect(outcome).toMatchObject({ status: 1, stderr: expect.stringMatching(/^pgdmp: Cannot read .*\n$/) })
    expect(readdirSync(scratch).filter((name) => name.startsWith(basename(output)) || name.startsWith('.'))).toEqual([])
  })

  test('a closed pipe is no failure', async () => {
    const command = shellQuote([process.execPath, cli, 'convert', '-Z0', dump, '-'])
    const script = `${command} | head -c 100 | wc -c; echo "\${PIPESTATUS[0]}"`
    expect((await run('bash', ['-c', script])).stdout.toString()).toBe('100\n0\n')
  })
})

describe('pgdmp reindex', () => {
  test('sets what is missing, once', async () => {
    const file = nextOutput()
    copyFileSync(pipe, file)
    const count = /^pgdmp: \d+ offsets set\n$/
    expect(await pgdmp(['reindex', file])).toMatchObject({ status: 0, stderr: expect.stringMatching(count) })
    await using archive = await open(file)
    expect(archive.toc.some(({ data }) => data.state === 'not-set')).toBe(false)
    const again = { status: 0, stderr: 'pgdmp: nothing to do: every entry with data has its offset\n' }
    expect(await pgdmp(['reindex', file])).toMatchObject(again)
    expect(await pgdmp(['reindex', '--quiet', file])).toMatchObject({ status: 0, stderr: '' })
  })

  test.each([
    { args: [fixture('18/full-Ft.tar').file], status: 2, stderr: /only custom archives have them/ },
    { args: ['does-not-exist'], status: 1, stderr: /No such file or directory/ },
    { args: [], status: 2, stderr: /the archive is missing/ },
  ])('refuses $args', async ({ args, status, stderr }) => {
    expect(await pgdmp(['reindex', ...args])).toMatchObject({ status, stderr: expect.stringMatching(stderr) })
  })
})
