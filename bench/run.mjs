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

/**
 * `theirs`: arguments of pg_restore, or the whole command of another peer, which `peer` names; `makes`: what ours and
 * theirs make; `redirected`: by way of standard output.
 * @typedef {{ name: string, archive: string, major: number, ours: (file: string) => string[], theirs: (file: string) => string[], peer?: string, makes?: [string, string], redirected?: boolean }} Case
 */

/**
 * @param {string} compression
 * @param {string} file
 * @param {number} major
 * @returns {Case[]}
 */
function sqlCases(compression, file, major) {
  const out = path.join(scratch, 'out.sql')
  const ours = (/** @type {string} */ target) => (/** @type {string} */ input) => [
    'sql',
    '--no-restrict',
    '-f',
    target,
    input,
  ]
  const flushed = (/** @type {string} */ input) => [
    'sh',
    '-c',
    '"$0" -f "$1" "$2" && sync "$1"',
    pgRestore(major),
    out,
    input,
  ]
  return [
    {
      name: `sql ${compression} to /dev/null`,
      archive: file,
      major,
      ours: ours('/dev/null'),
      theirs: (input) => ['-f', '/dev/null', input],
    },
    {
      name: `sql ${compression} > file`,
      archive: file,
      major,
      ours: ours('-'),
      theirs: (input) => ['-f', '-', input],
      makes: [out, out],
      redirected: true,
    },
    // with -f pgdmp flushes the file to disk before it gets its name, pg_restore leaves that to the kernel
    {
      name: `sql ${compression} -f file`,
      archive: file,
      major,
      ours: ours(out),
      theirs: (input) => ['-f', out, input],
      makes: [out, out],
    },
    {
      name: `sql ${compression} -f file`,
      archive: file,
      major,
      ours: ours(out),
      theirs: flushed,
      peer: `${major}, then sync`,
      makes: [out, out],
    },
  ]
}

/**
 * What pg_restore has for the purpose: to decompress everything and throw it away.
 * @param {string} compression
 * @param {string} file
 * @returns {Case}
 */
function verifyCase(compression, file) {
  return {
    name: `verify ${compression}`,
    archive: file,
    major: 18,
    ours: (input) => ['verify', '-q', input],
    theirs: (input) => ['-f', '/dev/null', input],
  }
}

const converted = path.join(scratch, 'converted')

/**
 * PostgreSQL has no program that converts archives. What comes nearest reads all of it and writes a file of the kind: a
 * script, compressed by the method's own program; for a copy, `cp` with the flush to disk that pgdmp does as well.
 * @param {string} name
 * @param {readonly string[]} options
 * @param {'cp' | { compressor: string }} peer
 * @returns {Case}
 */
function convertCase(name, options, peer) {
  const copy = (/** @type {string} */ input) => ['sh', '-c', 'cp "$0" "$1" && sync "$1"', input, converted]
  const script = (/** @type {string} */ input) => {
    const compressor = peer === 'cp' ? '' : peer.compressor
    const command = `"$0" -f - "$1" | ${compressor} > "$2" && sync "$2"`
    return ['sh', '-c', command, pgRestore(18), input, converted]
  }
  return {
    name: `convert ${name}`,
    archive: 'gzip.dump',
    major: 18,
    ours: (input) => ['convert', ...options, input, `${converted}.ours`],
    theirs: peer === 'cp' ? copy : script,
    makes: [`${converted}.ours`, converted],
    peer: peer === 'cp' ? 'cp' : `pg_restore 18 to ${peer.compressor}`,
  }
}

/** @type {Case[]} */
const cases = [
  ...sqlCases('gzip', 'gzip.dump', 15),
  ...sqlCases('gzip', 'gzip.dump', 18),
  ...sqlCases('lz4', 'lz4.dump', 18),
  ...sqlCases('zstd', 'zstd.dump', 18),
  ...sqlCases('none', 'none.dump', 18),
  verifyCase('gzip', 'gzip.dump'),
  verifyCase('lz4', 'lz4.dump'),
  verifyCase('zstd', 'zstd.dump'),
  verifyCase('none', 'none.dump'),
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
  ...[
    { name: 'sql of 20,000 small tables', file: 'many.dump' },
    { name: 'sql of 20,000 small files', file: 'many.dir' },
  ].map(({ name, file }) => ({
    name,
    archive: file,
    major: 15,
    ours: (/** @type {string} */ input) => ['sql', '--no-restrict', input],
    theirs: (/** @type {string} */ input) => ['-f', '-', input],
  })),
  // PostgreSQL has nothing that audits: what it costs is told beside the list of the same archive
  {
    name: 'audit of 120,000 entries',
    archive: 'many.dump',
    major: 15,
    ours: (input) => ['audit', input],
    theirs: (input) => [...pgdmp, 'list', input],
    peer: 'pgdmp list',
  },
  convertCase('unchanged', [], 'cp'),
  // another header and table of contents around data that are copied as stored
  convertCase('gzip to gzip as stored', ['--archive-version=1.16'], 'cp'),
  convertCase('gzip custom to gzip directory', ['-Fd'], 'cp'),
  convertCase('gzip to zstd', ['-Zzstd'], { compressor: 'zstd -q -3' }),
  convertCase('gzip to none', ['-Znone'], { compressor: 'cat' }),
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
      {
        command: [...pgdmp, ...one.ours(input)],
        ...(one.makes && { fresh: one.makes[0] }),
        ...(one.makes && one.redirected && { stdout: one.makes[0] }),
      },
      {
        command: one.peer === undefined ? [pgRestore(one.major), ...one.theirs(input)] : one.theirs(input),
        ...(one.makes && { fresh: one.makes[1] }),
        ...(one.makes && one.redirected && { stdout: one.makes[1] }),
      },
      Number(values.runs),
    )
    const pair = (/** @type {'wall' | 'cpu' | 'peakMiB'} */ key, digits = 2) =>
      `${ours[key].toFixed(digits)} / ${theirs[key].toFixed(digits)}`
    console.log(
      `| ${one.name} | ${one.peer ?? one.major} | **${speed.median.toFixed(2)}** (${speed.min.toFixed(2)}–${speed.max.toFixed(2)}) ` +
        `| ${pair('wall')} | ${pair('cpu')} | ${pair('peakMiB', 0)} |`,
    )
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
