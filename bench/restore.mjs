#!/usr/bin/env node
// @ts-check
// `pgdmp restore` beside pg_restore 18 in the same run, into new databases of one server, serially and with -j 2:
// `node bench/restore.mjs ARCHIVES [--runs N] [--only TEXT]`. ARCHIVES is the folder that bench/make-archives.sh filled,
// PGDMP_SERVERS names the server (test/postgres/servers.sh). Needs GNU time. Prints one Markdown row a case.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { compare } from './measure.mjs'
import { benchDatabase, program, root } from './server.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const [folder] = positionals
if (folder === undefined) throw new Error('usage: node bench/restore.mjs ARCHIVES [--runs N] [--only TEXT]')
const { target, empty, drop } = benchDatabase(`pgdmp_bench_restore_${process.pid}`)

const cases = ['gzip', 'zstd', 'lz4', 'none'].flatMap((compression) =>
  [[], ['-j', '2']].map((jobs) => ({
    name: `restore ${[compression, ...jobs].join(' ')}`,
    options: [...jobs, '-O', '-x', '-d', target, path.join(folder, `${compression}.dump`)],
  })),
)

console.log('| case | times as fast: median (min–max) | wall s | CPU s | peak MiB |')
console.log('| --- | --- | --- | --- | --- |')
try {
  for (const { name, options } of cases) {
    if (!name.includes(values.only)) continue
    const { ours, theirs, speed } = compare(
      { command: [process.execPath, path.join(root, 'dist/cli/main.js'), 'restore', '-q', ...options], before: empty },
      { command: [program('pg_restore'), ...options], before: empty },
      Number(values.runs),
    )
    const pair = (/** @type {'wall' | 'cpu' | 'peakMiB'} */ key, digits = 2) =>
      `${ours[key].toFixed(digits)} / ${theirs[key].toFixed(digits)}`
    const [median, min, max] = [speed.median, speed.min, speed.max].map((value) => value.toFixed(2))
    console.log(
      `| ${name} | **${median}** (${min}–${max}) | ${pair('wall')} | ${pair('cpu')} | ${pair('peakMiB', 0)} |`,
    )
  }
} finally {
  drop()
}
