import {
  add,
  advance,
  and,
  block,
  br,
  brIf,
  code,
  constant,
  end,
  eq,
  eqz,
  get,
  gtU,
  geU,
  ifThen,
  instantiate,
  load8,
  loadVector,
  loop,
  ne,
  or,
  otherwise,
  ret,
  set,
  sub,
  tee,
  bitmask8,
  ctz,
  equals8,
  load32At,
  orVector,
  popcnt,
  splat8,
  store32At,
} from './wasm-assembler.ts'
import type { WasmFunction } from './wasm-assembler.ts'

/**
 * Runs over COPY text as fast as memory gives it: 16 bytes at a time where no byte needs a closer look, else byte by
 * byte. It stops in front of whatever it does not know to be right, for the caller to judge: rows with another number
 * of fields, escapes that PostgreSQL does not write, carriage returns, NULs, `\.`, and what the end of the input cuts.
 */

/** Where the kernel keeps what it counts: bytes in memory. */
const TABS = 0
const ROWS = 4
const ROW_START = 8
/** Input may lie from here on; the byte before tells whether it begins a field (a tab) or not. */
export const KERNEL_INPUT_AT = 64
/** Bytes of memory behind the input that the kernel may read. */
const SLACK = 64
const PAGE = 65536

// Parameters and locals of the function.
const at = 0
const until = 1
const expected = 2
const tabs = 3
const rows = 4
const rowStart = 5
const mask = 6
const lines = 7
const low = 8
const byte = 9
const stop = 10
const vector = 11
const allTabs = 12
const allLines = 13
const allBackslashes = 14
const allReturns = 15
const allZeros = 16

const TAB = 0x09
const LINE_FEED = 0x0a
const RETURN = 0x0d
const BACKSLASH = 0x5c

/** Ends the function in front of what it stands at. */
const leave = code(
  [constant(0), get(tabs), store32At(TABS)],
  [constant(0), get(rows), store32At(ROWS)],
  [constant(0), get(rowStart), store32At(ROW_START)],
  [get(at), ret],
)

const isByte = (value: number): number[] => code([get(byte), constant(value), eq])

/** One byte at `at`, below `until`. */
const oneByte = code(
  [get(at), load8(0), set(byte)],
  [isByte(TAB), ifThen],
  [advance(tabs, 1), advance(at, 1)],
  [otherwise],
  [isByte(LINE_FEED), ifThen],
  [get(tabs), get(expected), ne, ifThen, leave, end],
  [advance(rows, 1), constant(0), set(tabs), advance(at, 1), get(at), set(rowStart)],
  [otherwise],
  [isByte(BACKSLASH), ifThen],
  // the escape and the byte after it must be there
  [get(at), constant(2), add, get(until), geU, ifThen, leave, end],
  [get(at), load8(1), set(byte)],
  [isByte(0x4e), ifThen],
  // \N: alone in its field
  [get(at), constant(1), sub, load8(0), tee(mask), constant(TAB), ne],
  [get(mask), constant(LINE_FEED), ne, and],
  [get(at), load8(2), tee(mask), constant(TAB), ne],
  [get(mask), constant(LINE_FEED), ne, and, or],
  [ifThen, leave, end],
  [otherwise],
  // \\ \b \f \n \r \t \v
  [isByte(BACKSLASH), isByte(0x62), or, isByte(0x66), or, isByte(0x6e), or, isByte(0x72), or, isByte(0x74), or],
  [isByte(0x76), or, eqz, ifThen, leave, end],
  [end],
  [advance(at, 2)],
  [otherwise],
  [isByte(RETURN), isByte(0), or, ifThen, leave, end],
  [advance(at, 1)],
  [end],
  [end],
  [end],
)

const bytesEqual = (all: number): number[] => code([get(vector), get(all), equals8])

/** The rows that end in a vector without anything special. */
const lineEnds = code(
  [loop],
  // low = lowest bit of lines, less one: the bits before the line feed
  [get(lines), get(lines), constant(1), sub, and, set(byte)],
  [get(lines), get(byte), sub, constant(1), sub, set(low)],
  [get(tabs), get(mask), get(low), and, popcnt, add, set(tabs)],
  [get(tabs), get(expected), ne, ifThen],
  [get(at), get(lines), ctz, add, set(at), leave],
  [end],
  [advance(rows, 1), constant(0), set(tabs)],
  [get(at), get(lines), ctz, add, constant(1), add, set(rowStart)],
  [get(mask), get(mask), get(low), and, sub, set(mask)],
  [get(byte), tee(lines), brIf(0)],
  [end],
)

const body = code(
  [constant(0), load32At(TABS), set(tabs), constant(0), load32At(ROWS), set(rows)],
  [constant(0), load32At(ROW_START), set(rowStart)],
  [constant(TAB), splat8, set(allTabs), constant(LINE_FEED), splat8, set(allLines)],
  [constant(BACKSLASH), splat8, set(allBackslashes), constant(RETURN), splat8, set(allReturns)],
  [constant(0), splat8, set(allZeros)],
  [block],
  [loop],
  [get(at), constant(16), add, tee(stop), get(until), gtU, brIf(1)],
  [get(at), loadVector, set(vector)],
  [bytesEqual(allBackslashes), bytesEqual(allReturns), orVector, bytesEqual(allZeros), orVector, bitmask8],
  [ifThen],
  // byte by byte, past these sixteen
  [loop],
  [oneByte],
  [get(stop), get(at), gtU, brIf(0)],
  [end],
  [otherwise],
  [bytesEqual(allTabs), bitmask8, set(mask)],
  [bytesEqual(allLines), bitmask8, tee(lines), ifThen],
  [lineEnds],
  [end],
  [get(tabs), get(mask), popcnt, add, set(tabs)],
  [get(stop), set(at)],
  [end],
  [br(0)],
  [end],
  [end],
  // the last bytes
  [block],
  [loop],
  [get(at), get(until), geU, brIf(1)],
  [oneByte],
  [br(0)],
  [end],
  [end],
  [leave],
  [constant(0), end],
)

const kernel: WasmFunction = {
  parameters: 3,
  locals: [
    [8, 'i32'],
    [6, 'v128'],
  ],
  body,
}

/** The kernel over its own memory. */
export interface RowKernel {
  /** The memory; input goes to {@link KERNEL_INPUT_AT}. */
  readonly memory: Uint8Array
  /** Tabs in the current row, rows ended, and where the current row began: read and set between runs. */
  readonly counts: { tabs: number; rows: number; rowStart: number }
  /**
   * Goes over memory from `at` to `until`.
   * @param expected tabs that each row must have
   * @returns where it stopped; `until` when all was right
   */
  run(at: number, until: number, expected: number): number
}

/** A kernel for inputs of up to `bytes` at a time; undefined where WebAssembly with vectors cannot run. */
export function openRowKernel(bytes: number): RowKernel | undefined {
  let memory: Uint8Array | undefined
  const run = instantiate(kernel, () => {
    const pages = Math.ceil((KERNEL_INPUT_AT + bytes + SLACK) / PAGE)
    const own = new WebAssembly.Memory({ initial: pages, maximum: pages })
    memory = new Uint8Array(own.buffer)
    return own
  })
  if (typeof run !== 'function' || memory === undefined) return undefined
  const view = new DataView(memory.buffer)
  const counts = {
    get tabs() {
      return view.getUint32(TABS, true)
    },
    set tabs(value: number) {
      view.setUint32(TABS, value, true)
    },
    get rows() {
      return view.getUint32(ROWS, true)
    },
    set rows(value: number) {
      view.setUint32(ROWS, value, true)
    },
    get rowStart() {
      return view.getUint32(ROW_START, true)
    },
    set rowStart(value: number) {
      view.setUint32(ROW_START, value, true)
    },
  }
  return { memory, counts, run: (from, to, wanted) => Number(run(from, to, wanted)) }
}
