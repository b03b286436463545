import type { Random } from './random.ts'

/** Gives a changed copy of `input`. */
export type Mutator = (input: Uint8Array, random: Random, others: Others) => Uint8Array

/** What a mutation may take pieces from. */
export interface Others {
  /** Another input of the corpus. */
  readonly other: () => Uint8Array
  /** A word of the language of the target. */
  readonly token: () => Uint8Array
}

const oddBytes = [0, 1, 2, 3, 4, 9, 10, 13, 0x1f, 0x20, 0x22, 0x27, 0x2f, 0x5c, 0x7f, 0x80, 0xc0, 0xfe, 0xff]
const oddInts = [0, 1, -1, 2, 127, 128, 255, 256, 4096, 65_535, 65_536, 2 ** 24, 2 ** 30, 2 ** 31 - 1, -(2 ** 31)]

/** `input` with `length` bytes from `at` on replaced. */
export function replace(input: Uint8Array, at: number, length: number, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(input.length - length + bytes.length)
  out.set(input.subarray(0, at))
  out.set(bytes, at)
  out.set(input.subarray(at + length), at + bytes.length)
  return out
}

/** A few bytes from somewhere, mostly few. */
function slice(input: Uint8Array, random: Random): Uint8Array {
  const at = random.below(input.length + 1)
  return input.subarray(at, at + random.below(1 << random.below(13)))
}

/** Mutations that suit any bytes. */
export const anyBytes: readonly Mutator[] = [
  function flipBit(input, random) {
    const out = input.slice()
    const at = random.below(out.length)
    out[at] = (out[at] ?? 0) ^ (1 << random.below(8))
    return out
  },
  function setByte(input, random) {
    const out = input.slice()
    out[random.below(out.length)] = random.below(3) === 0 ? random.below(256) : random.pick(oddBytes)
    return out
  },
  function addToByte(input, random) {
    const out = input.slice()
    const at = random.below(out.length)
    out[at] = (out[at] ?? 0) + random.below(16) - 8
    return out
  },
  function setInt(input, random) {
    const out = input.slice()
    const size = random.pick([2, 4, 8])
    const at = random.below(out.length)
    const value = random.pick([...oddInts, out.length, out.length - at])
    for (let index = 0; index < size && at + index < out.length; index++) {
      out[at + index] = index < 4 ? (value >> (8 * index)) & 0xff : value < 0 ? 0xff : 0
    }
    return out
  },
  function cutOut(input, random) {
    const at = random.below(input.length)
    const length = 1 + random.below(Math.min(input.length - at, 1 << random.below(13)))
    return replace(input, at, length, new Uint8Array(0))
  },
  function cutOff(input, random) {
    return input.slice(0, random.below(input.length))
  },
  function repeat(input, random) {
    const part = slice(input, random)
    const times = 1 << random.below(9)
    const repeated = new Uint8Array(Math.min(part.length * times, 65_536))
    for (let index = 0; index < repeated.length; index++) repeated[index] = part[index % part.length] ?? 0
    return replace(input, random.below(input.length + 1), 0, repeated)
  },
  function copyWithin(input, random) {
    const out = input.slice()
    out.set(slice(input, random).subarray(0, 64), random.below(Math.max(1, out.length - 64)))
    return out
  },
  function insertBytes(input, random) {
    const bytes = Uint8Array.from({ length: 1 + random.below(16) }, () => random.pick(oddBytes))
    return replace(input, random.below(input.length + 1), 0, bytes)
  },
  function insertToken(input, random, { token }) {
    return replace(input, random.below(input.length + 1), 0, token())
  },
  function overwriteWithToken(input, random, { token }) {
    const bytes = token()
    const at = random.below(input.length + 1)
    return replace(input, at, Math.min(bytes.length, input.length - at), bytes)
  },
  function takeFromOther(input, random, { other }) {
    const at = random.below(input.length + 1)
    const part = slice(other(), random)
    return replace(input, at, random.below(2) === 0 ? 0 : Math.min(part.length, input.length - at), part)
  },
  function crossOver(input, random, { other }) {
    const at = random.below(input.length + 1)
    const tail = other()
    return replace(input, at, input.length - at, tail.subarray(Math.min(at, random.below(tail.length + 1))))
  },
]

/** Mutations of the strings and integers of archives: a sign byte or none, then four bytes, lowest first. */
export const archiveFields: readonly Mutator[] = [
  function changeStr(input, random, { token, other }) {
    const found = findStr(input, random)
    if (found === undefined) return input
    const content = random.pick([
      () => token(),
      () => slice(other(), random),
      () => slice(input, random),
      () => new Uint8Array(0),
    ])()
    return replace(input, found.at, 5 + found.length, asStr(content))
  },
  function editStr(input, random, others) {
    const found = findStr(input, random)
    if (found === undefined || found.length === 0) return input
    const content = input.subarray(found.at + 5, found.at + 5 + found.length)
    return replace(input, found.at, 5 + found.length, asStr(random.pick(anyBytes)(content, random, others)))
  },
  function nullStr(input, random) {
    const found = findStr(input, random)
    if (found === undefined) return input
    return replace(input, found.at, 5 + found.length, Uint8Array.of(1, 1, 0, 0, 0))
  },
  function changeInt(input, random) {
    const found = findStr(input, random)
    const at = found?.at ?? random.below(input.length)
    const value = random.pick([...oddInts, input.length, random.below(300)])
    const int = Uint8Array.of(value < 0 ? 1 : 0, 0, 0, 0, 0)
    new DataView(int.buffer).setUint32(1, Math.abs(value), true)
    return replace(input, at, Math.min(5, input.length - at), int)
  },
  function doubleFields(input, random) {
    const first = findStr(input, random)
    const second = findStr(input, random)
    if (first === undefined || second === undefined) return input
    const [from, to] = first.at < second.at ? [first.at, second.at] : [second.at, first.at]
    return replace(input, from, 0, input.subarray(from, Math.min(to, from + 8192)))
  },
]

function asStr(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(5 + content.length)
  new DataView(out.buffer).setUint32(1, content.length, true)
  out.set(content, 5)
  return out
}

/** Something in `input` that looks like a string with its length. */
function findStr(input: Uint8Array, random: Random): { readonly at: number; readonly length: number } | undefined {
  if (input.length < 6) return undefined
  const view = new DataView(input.buffer, input.byteOffset, input.length)
  const start = random.below(input.length - 5)
  for (let at = start; at < Math.min(start + 2000, input.length - 5); at++) {
    if (input[at] !== 0) continue
    const length = view.getUint32(at + 1, true)
    if (length < 8192 && at + 5 + length <= input.length) return { at, length }
  }
  return undefined
}
