import { fileURLToPath, fs } from '#io/platform'
import { chunksOf } from './byte-stream.ts'
import type { ChunkSource } from './chunks.ts'
import { collect } from './collect.ts'
import { closeFile, openFile, readOnce } from './descriptor.ts'

/** How to read a text. */
export interface TextInputOptions {
  /** Most bytes to take. Default 256 MiB. */
  readonly maxBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const MAX_BYTES = 256 * 1024 * 1024
const FIRST_BYTES = 64 * 1024

/**
 * Reads a small text whole: a list file for `parseList`, a filter file for `parseFilter`; from a path (also a FIFO or
 * another special file) or from a stream such as `process.stdin`.
 *
 * @throws ArchiveError LIMIT_EXCEEDED; file-system errors and `signal.reason` unwrapped
 * @example
 * const list = parseList(await readTextInput('restore.list'))
 */
export async function readTextInput(
  input: string | URL | AsyncIterable<Uint8Array>,
  options: TextInputOptions = {},
): Promise<Uint8Array> {
  const maxBytes = options.maxBytes ?? MAX_BYTES
  const source = typeof input === 'string' || input instanceof URL ? await fileChunks(input) : chunksOf(input)
  return await collect(source, 'read the text', maxBytes, options.signal)
}

async function fileChunks(path: string | URL): Promise<ChunkSource> {
  const name = path instanceof URL ? fileURLToPath(path) : path
  const descriptor = await openFile(name, fs.constants.O_RDONLY)
  const buffer = new Uint8Array(FIRST_BYTES)
  let closed = false
  return {
    async next() {
      const count = await readOnce(descriptor, buffer, null)
      return count === 0 ? null : buffer.subarray(0, count)
    },
    async cancel() {
      if (closed) return
      closed = true
      await closeFile(descriptor)
    },
  }
}
