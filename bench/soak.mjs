#!/usr/bin/env node
// @ts-check
// Load and length: `soak.mjs [--gigabytes 10] [--only TEXT]`. Each case runs in a process of its own; peak memory is what
// GNU time says. Archives are made on the fly; the largest needs some 25 GB in the temporary folder (TMPDIR). See README.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { gigabytes: { type: 'string', default: '10' }, only: { type: 'string', default: '' } },
})
const here = fileURLToPath(new URL('.', import.meta.url))
const root = path.join(here, '..')
const pgdmp = [process.execPath, path.join(root, 'dist', 'cli', 'main.js')]
const pgRestore = path.join(process.env['PGDMP_POSTGRES'] ?? path.join(root, '.tools', 'postgres'), '17/bin/pg_restore')
const scratch = mkdtempSync(path.join(tmpdir(), 'pgdmp-soak-'))

/** @param {string} name */
const inScratch = (name) => path.join(scratch, name)

/**
 * Runs a command and prints a row about it.
 * @param {string} name
 * @param {string[]} command
 * @param {{ stdin?: import('node:stream').Readable, stdout?: string, mostMiB?: number }} [options]
 */
async function row(name, command, { stdin, stdout, mostMiB } = {}) {
  const report = inScratch('time')
  const out = stdout === undefined ? undefined : createWriteStream(stdout)
  if (out !== undefined) await once(out, 'open')
  const child = spawn('/usr/bin/time', ['-o', report, '-f', '%e %U %S %M', ...command], {
    stdio: [stdin ?? 'ignore', out ?? 'ignore', 'inherit'],
  })
  const [status] = await once(child, 'exit')
  out?.destroy()
  if (status !== 0) throw new Error(`${command.join(' ')} ended with status ${String(status)}`)
  const [wall = 0, user = 0, system = 0, kib = 0] = (readFileSync(report, 'utf8').trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number)
  const peak = kib / 1024
  const verdict = mostMiB === undefined ? '' : peak <= mostMiB ? `at most ${mostMiB}` : `TOO MUCH, at most ${mostMiB}`
  if (mostMiB !== undefined && peak > mostMiB) process.exitCode = 1
  console.log(`| ${name} | ${peak.toFixed(0)} | ${verdict} | ${wall.toFixed(1)} | ${(user + system).toFixed(1)} |`)
}

/** @param {string} gigabytes @param {string} method */
function generate(gigabytes, method) {
  const args = [path.join(here, 'huge-archive.mjs'), gigabytes, method]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout
}

/** @param {string} gigabytes @param {string} method */
async function generated(gigabytes, method) {
  const file = inScratch(`${method}.dump`)
  await pipeline(generate(gigabytes, method), createWriteStream(file))
  return file
}

/** @param {...string} names */
function remove(...names) {
  for (const name of names) rmSync(inScratch(name), { recursive: true, force: true })
}

/** Whether this version has a command. @param {string} name */
const has = (name) => existsSync(path.join(root, 'dist', 'cli', `${name}.js`))

/** @param {string} one @param {string} other */
async function requireSame(one, other) {
  const child = spawn('cmp', [one, other], { stdio: 'inherit' })
  const [status] = await once(child, 'exit')
  if (status !== 0) throw new Error(`${one} and ${other} differ`)
}

/** @type {Record<string, () => Promise<void>>} */
const cases = {
  async concurrent() {
    await row('100 archives open and read at a time, 30 rounds', [
      process.execPath,
      '--expose-gc',
      path.join(here, 'concurrent.mjs'),
    ])
  },

  async huge() {
    const size = `${values.gigabytes} GB`
    for (const method of ['none', 'gzip']) {
      const input = await generated(values.gigabytes, method)
      const limit = { mostMiB: 200 }
      await row(`sql, ${size} ${method}`, [...pgdmp, 'sql', '-f', '/dev/null', input], limit)
      await row(`sql from a pipe, ${size} ${method}`, [...pgdmp, 'sql', '-f', '/dev/null', '-'], {
        ...limit,
        stdin: generate(values.gigabytes, method),
      })
      if (has('verify')) await row(`verify, ${size} ${method}`, [...pgdmp, 'verify', input], limit)
      const target = inScratch('converted')
      await row(
        `convert to custom lz4, ${size} ${method}`,
        [...pgdmp, 'convert', '-Fc', '-Z', 'lz4', input, target],
        limit,
      )
      remove('converted')
      if (method === 'gzip') {
        await row(
          `convert to directory as stored, ${size} ${method}`,
          [...pgdmp, 'convert', '-Fd', input, target],
          limit,
        )
        remove('converted')
      }
      remove(`${method}.dump`)
    }
  },

  async objects() {
    const file = inScratch('objects.dump')
    await row('create with 1,000,000 large objects', [
      process.execPath,
      path.join(here, 'many-objects.mjs'),
      '1000000',
      file,
    ])
    const [theirs, ours] = [inScratch('theirs'), inScratch('ours')]
    await row('pg_restore -l of it', [pgRestore, '-l', file], { stdout: theirs })
    await row('list of it', [...pgdmp, 'list', file], { stdout: ours })
    await requireSame(theirs, ours)
    await row('info of it', [...pgdmp, 'info', file])
    await row('sql of it', [...pgdmp, 'sql', '-f', '/dev/null', file])
    if (has('verify')) await row('verify of it', [...pgdmp, 'verify', file])
    remove('objects.dump', 'theirs', 'ours')
  },

  async row() {
    const input = await generated('0.9', 'row')
    const limit = { mostMiB: 200 }
    const [theirs, ours] = [inScratch('theirs'), inScratch('ours')]
    await row('pg_restore of a row of 900 MB', [pgRestore, '--restrict-key=soak', '-f', theirs, input])
    await row('sql of it', [...pgdmp, 'pg_restore', '--restrict-key=soak', '-f', ours, input], limit)
    await requireSame(theirs, ours)
    for (const method of ['gzip:1', 'lz4', 'zstd:1']) {
      await row(
        `convert of it to ${method}`,
        [...pgdmp, 'convert', '-Fc', '-Z', method, '--force', input, inScratch('converted')],
        limit,
      )
      await row(
        `sql of that`,
        [...pgdmp, 'pg_restore', '--restrict-key=soak', '-f', ours, inScratch('converted')],
        limit,
      )
      await requireSame(theirs, ours)
    }
    if (has('verify')) await row('verify of it', [...pgdmp, 'verify', input], limit)
    remove('theirs', 'ours', 'converted', 'row.dump')
  },

  async tar() {
    const input = await generated('6.5', 'none')
    const limit = { mostMiB: 200 }
    const tar = inScratch('converted.tar')
    await row('convert of a table of more than 5 GiB to tar', [...pgdmp, 'convert', '-Ft', input, tar], limit)
    remove('none.dump')
    if (statSync(tar).size < 5 * 2 ** 30) throw new Error('The member is shorter than 5 GiB')
    const [theirs, ours] = [inScratch('theirs'), inScratch('ours')]
    await row('pg_restore of it', [pgRestore, '--restrict-key=soak', '-f', theirs, tar])
    await row('sql of it', [...pgdmp, 'pg_restore', '--restrict-key=soak', '-f', ours, tar], limit)
    await requireSame(theirs, ours)
    if (has('verify')) await row('verify of it', [...pgdmp, 'verify', tar], limit)
    remove('theirs', 'ours', 'converted.tar')
  },
}

console.log(
  `Node.js ${process.version}, ${new Date().toISOString().slice(0, 10)}\n\n| case | peak MiB | | wall s | CPU s |\n| --- | --- | --- | --- | --- |`,
)
try {
  for (const [name, run] of Object.entries(cases)) if (name.includes(values.only)) await run()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
