import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { Coverage } from './coverage.ts'
import { Fuzzer, inputName, type Finding, type Tally } from './fuzzer.ts'
import { targets } from './targets/all.ts'

/** What a worker is to do with one target. */
export interface Job {
  readonly root: string
  readonly target: string
  readonly seed: number
  /** Ends after so many executions, or so many seconds. */
  readonly executions: number
  readonly seconds: number
  /** Where what was learnt is kept between runs, if it is. */
  readonly corpus: string | undefined
  /** Inputs to run as they are, and nothing else. */
  readonly only: readonly Uint8Array[] | undefined
  /** Executions so far, length of the input, the input: for whoever waits in vain. */
  readonly watched: SharedArrayBuffer
}

/** What a worker says at its end. */
export interface Outcome {
  readonly tally: Tally
  readonly finding: Finding | undefined
}

const job = workerData as Job // the only one who starts this is run.mjs
const numbers = new Int32Array(job.watched, 0, 2)
const shown = new Uint8Array(job.watched, 8)

function show(input: Uint8Array): void {
  shown.set(input.subarray(0, shown.length))
  numbers[1] = input.length
  Atomics.add(numbers, 0, 1)
}

async function work(): Promise<Outcome> {
  const target = targets.find(({ name }) => name === job.target)
  if (target === undefined) throw new Error(`There is no target ${job.target}`)
  const fuzzer = new Fuzzer(target, job.seed, new Coverage(import.meta.url), show)
  if (job.only !== undefined) {
    for (const input of job.only) {
      const finding = await fuzzer.try(input)
      if (finding !== undefined) return { tally: fuzzer.tally, finding }
    }
    return { tally: fuzzer.tally, finding: undefined }
  }
  const end = performance.now() + job.seconds * 1000
  const folder = job.corpus === undefined ? undefined : join(job.corpus, target.name)
  if (folder !== undefined) mkdirSync(folder, { recursive: true })
  const learnt = folder === undefined ? [] : readdirSync(folder).map((name) => readFileSync(join(folder, name)))
  let finding = await fuzzer.seed([
    ...target.seeds(job.root).map((seed) => seed.subarray(0, target.maxBytes)),
    ...learnt,
  ])
  let kept = fuzzer.corpus.length
  while (finding === undefined && fuzzer.tally.executions < job.executions && performance.now() < end) {
    finding = await fuzzer.round()
    const fresh = fuzzer.corpus.slice(kept)
    kept += fresh.length
    if (folder !== undefined) for (const input of fresh) writeFileSync(join(folder, inputName(input)), input)
  }
  return { tally: fuzzer.tally, finding: finding && (await fuzzer.shrink(finding)) }
}

const outcome = await work()
parentPort?.postMessage(outcome, [])
