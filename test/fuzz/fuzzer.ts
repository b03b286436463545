import { createHash } from 'node:crypto'
import { getHeapStatistics } from 'node:v8'
import type { Coverage } from './coverage.ts'
import { anyBytes, replace } from './mutate.ts'
import { Random } from './random.ts'
import { bytesOf, type FuzzTarget } from './target.ts'

/** An input that breaks a rule, and which. */
export interface Finding {
  readonly target: string
  readonly input: Uint8Array
  readonly kind: 'error' | 'slow' | 'memory' | 'rejection'
  readonly message: string
}

/** What one run over a target came to. */
export interface Tally {
  readonly target: string
  readonly executions: number
  readonly blocks: number
  readonly corpus: number
  /** The slowest input, milliseconds, as it came: other work on the machine included. */
  readonly slowest: number
}

/** Inputs between two looks at the coverage. */
const batch = 32

/** Milliseconds of a processor that an input may take: a target reads it several times over. */
const mostMs = (bytes: number): number => 300 + (20 * bytes) / 1024

/** Bytes that may be allocated for an input of any length: buffers for a stream of each codec, and what comes out. */
export const mostMemory = 192 * 2 ** 20

/** Executions that are spent on making a crasher shorter. */
const mostShrinks = 3000

/** Whatever goes wrong without anybody waiting for it. */
const rejections: unknown[] = []
process.on('unhandledRejection', (reason) => rejections.push(reason))

/** Feeds one target with mutations of what has led to new places before. */
export class Fuzzer {
  readonly #target: FuzzTarget
  readonly #random: Random
  readonly #coverage: Coverage
  readonly #onInput: (input: Uint8Array) => void
  readonly #corpus: Uint8Array[] = []
  readonly #tokens: readonly Uint8Array[]
  #executions = 0
  #slowest = 0

  /** @param onInput called before each execution, so that whoever watches knows what to blame for a hang */
  constructor(target: FuzzTarget, seed: number, coverage: Coverage, onInput: (input: Uint8Array) => void) {
    this.#target = target
    this.#random = new Random(seed)
    this.#coverage = coverage
    this.#onInput = onInput
    this.#tokens = target.tokens.map(bytesOf)
  }

  get corpus(): readonly Uint8Array[] {
    return this.#corpus
  }

  get tally(): Tally {
    return {
      target: this.#target.name,
      executions: this.#executions,
      blocks: this.#coverage.blocks,
      corpus: this.#corpus.length,
      slowest: this.#slowest,
    }
  }

  /** Runs inputs as they are, and keeps those that lead to new places. */
  async seed(inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
    for (const input of inputs) {
      if (input.length === 0) continue
      const finding = await this.#execute(input, true)
      if (finding !== undefined) return finding
      if (this.#coverage.learn() || this.#corpus.length === 0) this.#corpus.push(input)
    }
    return undefined
  }

  /** One batch of mutations, and a closer look at each where the batch came to a new place. */
  async round(): Promise<Finding | undefined> {
    const inputs = Array.from({ length: batch }, () => this.#mutate())
    for (const input of inputs) {
      const finding = await this.#execute(input, false)
      if (finding !== undefined) return finding
    }
    await new Promise((resolve) => setImmediate(resolve))
    if (rejections.length > 0) return await this.#findRejection(inputs)
    // now and then, so that loops that run longer than ever count as well
    if (!this.#coverage.sawNewBlock() && this.#random.below(16) > 0) return undefined
    for (const input of inputs) {
      this.#coverage.skip()
      const finding = await this.#execute(input, false)
      if (finding !== undefined) return finding
      if (this.#coverage.learn()) this.#corpus.push(input)
    }
    return undefined
  }

  /** Runs one input and judges it. */
  async try(input: Uint8Array): Promise<Finding | undefined> {
    const finding = await this.#execute(input, true)
    await new Promise((resolve) => setImmediate(resolve))
    if (finding === undefined && rejections.length > 0) return this.#rejection(input)
    return finding
  }

  /** A shorter input that breaks the same rule, by leaving out what can be left out. */
  async shrink(finding: Finding): Promise<Finding> {
    if (finding.kind !== 'error') return finding
    const [what] = finding.message.split('\n', 1)
    let least = finding
    let left = mostShrinks
    for (let size = least.input.length >> 1; size > 0 && left > 0; size >>= 1) {
      for (let at = 0; at + size <= least.input.length && left > 0; left--) {
        const shorter = await this.#execute(replace(least.input, at, size, new Uint8Array(0)), true)
        if (shorter?.kind === 'error' && shorter.message.split('\n', 1)[0] === what) least = shorter
        else at += size
      }
    }
    return least
  }

  #mutate(): Uint8Array {
    const random = this.#random
    // what was found last has been tried least; short inputs are quick, and more of them matters
    const recent = random.below(2) === 0 ? Math.max(0, this.#corpus.length - 20) : 0
    const choose = (): Uint8Array =>
      this.#corpus[recent + random.below(this.#corpus.length - recent)] ?? new Uint8Array(1)
    const [one, other] = [choose(), choose()]
    let input = random.below(4) === 0 || one.length <= other.length ? one : other
    const own = this.#target.mutators ?? []
    const others = { other: () => random.pick(this.#corpus), token: () => random.pick(this.#tokens) }
    for (let count = 1 << random.below(5); count > 0; count--) {
      if (input.length === 0) input = new Uint8Array(1)
      const mutators = own.length > 0 && random.below(2) === 0 ? own : anyBytes
      input = random.pick(mutators)(input, random, others).subarray(0, this.#target.maxBytes)
    }
    if (this.#target.repair !== undefined && random.below(2) === 0) input = this.#target.repair(input)
    return input
  }

  async #execute(input: Uint8Array, patient: boolean): Promise<Finding | undefined> {
    this.#executions++
    this.#onInput(input)
    const before = getHeapStatistics()
    const start = performance.now()
    try {
      await this.#target.run(input)
    } catch (error) {
      return this.#finding(input, 'error', error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    const taken = performance.now() - start
    const after = getHeapStatistics()
    const grown = after.external_memory + after.used_heap_size - before.external_memory - before.used_heap_size
    if (taken > this.#slowest) this.#slowest = taken
    if (grown > mostMemory) {
      return this.#finding(
        input,
        'memory',
        `${grown} bytes were allocated for ${input.length}, must be ${mostMemory} or less`,
      )
    }
    if (taken <= mostMs(input.length)) return undefined
    if (patient) return await this.#slow(input, taken)
    const again = await this.#execute(input, true)
    return again
  }

  /** The machine has other work as well, and code is slow at first: an input is slow when it stays so. */
  async #slow(input: Uint8Array, first: number): Promise<Finding | undefined> {
    let least = first
    for (let attempts = 0; attempts < 6 && least > mostMs(input.length); attempts++) {
      this.#onInput(input)
      const start = process.cpuUsage()
      try {
        await this.#target.run(input)
      } catch (error) {
        return this.#finding(input, 'error', String(error))
      }
      const { user, system } = process.cpuUsage(start)
      least = Math.min(least, (user + system) / 1000)
    }
    if (least <= mostMs(input.length)) return undefined
    return this.#finding(
      input,
      'slow',
      `${input.length} bytes take ${least.toFixed(0)} ms, must be ${mostMs(input.length).toFixed(0)} or less`,
    )
  }

  async #findRejection(inputs: readonly Uint8Array[]): Promise<Finding> {
    const reason = rejections.splice(0)[0]
    for (const input of inputs) {
      await this.#execute(input, true)
      await new Promise((resolve) => setImmediate(resolve))
      if (rejections.length > 0) return this.#rejection(input)
    }
    return this.#finding(
      new Uint8Array(0),
      'rejection',
      `Of some input in a batch, but of none alone: ${String(reason)}`,
    )
  }

  #rejection(input: Uint8Array): Finding {
    const reason = rejections.splice(0)[0]
    return this.#finding(
      input,
      'rejection',
      reason instanceof Error ? (reason.stack ?? reason.message) : String(reason),
    )
  }

  #finding(input: Uint8Array, kind: Finding['kind'], message: string): Finding {
    return { target: this.#target.name, input: input.slice(), kind, message }
  }
}

/** The name of a file for an input: the same for the same bytes. */
export function inputName(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 16)
}
