#!/usr/bin/env node
// @ts-check
// Fuzzes what takes bytes from strangers; see README.md. A thread does it, and this one watches over it: an input that
// hangs, or that takes all of the heap, ends the thread and is a finding like any other.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { buildSync } from 'esbuild'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Of each target. */
    executions: { type: 'string', default: 'Infinity' },
    /** In all; the targets take turns. */
    seconds: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    /** A folder that keeps what was learnt. */
    corpus: { type: 'string' },
    /** Runs the crashers of crashers/ only. */
    regressions: { type: 'boolean', default: false },
    /** Goes on after a finding, which is put here. */
    findings: { type: 'string' },
  },
})

/** Milliseconds of a processor without a sign of life; the machine may have other work. */
const hangMs = 20_000
const turnSeconds = 60
const here = fileURLToPath(new URL('.', import.meta.url))
const root = path.join(here, '..', '..')
const names = (await import(pathToFileURL(bundle('targets/all.ts')).href)).targets.map(
  (/** @type {{ name: string }} */ { name }) => name,
)
for (const name of positionals) if (!names.includes(name)) throw new Error(`No target ${name}: ${names.join(', ')}`)
const chosen = positionals.length > 0 ? positionals : names
const workerFile = bundle('worker.ts')

/** @type {Map<string, { executions: number, seconds: number, blocks: number, corpus: number, slowest: number }>} */
const totals = new Map()
let findings = 0

/** @param {string} entry */
function bundle(entry) {
  const folder = path.join(root, 'node_modules', '.cache', 'pgdmp-fuzz')
  mkdirSync(folder, { recursive: true })
  const outfile = path.join(mkdtempSync(path.join(folder, 'run-')), `${path.basename(entry, '.ts')}.mjs`)
  process.on('exit', () => rmSync(path.dirname(outfile), { recursive: true, force: true }))
  buildSync({
    entryPoints: [path.join(here, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    packages: 'external',
    logLevel: 'error',
  })
  return outfile
}

/**
 * @param {string} target
 * @param {{ executions: number, seconds: number, seed: number, only?: Uint8Array[] }} limits
 * @returns {Promise<{ tally?: import('./fuzzer.ts').Tally, finding?: { target: string, kind: string, input: Uint8Array, message: string } }>}
 */
function run(target, limits) {
  const watched = new SharedArrayBuffer(8 + 131_072)
  const numbers = new Int32Array(watched, 0, 2)
  const worker = new Worker(workerFile, {
    workerData: { root, target, corpus: values.corpus, only: undefined, ...limits, watched },
    resourceLimits: { maxOldGenerationSizeMb: 384 },
  })
  /** @param {string} kind @param {string} message */
  const blame = (kind, message) => {
    const input = new Uint8Array(watched, 8).slice(0, numbers[1])
    return { finding: { target, kind, input, message } }
  }
  return new Promise((resolve) => {
    let seen = -1
    let since = process.cpuUsage()
    const watch = setInterval(() => {
      const executions = Atomics.load(numbers, 0)
      const { user } = process.cpuUsage(since)
      if (executions === seen && user > hangMs * 1000) finish(blame('hang', `No end within ${hangMs} ms`))
      if (executions !== seen) since = process.cpuUsage()
      seen = executions
    }, 2000)
    /** @param {Parameters<typeof resolve>[0]} outcome */
    const finish = (outcome) => {
      clearInterval(watch)
      void worker.terminate()
      resolve(outcome)
    }
    worker.on('message', finish)
    worker.on('error', (error) => finish(blame('crash', String(error.stack))))
    worker.on('exit', (code) => finish(blame('exit', `The thread ended with ${code}`)))
  })
}

/** @param {{ target: string, kind: string, input: Uint8Array, message: string }} finding */
function report({ target, kind, input, message }) {
  findings++
  const file = path.join(values.findings ?? path.join(here, 'crashers', target), `${target}-${Date.now().toString(36)}`)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, input)
  if (values.findings !== undefined) writeFileSync(`${file}.txt`, `${kind}\n${message}\n`)
  console.log(`FOUND ${target}: ${kind}\n${message}\n${input.length} bytes in ${file}\n`)
}

/** @param {string} target @param {number} seed @param {number} seconds */
async function fuzz(target, seed, seconds) {
  const total = totals.get(target) ?? { executions: 0, seconds: 0, blocks: 0, corpus: 0, slowest: 0 }
  totals.set(target, total)
  const start = performance.now()
  const { tally, finding } = await run(target, { executions: Number(values.executions), seconds, seed })
  total.seconds += (performance.now() - start) / 1000
  if (tally !== undefined) {
    total.executions += tally.executions
    total.blocks = Math.max(total.blocks, tally.blocks)
    total.corpus = tally.corpus
    total.slowest = Math.max(total.slowest, tally.slowest)
  }
  if (finding !== undefined) report(finding)
}

function table() {
  const lines = [...totals].map(([name, { executions, seconds, blocks, corpus, slowest }]) =>
    [name, executions, seconds.toFixed(0), (executions / seconds).toFixed(0), blocks, corpus, slowest.toFixed(0)].join(
      ' | ',
    ),
  )
  return `| target | executions | s | per s | blocks | corpus | slowest ms |\n| --- | --- | --- | --- | --- | --- | --- |\n${lines.map((line) => `| ${line} |`).join('\n')}\n`
}

if (values.regressions) {
  for (const target of chosen) {
    const folder = path.join(here, 'crashers', target)
    let files = /** @type {string[]} */ ([])
    try {
      files = readdirSync(folder).sort()
    } catch {
      // nothing was ever found there
    }
    for (const file of files) {
      const only = [new Uint8Array(readFileSync(path.join(folder, file)))]
      const { finding } = await run(target, { executions: 1, seconds: Infinity, seed: 0, only })
      console.log(`${target}/${file}: ${finding === undefined ? 'good' : `${finding.kind}\n${finding.message}`}`)
      if (finding !== undefined) findings++
    }
  }
} else {
  const seed = Number(values.seed)
  console.log(`seed ${seed}`)
  const bySeconds = values.seconds !== 'Infinity' || values.executions === 'Infinity'
  const end = performance.now() + Number(values.seconds) * 1000
  const turns = bySeconds ? Infinity : 1
  for (let turn = 0; turn < turns && performance.now() < end; turn++) {
    for (const target of chosen) {
      const left = (end - performance.now()) / 1000
      if (left <= 0) break
      await fuzz(
        target,
        seed + turn,
        bySeconds ? Math.min(turnSeconds, Number(values.seconds) / chosen.length, left) : Infinity,
      )
      if (findings > 0 && values.findings === undefined) break
    }
    console.log(`${new Date().toISOString()}\n${table()}`)
    if (findings > 0 && values.findings === undefined) break
  }
}
console.log(`${findings} findings`)
process.exitCode = findings > 0 ? 1 : 0
