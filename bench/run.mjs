#!/usr/bin/env node
// @ts-check
// pgdmp beside pg_restore, in the same run: `npm run bench -- ARCHIVES [--runs N] [--only TEXT]`.
// ARCHIVES is the folder that bench/make-archives.sh filled. Needs GNU time and pg_restore 15 and 18
// (PGDMP_POSTGRES, see test/postgres/install.sh). Prints one Markdown row a case; losses are printed like wins.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compare } from './measure.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const archives = positionals[0]
if (archives === undefined) throw new Error('usage: npm run bench -- ARCHIVES [--runs N] [--only TEXT]')
const postgres = process.env['PGDMP_POSTGRES'] ?? path.join(root, '.tools', 'postgres')
const pgdmp = [process.execPath, path.join(root, 'dist', 'cli', 'main.js')]
const scratch = mkdtempSync(path.join(tmpdir(), 'pgdmp-bench-'))

/** @param {number} major */
function pgRestore(major) {
  const own = path.join(postgres, String(major), 'bin', 'pg_restore')
  const file = existsSync(own) ? own : `/usr/lib/postgresql/${major}/bin/pg_restore`
  if (!existsSync(file)) throw new Error(`pg_restore ${major} is not installed: test/postgres/install.sh ${major}`)
  return file
}

/** @param {string} name */
function archive(name) {
  const file = path.join(archives ?? '', name)
  if (!existsSync(file)) throw new Error(`${file} is missing: run bench/make-archives.sh`)
  return file
}

/** @typedef {{ name: string, archive: string, major: number, ours: (file: string) => string[], theirs: (file: string) => string[] }} Case */

/**
 * @param {string} compression
 * @param {string} file
 * @param {number} major
 * @returns {Case[]}
 */
function sqlCases(compression, file, major) {
  const out = path.join(scratch, 'out.sql')
  return ['/dev/null', out].map((target) => ({
    name: `sql ${compression} to ${target === out ? 'a file' : target}`,
    archive: file,
    major,
    ours: (input) => ['sql', '--no-restrict', '-f', target, input],
    theirs: (input) => ['-f', target, input],
  }))
}

/** @type {Case[]} */
const cases = [
  ...sqlCases('gzip', 'gzip.dump', 15),
  ...sqlCases('gzip', 'gzip.dump', 18),
  ...sqlCases('lz4', 'lz4.dump', 18),
  ...sqlCases('zstd', 'zstd.dump', 18),
  ...sqlCases('none', 'none.dump', 18),
  {
    name: 'list of 120,000 entries',
    archive: 'many.dump',
    major: 15,
    ours: (input) => ['list', input],
    theirs: (input) => ['-l', input],
  },
  {
    name: 'open (list of one table) of 120,000 entries',
    archive: 'many.dump',
    major: 15,
    ours: (input) => ['list', '-t', 't_00001', input],
    theirs: (input) => ['-l', '-t', 't_00001', input],
  },
]

console.log(
  `Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${values.runs} pairs a case\n`,
)
console.log('| case | beside pg_restore | times as fast: median (min–max) | wall s | CPU s | peak MiB |')
console.log('| --- | --- | --- | --- | --- | --- |')
try {
  for (const one of cases) {
    if (!one.name.includes(values.only)) continue
    const input = archive(one.archive)
    const { ours, theirs, speed } = compare(
      { command: [...pgdmp, ...one.ours(input)] },
      { command: [pgRestore(one.major), ...one.theirs(input)] },
      Number(values.runs),
    )
    const pair = (/** @type {'wall' | 'cpu' | 'peakMiB'} */ key, digits = 2) =>
      `${ours[key].toFixed(digits)} / ${theirs[key].toFixed(digits)}`
    console.log(
      `| ${one.name} | ${one.major} | **${speed.median.toFixed(2)}** (${speed.min.toFixed(2)}–${speed.max.toFixed(2)}) ` +
        `| ${pair('wall')} | ${pair('cpu')} | ${pair('peakMiB', 0)} |`,
    )
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
