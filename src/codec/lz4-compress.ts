/**
 * Compresses the bytes `start`..`end` of `memory`, one block, to `output`, with matches back to `low`; gives the end of
 * the output. The output area has room for {@link blockBound}. Earlier blocks must have gone through the same `Matcher`.
 */
export type BlockEncode = (start: number, end: number, output: number, low: number) => number

/** The last bytes of a block that are always literals. */
export const LAST_LITERALS = 5
/** A match begins at least so many bytes before the end of its block. */
export const MATCH_MARGIN = 12
export const MIN_MATCH = 4
export const MAX_DISTANCE = 65535
/** Misses after which the search goes on in larger steps: 2 to the power of this. */
export const SKIP_BITS = 6
const LONG_COPY = 32

/** The most that a block of `bytes` bytes can take. */
export function blockBound(bytes: number): number {
  return bytes + Math.ceil(bytes / 255) + 16
}

/** The places of a sequence of four bytes, by a hash of them. */
export const HASH_BITS = 13

/** Four bytes as one number. */
export function read32(memory: Uint8Array, at: number): number {
  return (
    (memory[at] ?? 0) | ((memory[at + 1] ?? 0) << 8) | ((memory[at + 2] ?? 0) << 16) | ((memory[at + 3] ?? 0) << 24)
  )
}

export function hashOf(word: number, bits: number): number {
  return Math.imul(word, 0x9e3779b1) >>> (32 - bits)
}

/** How many bytes at `at` and at the earlier `from` are the same, `at` staying below `limit`. */
export function matchLength(memory: Uint8Array, at: number, from: number, limit: number): number {
  let ip = at
  let ref = from
  while (ip < limit && memory[ip] === memory[ref]) {
    ip++
    ref++
  }
  return ip - at
}

/** Writes one sequence: the literals `from`..`until` and a match. Gives the end of the output. */
export function writeSequence(
  memory: Uint8Array,
  output: number,
  from: number,
  until: number,
  distance: number,
  length: number,
): number {
  const token = output
  let op = writeLiterals(memory, output, from, until)
  memory[op++] = distance & 255
  memory[op++] = distance >>> 8
  const extra = length - MIN_MATCH
  memory[token] = (memory[token] ?? 0) | Math.min(extra, 15)
  return extra < 15 ? op : writeLength(memory, op, extra - 15)
}

/** Writes a token and the literals `from`..`until`: the end of a block, or the first half of a sequence. */
export function writeLiterals(memory: Uint8Array, output: number, from: number, until: number): number {
  const length = until - from
  let op = output
  memory[op++] = Math.min(length, 15) << 4
  if (length >= 15) op = writeLength(memory, op, length - 15)
  if (length > LONG_COPY) {
    memory.copyWithin(op, from, until)
    return op + length
  }
  for (let at = from; at < until;) memory[op++] = memory[at++] ?? 0
  return op
}

function writeLength(memory: Uint8Array, output: number, length: number): number {
  let op = output
  let rest = length
  for (; rest >= 255; rest -= 255) memory[op++] = 255
  memory[op++] = rest
  return op
}

/** {@link BlockEncode} in plain TypeScript, the fast way (level 0 to 2): the last place of each hash is tried, no other. */
export function encodeBlock(
  memory: Uint8Array,
  table: Int32Array,
  start: number,
  end: number,
  output: number,
  low: number,
): number {
  const lastStart = end - MATCH_MARGIN
  const limit = end - LAST_LITERALS
  let op = output
  let anchor = start
  let ip = start
  let misses = 1 << SKIP_BITS
  while (ip <= lastStart) {
    const word = read32(memory, ip)
    const hash = hashOf(word, HASH_BITS)
    let from = table[hash] ?? 0
    table[hash] = ip
    if (from < low || ip - from > MAX_DISTANCE || read32(memory, from) !== word) {
      ip += misses++ >>> SKIP_BITS
      continue
    }
    let match = ip
    while (match > anchor && from > low && memory[match - 1] === memory[from - 1]) {
      match--
      from--
    }
    const distance = match - from
    ip = ip + MIN_MATCH + matchLength(memory, ip + MIN_MATCH, ip + MIN_MATCH - distance, limit)
    op = writeSequence(memory, op, anchor, match, distance, ip - match)
    anchor = ip
    misses = 1 << SKIP_BITS
    if (ip <= lastStart) table[hashOf(read32(memory, ip - 2), HASH_BITS)] = ip - 2
  }
  return writeLiterals(memory, op, anchor, end)
}
