/*
 * The few instructions of WebAssembly that the block coders of LZ4 and the row scanner are made of, by their names in the text format, and
 * the frame of a module with one function.
 */

export const loop = [0x03, 0x40]
export const ifThen = [0x04, 0x40]
export const otherwise = [0x05]
export const end = [0x0b]
export const br = (depth: number): number[] => [0x0c, depth]
export const brIf = (depth: number): number[] => [0x0d, depth]
export const ret = [0x0f]
export const get = (local: number): number[] => [0x20, local]
export const set = (local: number): number[] => [0x21, local]
export const tee = (local: number): number[] => [0x22, local]
export const load8 = (offset: number): number[] => [0x2d, 0, ...unsigned(offset)]
export const load16 = [0x2f, 0, 0]
export const loadVector = [0xfd, 0x00, 0, 0]
export const storeVector = [0xfd, 0x0b, 0, 0]
export const swizzle = [0xfd, 0x0e]
export const constant = (value: number): number[] => [0x41, ...signed(value)]
export const eqz = [0x45]
export const eq = [0x46]
export const ltU = [0x49]
export const gtU = [0x4b]
export const geU = [0x4f]
export const add = [0x6a]
export const sub = [0x6b]
export const and = [0x71]
export const or = [0x72]
export const shl = [0x74]
export const shrU = [0x76]
export const block = [0x02, 0x40]
export const load32 = [0x28, 0, 0]
export const load64 = [0x29, 0, 0]
export const store8 = [0x3a, 0, 0]
export const store16 = [0x3b, 0, 0]
export const store32 = [0x36, 0, 0]
export const ne = [0x47]
export const mul = [0x6c]
export const xor64 = [0x85]
export const eqz64 = [0x50]
export const ctz64 = [0x7a]
export const wrap64 = [0xa7]
export const load32At = (offset: number): number[] => [0x28, 0, ...unsigned(offset)]
export const store32At = (offset: number): number[] => [0x36, 0, ...unsigned(offset)]
export const load64At = (offset: number): number[] => [0x29, 0, ...unsigned(offset)]
export const store64At = (offset: number): number[] => [0x37, 0, ...unsigned(offset)]
export const wideConstant = (value: number): number[] => [0x42, ...signed(value)]
export const add64 = [0x7c]
export const mul64 = [0x7e]
export const rotl64 = [0x89]
export const ctz = [0x68]
export const popcnt = [0x69]
export const splat8 = [0xfd, 0x0f]
export const equals8 = [0xfd, 0x23]
export const orVector = [0xfd, 0x50]
export const bitmask8 = [0xfd, 0x64]

/** Instructions in lines, strung together. */
export function code(...lines: readonly (readonly (readonly number[])[])[]): number[] {
  return lines.flat(2)
}

/** `local += by`. */
export const advance = (local: number, by: number): number[] => code([get(local), constant(by), add, set(local)])

const I32 = 0x7f
const I64 = 0x7e
const V128 = 0x7b
const TYPES = { i32: I32, i64: I64, v128: V128 } as const
const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

const section = (id: number, ...content: number[]): number[] => [id, ...unsigned(content.length), ...content]
const letters = (text: string): number[] => [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))]

/** One function: parameters of type i32, locals in this order, a result of type i32. */
export interface WasmFunction {
  readonly parameters: number
  readonly locals: readonly (readonly [count: number, type: keyof typeof TYPES])[]
  /** The instructions, the last `end` included. */
  readonly body: readonly number[]
}

/** A module that imports its memory as `m.m` and exports the function as `f`. */
function moduleBytes({ parameters, locals, body }: WasmFunction): Uint8Array<ArrayBuffer> {
  const declared = locals.flatMap(([count, type]) => [count, TYPES[type]])
  const main = [locals.length, ...declared, ...body]
  const signature = [0x60, parameters, ...Array.from({ length: parameters }, () => I32), 1, I32]
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, 1, ...signature),
    ...section(2, 1, ...letters('m'), ...letters('m'), 2, 0, 0),
    ...section(3, 1, 0), // one function of type 0
    ...section(7, 1, ...letters('f'), 0, 0),
    ...section(10, 1, ...unsigned(main.length), ...main),
  ])
}

const compiled = new Map<WasmFunction, WebAssembly.Module | null>()

/**
 * The function over a memory, or `undefined` where it cannot run; compiled once. `memory` is asked for only if it can.
 */
export function instantiate(
  definition: WasmFunction,
  memory: () => WebAssembly.Memory,
): WebAssembly.ExportValue | undefined {
  let wasm = compiled.get(definition)
  if (wasm === undefined) {
    try {
      wasm = new WebAssembly.Module(moduleBytes(definition))
    } catch {
      wasm = null // a content security policy, an old engine: the plain coder does it
    }
    compiled.set(definition, wasm)
  }
  return wasm === null ? undefined : new WebAssembly.Instance(wasm, { m: { m: memory() } }).exports['f']
}

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
