import type { Readable } from 'node:stream'
import { fileURLToPath, fs, pipeStream } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { closeFile, fileStatus, openFile, pathStatus, readOnce } from './descriptor.ts'
import { openDirectory, type DirectoryAccess } from './directory.ts'
import { blobSource, bytesSource, descriptorSource, isRandomAccess, type RandomAccess } from './source.ts'

/** Where an archive is read from: a path (file, directory, FIFO, device), bytes, a source or stream of the caller's. */
export type ArchiveInput =
  | string
  | URL
  | Uint8Array
  | Blob
  | RandomAccess
  | Readable
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>

/** An input by the way in which it can be read. */
export type ResolvedInput =
  | { readonly kind: 'directory'; readonly dir: DirectoryAccess; readonly path: string }
  | {
      readonly kind: 'random'
      readonly source: RandomAccess
      readonly path?: string
      /** It was opened here, so whoever uses it closes it. A source of the caller's stays the caller's. */
      readonly owned: boolean
    }
  | { readonly kind: 'stream'; readonly iterable: AsyncIterable<Uint8Array>; readonly path?: string }

/** Bytes read from a device at a time. */
const DEVICE_READ_BYTES = 256 * 1024

/**
 * Classifies an input, and opens it when it is a path. File-system errors pass through unwrapped.
 *
 * @throws ArchiveError USAGE when it is none of the known kinds, or an empty path
 */
export async function resolveInput(input: ArchiveInput): Promise<ResolvedInput> {
  const path = pathOf(input)
  if (path !== undefined) return await resolvePath(path)
  if (input instanceof Uint8Array) return { kind: 'random', source: bytesSource(input), owned: true }
  if (typeof Blob === 'function' && input instanceof Blob) {
    return { kind: 'random', source: blobSource(input), owned: true }
  }
  if (isRandomAccess(input)) return { kind: 'random', source: input, owned: false }
  if (typeof input === 'object' && input !== null) {
    // Before the async iterator, which web streams do not have everywhere and Node streams have with other habits.
    if ('getReader' in input) return { kind: 'stream', iterable: webChunks(input) }
    if ('destroy' in input && 'pipe' in input) return { kind: 'stream', iterable: nodeChunks(input) }
    if (Symbol.asyncIterator in input) return { kind: 'stream', iterable: input }
  }
  throw new ArchiveError(
    'USAGE',
    `Cannot open an input of type ${input === null ? 'null' : typeof input}: must be a path, bytes or a stream`,
  )
}

/** The path of an input that is one. */
export function pathOf(input: ArchiveInput): string | undefined {
  if (typeof input === 'string') return input
  return input instanceof URL ? fileURLToPath(input) : undefined
}

async function resolvePath(path: string): Promise<ResolvedInput> {
  if (path === '')
    throw new ArchiveError('USAGE', 'Cannot open an input: the path is empty, must name a file or directory')
  const status = await pathStatus(path)
  if (status.isDirectory()) return { kind: 'directory', dir: await openDirectory(path), path }
  // O_NONBLOCK: the open of a FIFO would wait for a writer in a thread, from where nothing can call it back.
  const descriptor = await openFile(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
  try {
    // What was opened counts, not what was there before.
    const opened = await fileStatus(descriptor)
    if (opened.isFile()) {
      return { kind: 'random', source: descriptorSource(descriptor, opened.size, path), path, owned: true }
    }
    if (opened.isFIFO()) return { kind: 'stream', iterable: nodeChunks(await pipeStream(descriptor)), path }
    return { kind: 'stream', iterable: deviceChunks(descriptor), path }
  } catch (error) {
    await closeFile(descriptor)
    throw error
  }
}

/** An iterable that is read once, with what releases it. */
function once(
  next: () => Promise<IteratorResult<Uint8Array, undefined>>,
  release: () => Promise<void>,
): AsyncIterableIterator<Uint8Array, undefined> {
  return {
    next,
    async return() {
      await release()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** A Node stream's own iterator answers `return` only after the `next` under way; this one destroys at once. */
function nodeChunks(stream: Readable): AsyncIterable<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]()
  return once(
    () => chunks.next(),
    async () => {
      // Destroying while a `next` waits makes that one fail, which is no news to who stopped.
      stream.on('error', () => undefined)
      stream.destroy()
    },
  )
}

function webChunks(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = stream.getReader()
  return once(
    async () => {
      const { done, value } = await reader.read()
      return done ? { done: true, value: undefined } : { done: false, value }
    },
    () => reader.cancel(),
  )
}

function deviceChunks(descriptor: number): AsyncIterable<Uint8Array> {
  let reading: Promise<number> = Promise.resolve(0)
  let closed = false
  async function close(): Promise<void> {
    if (closed) return
    closed = true
    // The read under way may never end; its descriptor must not be closed before.
    void reading.catch(() => 0).then(() => closeFile(descriptor))
  }
  return once(async () => {
    if (closed) return { done: true, value: undefined }
    const target = new Uint8Array(DEVICE_READ_BYTES)
    try {
      reading = readOnce(descriptor, target, null)
      const count = await reading
      if (count > 0) return { done: false, value: target.subarray(0, count) }
    } catch (error) {
      await close()
      throw error
    }
    await close()
    return { done: true, value: undefined }
  }, close)
}
