import type { BlockDecode } from './lz4-block.ts'

/**
 * The LZ4 block decoder as a WebAssembly module of some 300 bytes, put together at run time from the instructions
 * below: five times the speed of the same loop in JavaScript, and faster than a native addon, whose call costs more than
 * it saves. It differs from `decodeBlock` in one thing only: copies go by 16 bytes and may write up to 32
 * bytes past the end, so `iend` and `oend` need {@link SLACK} bytes of memory behind them.
 */

/** Bytes that must follow the input and the output area in memory. */
export const SLACK = 64
/** Bytes at the start of memory that hold the tables for short offsets. */
export const TABLE_BYTES = 512

const STEPS = 256 // address of the second table

// Instructions, by their names in the WebAssembly text format.
const loop = [0x03, 0x40]
const ifThen = [0x04, 0x40]
const otherwise = [0x05]
const end = [0x0b]
const br = (depth: number): number[] => [0x0c, depth]
const brIf = (depth: number): number[] => [0x0d, depth]
const ret = [0x0f]
const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const tee = (local: number): number[] => [0x22, local]
const load8 = (offset: number): number[] => [0x2d, 0, ...unsigned(offset)]
const load16 = [0x2f, 0, 0]
const loadVector = [0xfd, 0x00, 0, 0]
const storeVector = [0xfd, 0x0b, 0, 0]
const swizzle = [0xfd, 0x0e]
const constant = (value: number): number[] => [0x41, ...signed(value)]
const eqz = [0x45]
const eq = [0x46]
const ltU = [0x49]
const gtU = [0x4b]
const geU = [0x4f]
const add = [0x6a]
const sub = [0x6b]
const and = [0x71]
const or = [0x72]
const shl = [0x74]
const shrU = [0x76]

// Parameters and locals of the function.
const ip = 0
const iend = 1
const op = 2
const oend = 3
const low = 4
const token = 5
const length = 6
const byte = 7
const offset = 8
const from = 9
const until = 10
const step = 11
const pattern = 12

/** Instructions in lines, strung together. */
function code(...lines: readonly (readonly (readonly number[])[])[]): number[] {
  return lines.flat(2)
}

const fail = code([ifThen, constant(-1), ret, end])
const advance = (local: number, by: number): number[] => code([get(local), constant(by), add, set(local)])

/** `length` has the four bits of the token; 15 means that bytes follow, to be added until one is not 255. */
const extendLength = code(
  [get(length), constant(15), eq, ifThen],
  [loop],
  [get(ip), get(iend), geU, fail],
  [get(ip), load8(0), tee(byte), get(length), add, set(length)],
  [advance(ip, 1)],
  [get(byte), constant(255), eq, brIf(0)],
  [end],
  [end],
)

/** Copies 16 bytes at a time from `from` to `op` up to `until`, at least once. */
const copyVectors = code(
  [loop],
  [get(op), get(from), loadVector, storeVector],
  [advance(from, 16)],
  [get(op), constant(16), add, tee(op), get(until), ltU, brIf(0)],
  [end],
)

/** Fails if `length` is more than `limit - at`. */
const bound = (limit: number, at: number): number[] => code([get(length), get(limit), get(at), sub, gtU, fail])

const body = code(
  [loop],
  [get(ip), get(iend), geU, fail],
  [get(ip), load8(0), tee(token), constant(4), shrU, set(length)],
  [advance(ip, 1)],
  [extendLength],
  [bound(iend, ip), bound(oend, op)],
  [get(op), get(length), add, set(until)],
  [get(ip), set(from)],
  [copyVectors],
  [get(ip), get(length), add, set(ip)],
  [get(until), set(op)],
  // A block ends with literals.
  [get(ip), get(iend), eq, ifThen, get(op), ret, end],
  [get(iend), get(ip), sub, constant(2), ltU, fail],
  [get(op), get(ip), load16, tee(offset), sub, set(from)],
  [advance(ip, 2)],
  [get(offset), eqz, get(from), get(low), ltU, or, fail],
  [get(token), constant(15), and, set(length)],
  [extendLength],
  [advance(length, 4)],
  [bound(oend, op)],
  [get(op), get(length), add, set(until)],
  [get(offset), constant(16), geU, ifThen],
  [copyVectors],
  [otherwise],
  // Closer than 16 bytes the match overlaps itself: repeat its bytes over a vector, go on by whole repeats.
  [get(from), loadVector, get(offset), constant(4), shl, loadVector, swizzle, set(pattern)],
  [get(offset), load8(STEPS), set(step)],
  [loop],
  [get(op), get(pattern), storeVector],
  [get(op), get(step), add, tee(op), get(until), ltU, brIf(0)],
  [end],
  [end],
  [get(until), set(op)],
  [br(0)],
  [end],
  [constant(-1)],
  [end],
)

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0))
    rest >>>= 7
  } while (rest > 0)
  return bytes
}

/** LEB128 of a signed number. */
function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 127) | 128)
    rest >>= 7
  }
  bytes.push(rest & 127)
  return bytes
}

const section = (id: number, ...content: number[]): number[] => [id, ...unsigned(content.length), ...content]
const I32 = 0x7f
const V128 = 0x7b
const letters = (text: string): number[] => [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))]

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const main = [2, 7, I32, 1, V128, ...body] // 7 locals of type i32, 1 of type v128
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, 1, 0x60, 5, I32, I32, I32, I32, I32, 1, I32), // one function type
    ...section(2, 1, ...letters('m'), ...letters('m'), 2, 0, 0), // import of the memory
    ...section(3, 1, 0), // one function of type 0
    ...section(7, 1, ...letters('d'), 0, 0), // exported as "d"
    ...section(10, 1, ...unsigned(main.length), ...main),
  ])
}

let compiled: WebAssembly.Module | null | undefined

/** Compiles once; `null` where WebAssembly, its vectors or compiling at run time are not to be had. */
function compile(): WebAssembly.Module | null {
  if (compiled === undefined) {
    try {
      compiled = new WebAssembly.Module(moduleBytes())
    } catch {
      compiled = null // a content security policy, an old engine: the plain decoder does it
    }
  }
  return compiled
}

/** The decoder over a memory of its own, or `undefined` where it cannot run. */
export function openWasmDecoder(memory: () => WebAssembly.Memory): BlockDecode | undefined {
  const wasm = compile()
  if (wasm === null) return undefined
  const { exports } = new WebAssembly.Instance(wasm, { m: { m: memory() } })
  // The export named "d" of the module above has this very type.
  return exports['d'] as BlockDecode
}

/** Writes the two tables for offsets 1 to 15: which byte goes where in a vector, and by how much to go on. */
export function writeTables(memory: Uint8Array): void {
  for (let distance = 1; distance < 16; distance++) {
    for (let lane = 0; lane < 16; lane++) memory[distance * 16 + lane] = lane % distance
    memory[STEPS + distance] = 16 - (16 % distance)
  }
}
