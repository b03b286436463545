import { fileURLToPath, fs } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { closeFile, closeRead, fileStatus, openFile, readFully } from './descriptor.ts'

/**
 * Bytes that can be read at any place: a file, a buffer, a Blob, or something of the caller's.
 *
 * `read` gives exactly `length` bytes, fewer only at the end of the source. The bytes given stay the caller's
 * (they are never overwritten later).
 */
export interface RandomAccess {
  /** Size in bytes. */
  readonly size: number
  read(offset: number, length: number): Promise<Uint8Array>
  /** The same into a buffer of the caller's, when the source can: gives the number of bytes read. */
  readInto?(target: Uint8Array, offset: number): Promise<number>
  close?(): Promise<void>
}

/** A file opened for reading. */
export interface FileSource extends RandomAccess {
  /** As given, an URL as a path. */
  readonly path: string
  readInto(target: Uint8Array, offset: number): Promise<number>
  close(): Promise<void>
}

/** Whether `value` has the shape of a {@link RandomAccess}. */
export function isRandomAccess(value: unknown): value is RandomAccess {
  return (
    typeof value === 'object' &&
    value !== null &&
    'size' in value &&
    typeof value.size === 'number' &&
    'read' in value &&
    typeof value.read === 'function' &&
    // A file stream's `read` is another one.
    !(Symbol.asyncIterator in value)
  )
}

/** Random access to bytes in memory; they must not change while it is in use. */
export function bytesSource(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
    readInto: async (target, offset) => {
      const part = bytes.subarray(offset, offset + target.length)
      target.set(part)
      return part.length
    },
  }
}

/** Random access to a Blob, or to a File that a user chose in a browser. */
export function blobSource(blob: Blob): RandomAccess {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  }
}

/**
 * Opens a regular file for random access.
 * @throws ArchiveError USAGE when the path is no regular file; file-system errors unwrapped
 */
export async function fileSource(path: string | URL): Promise<FileSource> {
  const name = path instanceof URL ? fileURLToPath(path) : path
  // Without O_NONBLOCK the open of a FIFO waits for a writer; Windows does not have it.
  const descriptor = await openFile(name, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
  try {
    const status = await fileStatus(descriptor)
    if (!status.isFile()) {
      throw new ArchiveError('USAGE', `Cannot read "${name}" at random: it is not a regular file`, { file: name })
    }
    return descriptorSource(descriptor, status.size, name)
  } catch (error) {
    await closeFile(descriptor)
    throw error
  }
}

/**
 * Random access over an open file descriptor, which it owns.
 * @internal
 */
export function descriptorSource(descriptor: number, size: number, path: string): FileSource {
  let closed = false
  let reading = 0
  let idle: (() => void) | undefined

  async function readInto(target: Uint8Array, offset: number): Promise<number> {
    if (closed) throw new ArchiveError('CLOSED', `Cannot read "${path}": it has been closed`, { file: path, offset })
    reading++
    try {
      return await readFully(descriptor, target, offset)
    } finally {
      reading--
      if (reading === 0) idle?.()
    }
  }

  return {
    path,
    size,
    readInto,
    async read(offset, length) {
      const target = new Uint8Array(Math.max(0, Math.min(length, size - offset)))
      const count = await readInto(target, offset)
      return count === target.length ? target : target.subarray(0, count)
    },
    async close() {
      if (closed) return
      closed = true
      // The number of a closed descriptor is given to the next file opened: no read may still be using it.
      if (reading > 0) await new Promise<void>((resolve) => (idle = resolve))
      await closeRead(descriptor)
    },
  }
}
