import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from './chunks.ts'

/**
 * All of a source as one array; the source is released.
 * @param action what this is for, as in `collect the stream`
 * @throws ArchiveError LIMIT_EXCEEDED
 */
export async function collect(
  source: ChunkSource,
  action: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  try {
    let bytes = new Uint8Array(0)
    let length = 0
    for (;;) {
      signal?.throwIfAborted()
      const chunk = await source.next()
      if (chunk === null) return length === bytes.length ? bytes : bytes.slice(0, length)
      const total = length + chunk.length
      if (total > maxBytes) throw tooLong(action, total, maxBytes)
      if (total > bytes.length) {
        const larger = new Uint8Array(Math.min(Math.max(total, 2 * length), maxBytes))
        larger.set(bytes.subarray(0, length))
        bytes = larger
      }
      bytes.set(chunk, length)
      length = total
    }
  } finally {
    await source.cancel()
  }
}

function tooLong(action: string, total: number, maxBytes: number): ArchiveError {
  return new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot ${action}: it has ${total} bytes or more, the limit is ${maxBytes}`,
    {
      details: { limit: 'maxBytes', max: maxBytes, observed: total },
      hint: 'Pass a larger maxBytes, or take it chunk by chunk',
    },
  )
}
