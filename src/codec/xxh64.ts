import {
  add,
  add64,
  block,
  br,
  brIf,
  code,
  constant,
  end,
  geU,
  get,
  instantiate,
  load64At,
  loop,
  mul64,
  rotl64,
  set,
  store64At,
  wideConstant,
} from './wasm-assembler.ts'
import type { WasmFunction } from './wasm-assembler.ts'

const PRIME1 = 0x9e3779b185ebca87n
const PRIME2 = 0xc2b2ae3d27d4eb4fn
const PRIME3 = 0x165667b19e3779f9n
const PRIME4 = 0x85ebca77c2b2ae63n
const PRIME5 = 0x27d4eb2f165667c5n
const STRIPE = 32

// Memory: the four lanes, two primes, then input.
const LANES_AT = 0
const PRIME1_AT = 32
const PRIME2_AT = 40
const INPUT_AT = 64
const INPUT_BYTES = 65536 - INPUT_AT

// Parameters and locals of the function: lanes of 64 bits follow.
const at = 0
const until = 1
const prime1 = 2
const prime2 = 3
const lanes = [4, 5, 6, 7] as const

const round = (lane: number, offset: number): number[] =>
  code(
    [get(lane), get(at), load64At(offset), get(prime2), mul64, add64],
    [wideConstant(31), rotl64, get(prime1), mul64, set(lane)],
  )

const stripes: WasmFunction = {
  parameters: 2,
  locals: [[6, 'i64']],
  body: code(
    [constant(0), load64At(PRIME1_AT), set(prime1), constant(0), load64At(PRIME2_AT), set(prime2)],
    lanes.map((lane, index) => code([constant(0), load64At(LANES_AT + 8 * index), set(lane)])),
    [block, loop, get(at), get(until), geU, brIf(1)],
    lanes.map((lane, index) => round(lane, 8 * index)),
    [get(at), constant(STRIPE), add, set(at), br(0), end, end],
    lanes.map((lane, index) => code([constant(0), get(lane), store64At(LANES_AT + 8 * index)])),
    [constant(0), end],
  ),
}

/** Goes over whole stripes in memory. */
type Stripes = (from: number, to: number) => void

const mask = 0xffffffffffffffffn
const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & mask
const mixed = (lane: bigint, input: bigint): bigint => (rotate((lane + input * PRIME2) & mask, 31n) * PRIME1) & mask

/** The same in plain TypeScript, for where WebAssembly cannot run. */
function plainStripes(view: DataView): Stripes {
  return (from, to) => {
    for (let stripe = from; stripe < to; stripe += STRIPE) {
      for (let lane = LANES_AT; lane < STRIPE; lane += 8) {
        view.setBigUint64(lane, mixed(view.getBigUint64(lane, true), view.getBigUint64(stripe + lane, true)), true)
      }
    }
  }
}

/** xxHash with 64 bits and seed 0: its low half is the checksum of zstd frames. */
export class Xxh64 {
  readonly #memory: Uint8Array
  readonly #view: DataView
  readonly #stripes: Stripes
  #held = 0
  #length = 0

  /** @param plain without WebAssembly */
  constructor(plain = false) {
    let own: WebAssembly.Memory | undefined
    const run = plain
      ? undefined
      : instantiate(stripes, () => (own = new WebAssembly.Memory({ initial: 1, maximum: 1 })))
    this.#memory = own === undefined ? new Uint8Array(INPUT_AT + INPUT_BYTES) : new Uint8Array(own.buffer)
    this.#view = new DataView(this.#memory.buffer)
    this.#stripes = typeof run === 'function' ? (from, to) => void run(from, to) : plainStripes(this.#view)
    const lanesAtStart = [(PRIME1 + PRIME2) & mask, PRIME2, 0n, (mask + 1n - PRIME1) & mask]
    lanesAtStart.forEach((lane, index) => this.#view.setBigUint64(LANES_AT + 8 * index, lane, true))
    this.#view.setBigUint64(PRIME1_AT, PRIME1, true)
    this.#view.setBigUint64(PRIME2_AT, PRIME2, true)
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length
    for (let from = 0; from < bytes.length;) {
      const part = bytes.subarray(from, from + INPUT_BYTES - this.#held)
      this.#memory.set(part, INPUT_AT + this.#held)
      from += part.length
      this.#held += part.length
      const whole = this.#held - (this.#held % STRIPE)
      this.#stripes(INPUT_AT, INPUT_AT + whole)
      this.#memory.copyWithin(INPUT_AT, INPUT_AT + whole, INPUT_AT + this.#held)
      this.#held -= whole
    }
  }

  /** The sum of all bytes so far. */
  digest(): bigint {
    const view = this.#view
    let sum = PRIME5
    if (this.#length >= STRIPE) {
      const lane = (index: number): bigint => view.getBigUint64(LANES_AT + 8 * index, true)
      sum = (rotate(lane(0), 1n) + rotate(lane(1), 7n) + rotate(lane(2), 12n) + rotate(lane(3), 18n)) & mask
      for (let index = 0; index < 4; index++) sum = ((sum ^ mixed(0n, lane(index))) * PRIME1 + PRIME4) & mask
    }
    sum = (sum + BigInt(this.#length)) & mask
    let rest = INPUT_AT
    const last = INPUT_AT + this.#held
    for (; rest + 8 <= last; rest += 8) {
      sum = (rotate(sum ^ mixed(0n, view.getBigUint64(rest, true)), 27n) * PRIME1 + PRIME4) & mask
    }
    if (rest + 4 <= last) {
      const word = (BigInt(view.getUint32(rest, true)) * PRIME1) & mask
      sum = (rotate(sum ^ word, 23n) * PRIME2 + PRIME3) & mask
      rest += 4
    }
    for (; rest < last; rest++)
      sum = (rotate(sum ^ ((BigInt(view.getUint8(rest)) * PRIME5) & mask), 11n) * PRIME1) & mask
    sum = ((sum ^ (sum >> 33n)) * PRIME2) & mask
    sum = ((sum ^ (sum >> 29n)) * PRIME3) & mask
    return sum ^ (sum >> 32n)
  }
}
