import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { CommandLine } from '../helpers/command-lines.ts'
import { commandLines } from '../helpers/command-lines.ts'
import { allArchives, fixture, tocBytes } from '../helpers/corpus.ts'
import { readIndependently } from '../helpers/independent-reader.ts'
import { expectSameBytes, maskReader } from '../helpers/oracles.ts'
import { cli } from '../helpers/paths.ts'
import type { PostgresTools } from '../helpers/postgres.ts'
import { otherPostgres, postgres, withoutPath, withoutPostgres } from '../helpers/postgres.ts'
import type { Outcome } from '../helpers/process.ts'
import { run, shellQuote } from '../helpers/process.ts'

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
/** Command lines for each release. */
const runs = Number(process.env['PGDMP_RUNS'] ?? 80)
const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-differential-'))
let failed = false

afterAll(() => {
  if (!failed) rmSync(scratch, { recursive: true })
})

const all = [...postgres, ...otherPostgres].sort((a, b) => a.major - b.major)

if (all.length === 0) test('pg_restore', (context) => context.skip(withoutPostgres))
else {
  const versions = all.map((tools) => tools.version).join(', ')
  console.log(`pg_restore ${versions}; PGDMP_SEED=${seed} PGDMP_RUNS=${runs}`)
}

/** Command lines that pg_restore refuses, or takes only at first sight. */
const usageErrors: readonly (readonly string[])[] = [
  [],
  ['--nonsense'],
  ['-f', '-', '--no'],
  ['-f', '-', '--data'],
  ['-f', '-', '--data-only=x'],
  ['-f', '-', '-Z'],
  ['-f', '-', '-n'],
  ['-f'],
  ['-f', '-', '--schema'],
  ['-f', '-', 'first', 'second'],
  ['-f', '-', '-d', 'postgres'],
  ['-d', 'postgres', '--restrict-key=a'],
  ['-d', 'postgres', '-l'],
  ['-f', '-', '--restrict-key='],
  ['-f', '-', '--restrict-key=a b'],
  ['-f', '-', '-a', '-s'],
  ['-f', '-', '-a', '-c'],
  ['-f', '-', '-a', '--no-data'],
  ['-f', '-', '-s', '--no-schema'],
  ['-f', '-', '-s', '--statistics-only'],
  ['-f', '-', '-a', '--statistics-only'],
  ['-f', '-', '--statistics-only', '--no-statistics'],
  ['-f', '-', '--statistics', '--no-statistics'],
  ['-f', '-', '-1', '--transaction-size=2'],
  ['-f', '-', '-1', '-C'],
  ['-f', '-', '-1', '-j2'],
  ['-f', '-', '-j2'],
  ['-f', '-', '-j0'],
  ['-f', '-', '-jx'],
  ['-f', '-', '-j99999999999'],
  ['-f', '-', '--transaction-size=0'],
  ['-f', '-', '--transaction-size=x'],
  ['-f', '-', '--if-exists'],
  ['-f', '-', '-Fp'],
  ['-f', '-', '-Fx'],
  ['-f', '-', '-F', 'tables'],
  ['-f', '-', '-Ft'],
  ['-f', '-', '-Fd'],
  ['-f', '-', '--format='],
  ['-f', '-', '--section=data', '--section=x'],
  ['-f', '-', '-L', 'does-not-exist'],
  ['-f', '-', '--filter=does-not-exist'],
  ['-f', '/does/not/exist'],
  ['-l', '--strict-names', '-t', 'nope'],
  ['-f', '-', '--strict-names', '-n', 'nope', '-t', 'nope'],
  ['-f', '-', '--', '-x'],
]

/** What makes pg_restore tell all its positions in a tar file. */
const throughTar: readonly (readonly string[])[] = [
  ['-l', '-v', '-v'],
  ['-f', '-', '-vv'],
  ['-f', '-', '-vvv', '-s'],
  ['-f', '-', '-vv', '-a', '-n', 'plain'],
  ['-f', '-', '-vv', '-L', '{list}'],
]

let fileCount = 0

/** Asks both, in the same folder, and compares everything that can be seen. */
async function ask(tools: PostgresTools, question: CommandLine): Promise<void> {
  const { archive, timeZone } = question
  const paths = new Map<string, string>()
  for (const [name, content] of Object.entries(question.files)) {
    const path = join(scratch, `${fileCount++}.${name}`)
    writeFileSync(path, content)
    paths.set(`{${name}}`, path)
  }
  const args = question.args.map((arg) => arg.replace(/\{(?:list|filter)\}$/, (name) => paths.get(name) ?? name))
  if (!question.stdin) args.push(basename(archive.file))
  const options = {
    cwd: dirname(archive.file),
    env: { TZ: timeZone, LC_ALL: 'C' },
    ...(question.stdin ? { stdin: readFileSync(archive.file) } : {}),
  }
  const [theirs, ours] = await Promise.all([
    run(tools.pgRestore, args, options),
    run(process.execPath, [cli, 'pg_restore', '--compat', tools.version, ...args], options),
  ])
  try {
    compare(theirs, ours, archive.archive_version)
  } catch (error) {
    failed = true
    const from = question.stdin ? ` < ${shellQuote([basename(archive.file)])}` : ''
    const line = (program: string[]): string =>
      `(cd ${shellQuote([dirname(archive.file)])} && TZ=${timeZone} LC_ALL=C ${shellQuote([...program, ...args])}${from})`
    const both = `${line([tools.pgRestore])}\n${line(['node', cli, 'pg_restore', '--compat', tools.version])}`
    throw new Error(`pg_restore ${tools.version} answers otherwise:\n${both}\n${String(error)}`, { cause: error })
  }
}

function compare(theirs: Outcome, ours: Outcome, archiveVersion: string): void {
  expect([ours.status, ours.signal, ours.stderr]).toEqual([theirs.status, theirs.signal, withoutPath(theirs.stderr)])
  const [actual, expected] = [ours, theirs].map((outcome) => maskReader(withoutKey(outcome.stdout), archiveVersion))
  if (actual !== undefined && expected !== undefined) expectSameBytes(actual, expected)
}

/** Hides the key where none was given: each program makes up its own. */
function withoutKey(output: Buffer): Buffer {
  const key = /^\\restrict ([A-Za-z0-9]{63})$/m.exec(output.toString('latin1', 0, 200))?.[1]
  return key === undefined ? output : Buffer.from(output.toString('latin1').replaceAll(key, 'KEY'), 'latin1')
}

// That data with dependencies that lead nowhere is refused, the oracles show; a random question could show nothing else.
const archives = allArchives().filter((archive) => !archive.path.includes('bad-dependencies'))

describe.concurrent.each(all)('pgdmp pg_restore answers as pg_restore $version', (tools) => {
  test(
    `to ${runs} random command lines`,
    async () => {
      const property = fc.asyncProperty(commandLines(archives, tools), (question) => ask(tools, question))
      await fc.assert(property, { numRuns: runs, seed: seed + tools.major, endOnFailure: process.env['CI'] === 'true' })
    },
    // Shrinking a failure takes hundreds of runs.
    900_000,
  )

  const full = fixture(tools.newestArchive < 16 ? '13/schema-Sch_1-Fc.dump' : '18/schema-Sch_1-Fc.dump')
  const tar = fixture(tools.newestArchive < 16 ? '13/full-Ft.tar' : '18/full-Ft.tar')
  for (const args of throughTar) {
    test.each([false, true])(`to positions in a tar file: ${shellQuote(args)}, from a pipe: %s`, async (stdin) => {
      const key = tools.major >= 14 && !args.includes('-l') ? ['--restrict-key=a'] : []
      // from the last entry to the first: data comes in the wrong order
      const ids = readIndependently(tocBytes(tar), tar.format).entries.map((entry) => `${entry.dumpId};`)
      const files = { list: ids.toReversed().join('\n') }
      await ask(tools, { archive: tar, args: [...key, ...args], files, timeZone: 'UTC', stdin })
    })
  }

  test.each(['-l', '-f-'])('to entries that it warns of, with a line for each: %s -v -v', async (output) => {
    await ask(tools, {
      archive: fixture('derived/v1.4-Fd.dir'),
      args: [...(tools.major >= 14 && output !== '-l' ? ['--restrict-key=a'] : []), output, '-v', '-v'],
      files: {},
      timeZone: 'UTC',
      stdin: false,
    })
  })

  for (const args of usageErrors) {
    test(`to a bad command line: ${shellQuote(args)}`, async () => {
      await ask(tools, { archive: full, args, files: {}, timeZone: 'UTC', stdin: false })
    })
  }
})
