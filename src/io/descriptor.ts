import type { Stats } from 'node:fs'
import { fs } from '#io/platform'
import { isTurnDue, turnWhenDue, usesCallingThread } from './calling-thread.ts'

/*
 * System calls on file descriptors as promises. A FileHandle would do the same with an allocation and a promise more
 * for each call, and closes its descriptor when it is garbage-collected.
 */

/** The most that one call reads or writes: Linux moves at most 2 GiB − 4 KiB, Node.js refuses 2 GiB. */
const MAX_CALL_BYTES = 0x4000_0000

/** Milliseconds to wait before a descriptor that would block is tried again. */
const RETRY_MS = 5

/** Reads of at most this much are short: see `useCallingThread`. */
const SHORT_READ_BYTES = 64 * 1024

/** `stat(2)`. */
export async function pathStatus(path: string): Promise<Stats> {
  return usesCallingThread() ? fs.statSync(path) : await fs.promises.stat(path)
}

/** `lstat(2)`; undefined when there is no such name. */
export async function linkStatus(path: string): Promise<Stats | undefined> {
  if (usesCallingThread()) return fs.lstatSync(path, { throwIfNoEntry: false })
  try {
    return await fs.promises.lstat(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Bytes free for this user on the disk that holds `path`; undefined where the system does not tell (`statfs(2)`). */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, blocks, bsize } = await fs.promises.statfs(path)
    // file systems that do not count have 0 blocks
    return blocks > 0 ? bavail * bsize : undefined
  } catch {
    return undefined
  }
}

/** `open(2)`. */
export async function openFile(path: string, flags: number, mode = 0o666): Promise<number> {
  if (usesCallingThread() && (flags & (fs.constants.O_NONBLOCK ?? 0)) !== 0) {
    await turnWhenDue()
    return fs.openSync(path, flags, mode)
  }
  return await new Promise((resolve, reject) => {
    fs.open(path, flags, mode, (error, descriptor) => (error ? reject(error) : resolve(descriptor)))
  })
}

/** `close(2)`. */
export function closeFile(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(descriptor, (error) => (error ? reject(error) : resolve()))
  })
}

/** `close(2)` of what was only read. */
export async function closeRead(descriptor: number): Promise<void> {
  if (usesCallingThread()) fs.closeSync(descriptor)
  else await closeFile(descriptor)
}

/** `fstat(2)`. */
export async function fileStatus(descriptor: number): Promise<Stats> {
  if (usesCallingThread()) return fs.fstatSync(descriptor)
  return await new Promise((resolve, reject) => {
    fs.fstat(descriptor, (error, status) => (error ? reject(error) : resolve(status)))
  })
}

/** Reads once into `target`, at `position` or where the descriptor stands (null); gives the bytes read, 0 at the end. */
export async function readOnce(descriptor: number, target: Uint8Array, position: number | null): Promise<number> {
  // where the descriptor stands is asked for of what may wait
  const isShort = usesCallingThread() && position !== null && target.length <= SHORT_READ_BYTES
  for (;;) {
    try {
      if (isShort) return fs.readSync(descriptor, target, 0, target.length, position)
      return await new Promise((resolve, reject) => {
        const length = Math.min(target.length, MAX_CALL_BYTES)
        fs.read(descriptor, target, 0, length, position, (error, count) => (error ? reject(error) : resolve(count)))
      })
    } catch (error) {
      await waitIfBlocked(error)
    }
  }
}

/**
 * Reads a regular file whole on the calling thread and gives the number of bytes; null if there is none and it is one
 * to look for. Undefined where it is no such file, does not leave room in `target`, or cannot be read, and wherever such
 * calls are not to be made: see `useCallingThread`, and `openFile`, which waits when others are to have their turn.
 */
export function readSmallFile(path: string, target: Uint8Array, mayLack: boolean): number | null | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  if (!usesCallingThread() || isTurnDue() || O_NOFOLLOW === undefined || O_NONBLOCK === undefined) return undefined
  let descriptor: number | undefined
  try {
    // an error would take longer
    if (mayLack && fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return null
    descriptor = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const status = fs.fstatSync(descriptor)
    if (!status.isFile() || status.size >= target.length) return undefined
    const count = fs.readSync(descriptor, target, 0, target.length, 0)
    return count === status.size ? count : undefined
  } catch {
    return undefined // whoever opens it otherwise is told why
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor)
  }
}

/** Reads until `target` is full or the file ends, and gives the number of bytes. */
export async function readFully(descriptor: number, target: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < target.length) {
    const count = await readOnce(descriptor, done === 0 ? target : target.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Writes all of `chunk`, at `position` or where the descriptor stands (null). */
export async function writeFully(descriptor: number, chunk: Uint8Array, position: number | null): Promise<void> {
  let done = 0
  while (done < chunk.length) {
    try {
      done += await writeOnce(descriptor, chunk, done, position === null ? null : position + done)
    } catch (error) {
      await waitIfBlocked(error)
    }
  }
}

/** The same on the calling thread, for what takes everything at once. */
export function writeNow(descriptor: number, chunk: Uint8Array, position: number | null): void {
  for (let done = 0; done < chunk.length;) {
    const length = Math.min(chunk.length - done, MAX_CALL_BYTES)
    done += fs.writeSync(descriptor, chunk, done, length, position === null ? null : position + done)
  }
}

function writeOnce(descriptor: number, chunk: Uint8Array, from: number, position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = Math.min(chunk.length - from, MAX_CALL_BYTES)
    fs.write(descriptor, chunk, from, length, position, (error, count) => (error ? reject(error) : resolve(count)))
  })
}

/** `fsync(2)`. */
export function flushFile(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(descriptor, (error) => (error ? reject(error) : resolve()))
  })
}

/** Makes the names in a directory durable, where the system has that. */
export async function flushDirectory(path: string): Promise<void> {
  let descriptor: number
  try {
    descriptor = await openFile(path, fs.constants.O_RDONLY)
  } catch (error) {
    // A directory that one may write to but not read, and Windows.
    if (['EACCES', 'EPERM', 'EISDIR'].some((code) => hasCode(error, code))) return
    throw error
  }
  try {
    if ((await fileStatus(descriptor)).isDirectory()) await flushFile(descriptor)
  } catch (error) {
    // Some file systems have no fsync of directories.
    if (!['EINVAL', 'EBADF', 'ENOTSUP', 'EPERM'].some((code) => hasCode(error, code))) throw error
  } finally {
    await closeFile(descriptor)
  }
}

/** A pipe or terminal shared with another process may have been made non-blocking by it: waits, or throws `error`. */
async function waitIfBlocked(error: unknown): Promise<void> {
  if (!hasCode(error, 'EAGAIN')) throw error
  await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
}

/** Whether `error` is a system error of this name. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
