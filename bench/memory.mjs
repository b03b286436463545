#!/usr/bin/env node
// @ts-check
// Peak memory while an archive of 10 GB (or `--gigabytes N`) goes through `pgdmp sql`, from a pipe and from a file.
// The archive is made on the fly by huge-archive.mjs; the file needs that much room in the temporary folder.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { gigabytes: { type: 'string', default: '10' } } })
const here = fileURLToPath(new URL('.', import.meta.url))
const pgdmp = path.join(here, '..', 'dist', 'cli', 'main.js')
const scratch = mkdtempSync(path.join(tmpdir(), 'pgdmp-bench-'))
const report = path.join(scratch, 'time')

/** @param {string} method */
function generator(method) {
  const args = [path.join(here, 'huge-archive.mjs'), values.gigabytes, method]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/**
 * @param {string} input
 * @param {import('node:stream').Readable | 'ignore'} stdin handed over as it is: nothing of it passes through here
 */
async function measure(input, stdin = 'ignore') {
  const command = [process.execPath, pgdmp, 'sql', '-f', '/dev/null', input]
  const child = spawn('/usr/bin/time', ['-o', report, '-f', '%e %M', ...command], {
    stdio: [stdin, 'ignore', 'inherit'],
  })
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`pgdmp ended with status ${String(status)}`)
  const [wall = 0, kib = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number)
  return `${(kib / 1024).toFixed(0)} | ${wall.toFixed(1)}`
}

console.log(
  `Node ${process.version}, archives of ${values.gigabytes} GB\n\n| archive | peak MiB | wall s |\n| --- | --- | --- |`,
)
try {
  for (const method of ['none', 'gzip']) {
    console.log(`| ${method}, from a pipe | ${await measure('-', generator(method).stdout)} |`)
    const file = path.join(scratch, `${method}.dump`)
    await pipeline(generator(method).stdout, createWriteStream(file))
    console.log(`| ${method}, from a file | ${await measure(file)} |`)
    rmSync(file)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
