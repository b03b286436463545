import { HASH_BITS, LAST_LITERALS, MATCH_MARGIN, MAX_DISTANCE, MIN_MATCH, SKIP_BITS } from './lz4-compress.ts'
import type { BlockEncode } from './lz4-compress.ts'
import {
  add,
  advance,
  and,
  block,
  br,
  brIf,
  code,
  constant,
  ctz64,
  end,
  eq,
  eqz64,
  geU,
  get,
  gtU,
  ifThen,
  instantiate,
  load32,
  load64,
  load8,
  loadVector,
  loop,
  ltU,
  mul,
  ne,
  or,
  otherwise,
  set,
  shl,
  shrU,
  store16,
  store32,
  store8,
  storeVector,
  sub,
  tee,
  wrap64,
  xor64,
} from './wasm-assembler.ts'
import type { WasmFunction } from './wasm-assembler.ts'

/*
 * `encodeBlock` as a WebAssembly module, put together at run time as the decoder is. It makes the same bytes. The
 * table of places is at the start of memory; copies go by 16 bytes and comparisons by 8, so that up to 16 bytes past
 * the end of input and output are touched.
 */

// Parameters and locals of the function.
const ip = 0
const finish = 1
const op = 2
const low = 3
const anchor = 4
const lastStart = 5
const limit = 6
const misses = 7
const word = 8
const slot = 9
const from = 10
const match = 11
const distance = 12
const length = 13
const token = 14
const until = 15
const difference = 16

/** The address of the table's entry for the number on the stack. */
const slotOf = code([constant(0x9e3779b1 | 0), mul, constant(32 - HASH_BITS), shrU, constant(2), shl])

/** The rest of a length that did not fit into its four bits. */
const writeLength = code(
  [loop],
  [get(length), constant(255), geU, ifThen],
  [get(op), constant(255), store8, advance(op, 1)],
  [get(length), constant(255), sub, set(length), br(1)],
  [end],
  [end],
  [get(op), get(length), store8, advance(op, 1)],
)

/** Token and literals: from `anchor`, as many as `length` says. */
const writeLiterals = code(
  [get(op), set(token), advance(op, 1)],
  [get(anchor), get(length), add, set(until)],
  [get(length), constant(15), ltU, ifThen],
  [get(token), get(length), constant(4), shl, store8],
  [otherwise],
  [get(token), constant(0xf0), store8],
  [get(length), constant(15), sub, set(length), writeLength],
  [end],
  // `until` becomes the end of the output.
  [get(until), get(anchor), sub, get(op), add, set(until)],
  [loop],
  [get(op), get(anchor), loadVector, storeVector],
  [advance(anchor, 16)],
  [get(op), constant(16), add, tee(op), get(until), ltU, brIf(0)],
  [end],
  [get(until), set(op)],
)

const search = code(
  [get(ip), load32, tee(word), slotOf, tee(slot), load32, set(from)],
  [get(slot), get(ip), store32],
  [get(from), get(low), ltU],
  [get(ip), get(from), sub, constant(MAX_DISTANCE), gtU, or],
  [get(from), load32, get(word), ne, or],
)

const body = code(
  [get(ip), set(anchor)],
  [get(finish), constant(MATCH_MARGIN), sub, set(lastStart)],
  [get(finish), constant(LAST_LITERALS), sub, set(limit)],
  [constant(1 << SKIP_BITS), set(misses)],
  [block, loop],
  [get(ip), get(lastStart), gtU, brIf(1)],
  [search, ifThen],
  [get(ip), get(misses), constant(SKIP_BITS), shrU, add, set(ip)],
  [advance(misses, 1), br(1)],
  [end],
  // Backwards, as far as there are literals.
  [get(ip), set(match)],
  [loop],
  [get(match), get(anchor), gtU, get(from), get(low), gtU, and, ifThen],
  [get(match), constant(1), sub, load8(0), get(from), constant(1), sub, load8(0), eq, ifThen],
  [advance(match, -1), advance(from, -1), br(2)],
  [end],
  [end],
  [end],
  [get(match), get(from), sub, set(distance)],
  // Forwards; too far at first.
  [advance(ip, MIN_MATCH)],
  [block, loop],
  [get(ip), get(limit), geU, brIf(1)],
  [get(ip), load64, get(ip), get(distance), sub, load64, xor64, tee(difference), eqz64, ifThen],
  [advance(ip, 8), br(1)],
  [end],
  [get(ip), get(difference), ctz64, wrap64, constant(3), shrU, add, set(ip)],
  [end, end],
  [get(ip), get(limit), gtU, ifThen, get(limit), set(ip), end],
  [get(match), get(anchor), sub, set(length)],
  [writeLiterals],
  [get(op), get(distance), store16, advance(op, 2)],
  [get(ip), get(match), sub, constant(MIN_MATCH), sub, tee(length), constant(15), ltU, ifThen],
  [get(token), get(token), load8(0), get(length), or, store8],
  [otherwise],
  [get(token), get(token), load8(0), constant(15), or, store8],
  [get(length), constant(15), sub, set(length), writeLength],
  [end],
  [get(ip), set(anchor)],
  [constant(1 << SKIP_BITS), set(misses)],
  [get(ip), get(lastStart), gtU, brIf(1)],
  [get(ip), constant(2), sub, load32, slotOf, get(ip), constant(2), sub, store32],
  [br(0)],
  [end, end],
  [get(finish), get(anchor), sub, set(length)],
  [writeLiterals],
  [get(op)],
  [end],
)

const encoder: WasmFunction = {
  parameters: 4,
  locals: [
    [12, 'i32'],
    [1, 'i64'],
  ],
  body,
}

/** The encoder over a memory, or `undefined` where it cannot run. */
export function openWasmEncoder(memory: () => WebAssembly.Memory): BlockEncode | undefined {
  return instantiate(encoder, memory) as BlockEncode | undefined // the type of `encoder`
}
