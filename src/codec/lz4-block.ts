/**
 * Decodes one LZ4 block within `memory`, from `ip` up to `iend`, to `op` and at most up to `oend`; matches may reach
 * back to `low`. Gives the end of the output, or -1 for bytes that are no valid block. Nothing outside of
 * `op`..`oend` (and, in the WebAssembly version, 32 bytes more) is written, whatever the input says.
 */
export type BlockDecode = (ip: number, iend: number, op: number, oend: number, low: number) => number

const MIN_MATCH = 4
/** From this length on a native copy is faster than a loop. */
const LONG_COPY = 48

/** {@link BlockDecode} in plain TypeScript, for environments without WebAssembly. */
export function decodeBlock(
  memory: Uint8Array,
  start: number,
  iend: number,
  output: number,
  oend: number,
  low: number,
): number {
  let ip = start
  let op = output
  while (ip < iend) {
    const token = memory[ip++] ?? 0
    let length = token >>> 4
    if (length === 15) {
      let byte = 255
      while (byte === 255) {
        if (ip >= iend) return -1
        byte = memory[ip++] ?? 0
        length += byte
      }
    }
    if (length > iend - ip || length > oend - op) return -1
    if (length > LONG_COPY) {
      memory.copyWithin(op, ip, ip + length)
      ip += length
      op += length
    } else {
      for (const end = op + length; op < end;) memory[op++] = memory[ip++] ?? 0
    }
    if (ip === iend) return op

    if (iend - ip < 2) return -1
    const offset = (memory[ip] ?? 0) | ((memory[ip + 1] ?? 0) << 8)
    ip += 2
    let from = op - offset
    if (offset === 0 || from < low) return -1
    length = token & 15
    if (length === 15) {
      let byte = 255
      while (byte === 255) {
        if (ip >= iend) return -1
        byte = memory[ip++] ?? 0
        length += byte
      }
    }
    length += MIN_MATCH
    if (length > oend - op) return -1
    if (length > LONG_COPY && offset >= length) {
      memory.copyWithin(op, from, from + length)
      op += length
    } else {
      // Byte by byte on purpose: a match may overlap its own output.
      for (const end = op + length; op < end;) memory[op++] = memory[from++] ?? 0
    }
  }
  return -1 // a block ends with literals
}
