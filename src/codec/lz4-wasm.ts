import type { BlockDecode } from './lz4-block.ts'
import {
  add,
  advance,
  and,
  br,
  brIf,
  code,
  constant,
  end,
  eq,
  eqz,
  geU,
  get,
  gtU,
  ifThen,
  instantiate,
  load16,
  load8,
  loadVector,
  loop,
  ltU,
  or,
  otherwise,
  ret,
  set,
  shl,
  shrU,
  storeVector,
  sub,
  swizzle,
  tee,
} from './wasm-assembler.ts'
import type { WasmFunction } from './wasm-assembler.ts'

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

const fail = code([ifThen, constant(-1), ret, end])
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

/** The decoder over a memory of its own, or `undefined` where it cannot run. */
export function openWasmDecoder(memory: () => WebAssembly.Memory): BlockDecode | undefined {
  return instantiate(decoder, memory) as BlockDecode | undefined // the type of `decoder`
}

const decoder: WasmFunction = {
  parameters: 5,
  locals: [
    [7, 'i32'],
    [1, 'v128'],
  ],
  body,
}

/** Writes the two tables for offsets 1 to 15: which byte goes where in a vector, and by how much to go on. */
export function writeTables(memory: Uint8Array): void {
  for (let distance = 1; distance < 16; distance++) {
    for (let lane = 0; lane < 16; lane++) memory[distance * 16 + lane] = lane % distance
    memory[STEPS + distance] = 16 - (16 % distance)
  }
}
