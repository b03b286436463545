import type { Stats } from 'node:fs'
import { basename, dirname, fileURLToPath, fs, isAbsolute, join } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { untilAborted } from './abort.ts'
import {
  closeFile,
  fileStatus,
  flushDirectory,
  flushFile,
  hasCode,
  openFile,
  writeFully,
  writeNow,
} from './descriptor.ts'
import { checkWithin, createFile } from './new-file.ts'
import { overwriteHint, type Sink, type SinkOptions } from './output.ts'
import { removeLeftovers, temporaryName } from './temporary.ts'
import { WriteBehind } from './write-behind.ts'

/** Permission bits, set-id bits included. */
const MODE_BITS = 0o7777

/** As many symbolic links as Linux follows. */
const MAX_LINKS = 40

/** Milliseconds between looks whether a FIFO has a reader. */
const FIFO_POLL_MS = 20

/** Milliseconds after which the open of a FIFO that had a reader just before counts as stuck. */
const FIFO_STUCK_MS = 200

/** Opens a path for writing; see `openSink`. */
export async function openPathSink(output: string | URL, options: SinkOptions): Promise<Sink> {
  const path = output instanceof URL ? fileURLToPath(output) : output
  const standard = /^\/dev\/(?:stdout|stderr|fd\/(\d+))$/.exec(path)
  if (standard !== null) {
    const descriptor = Number(standard[1] ?? (path === '/dev/stdout' ? 1 : 2))
    return (
      (await openStandardSink(descriptor, options.signal)) ?? (await descriptorSink(descriptor, false, options.signal))
    )
  }
  const existing = await statusIfAny(path)
  if (existing?.isFile() === true && options.overwrite === 'refuse') throw refusal(path)
  if (options.direct === true && (existing === undefined || existing.isFile())) return await openDirect(path, options)
  if (existing === undefined && !/(?:^|\/)$/.test(path)) {
    return await openFileSink(await finalTarget(path), undefined, options)
  }
  if (existing?.isFile() === true) {
    return await openFileSink(await fs.promises.realpath(path), existing, options)
  }
  // Special files; and directories and names that cannot be files, for the system's own error.
  const descriptor =
    existing?.isFIFO() === true ? await openFifo(path, options.signal) : await openFile(path, fs.constants.O_WRONLY)
  return await descriptorSink(descriptor, true, options.signal)
}

/** Empties or makes the file, as `fopen(path, "w")` does. */
async function openDirect(path: string, options: SinkOptions): Promise<Sink> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_EXCL } = fs.constants
  const existence = options.overwrite === 'refuse' ? O_EXCL : O_TRUNC
  return await descriptorSink(await openFile(path, O_WRONLY | O_CREAT | existence), true, options.signal)
}

/**
 * A sink over standard output or error by its file descriptor, which stays open; undefined where only the stream that
 * Node.js made of it can wait for the other side (sockets, and pipes that cannot be reopened).
 */
export async function openStandardSink(descriptor: number, signal: AbortSignal | undefined): Promise<Sink | undefined> {
  const status = await fileStatus(descriptor)
  if (status.isSocket()) return undefined
  if (status.isFile()) return behindSink(descriptor, false, signal, await placeToGoBack(descriptor))
  if (!status.isFIFO()) return await descriptorSink(descriptor, false, signal)
  // Node.js makes its standard pipes non-blocking. Opened anew it blocks, and a write waits in the kernel, not in a
  // polling loop. Only Linux has this directory; without a reader it fails with ENXIO.
  try {
    return directSink(await openPipe(`/proc/self/fd/${descriptor}`), true, signal)
  } catch (error) {
    return hasCode(error, 'ENXIO') ? directSink(descriptor, false, signal) : undefined
  }
}

/**
 * Where a file that this process was handed stands, if it can be gone back in (checkSeek, pg_backup_archiver.c). In one
 * that was opened with `>>` every write goes to the end. Only Linux tells.
 */
async function placeToGoBack(descriptor: number): Promise<number | undefined> {
  try {
    const info = await fs.promises.readFile(`/proc/self/fdinfo/${descriptor}`, 'latin1')
    const [, position] = /^pos:\s*(\d+)$/m.exec(info) ?? []
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(info) ?? []
    if (position === undefined || flags === undefined) return undefined
    return (Number.parseInt(flags, 8) & fs.constants.O_APPEND) === 0 ? Number(position) : undefined
  } catch {
    return undefined
  }
}

/** Waits for a reader, so that a signal can end the waiting: an `open` that blocks cannot be taken back. */
async function openFifo(path: string, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    signal?.throwIfAborted()
    try {
      return await openPipe(path)
    } catch (error) {
      if (!hasCode(error, 'ENXIO')) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, FIFO_POLL_MS))
  }
}

/** Opens a FIFO for blocking writes; ENXIO without a reader. If the reader goes meanwhile, writing will give EPIPE. */
async function openPipe(path: string): Promise<number> {
  const { O_WRONLY, O_RDONLY, O_NONBLOCK } = fs.constants
  // Kept until the other is open: a reader that sees the last writer go takes that for the end.
  const probe = await openFile(path, O_WRONLY | O_NONBLOCK)
  const timer = setTimeout(() => {
    // A reader that comes and goes lets the open return.
    openFile(path, O_RDONLY | O_NONBLOCK)
      .then(closeFile)
      .catch(() => undefined)
  }, FIFO_STUCK_MS)
  try {
    return await openFile(path, O_WRONLY)
  } finally {
    clearTimeout(timer)
    await closeFile(probe)
  }
}

/**
 * Writes where the descriptor stands, so that `>>` and what others write to it are respected. A file is written behind
 * the caller's back; whoever reads a pipe or a terminal gets each chunk when it comes.
 */
async function descriptorSink(descriptor: number, owned: boolean, signal: AbortSignal | undefined): Promise<Sink> {
  const status = await fileStatus(descriptor)
  if (status.isFile()) return behindSink(descriptor, owned, signal)
  return directSink(descriptor, owned, signal, isNullDevice(status) ? async (...to) => writeNow(...to) : writeFully)
}

/** Whether what is written is thrown away: that takes less time than to ask for it in the thread pool. */
function isNullDevice(status: Stats): boolean {
  if (!status.isCharacterDevice()) return false
  try {
    return fs.statSync('/dev/null').rdev === status.rdev
  } catch {
    return false
  }
}

/** @param start where in a file that can be gone back in the output begins */
function behindSink(descriptor: number, owned: boolean, signal: AbortSignal | undefined, start?: number): Sink {
  const behind = new WriteBehind(
    (bytes) => writeFully(descriptor, bytes, null),
    (bytes) => writeNow(descriptor, bytes, null),
  )
  let closed = false

  async function close(): Promise<void> {
    if (closed) return
    closed = true
    await behind.release()
    if (owned) await closeFile(descriptor)
  }

  function writeBack(from: number): NonNullable<Sink['writeAt']> {
    return async (chunk, offset) => {
      signal?.throwIfAborted()
      checkWithin(chunk, offset, behind.position)
      await behind.drain()
      await writeFully(descriptor, chunk, from + offset)
    }
  }

  return {
    get position() {
      return behind.position
    },
    async write(chunk) {
      signal?.throwIfAborted()
      await behind.write(chunk)
    },
    ...(start === undefined ? {} : { writeAt: writeBack(start) }),
    async commit() {
      signal?.throwIfAborted()
      await behind.drain()
      await close()
    },
    async abort() {
      // What came before the error has been written as far as it can be, as by a program that writes at once.
      await behind.drain().catch(() => undefined)
      await close().catch(() => undefined)
    },
  }
}

function directSink(
  descriptor: number,
  owned: boolean,
  signal: AbortSignal | undefined,
  writeAll: typeof writeFully = writeFully,
): Sink {
  let position = 0
  let writing: Promise<void> | undefined
  let closed = false

  async function close(): Promise<void> {
    if (closed) return
    closed = true
    if (owned) await closeFile(descriptor)
  }

  return {
    get position() {
      return position
    },
    async write(chunk) {
      signal?.throwIfAborted()
      writing = writeAll(descriptor, chunk, null)
      await untilAborted(writing, signal)
      writing = undefined
      position += chunk.length
    },
    async commit() {
      signal?.throwIfAborted()
      await close()
    },
    async abort() {
      // A write to a pipe that nobody reads may last for ever: the descriptor is closed when it ends.
      const closing = (writing ?? Promise.resolve()).then(close, close).catch(() => undefined)
      if (writing === undefined) await closing
    },
  }
}

async function openFileSink(target: string, existing: Stats | undefined, options: SinkOptions): Promise<Sink> {
  const { signal } = options
  const directory = dirname(target)
  await removeLeftovers(directory)
  const temporary = join(directory, await temporaryName())
  // Never open to more people than the file that it replaces; `keepMode` brings the rest of the mode.
  const mode = options.mode ?? (existing === undefined ? 0o666 : existing.mode & 0o700)
  const file = await createFile(temporary, mode)
  let flushed = false
  const flush = async (): Promise<void> => {
    signal?.throwIfAborted()
    await file.drain()
    if (existing !== undefined && options.mode === undefined) await keepMode(file.descriptor, existing)
    if (options.sync !== false) await flushFile(file.descriptor)
    flushed = true
  }
  return {
    get position() {
      return file.position
    },
    async write(chunk) {
      signal?.throwIfAborted()
      flushed = false
      await file.write(chunk)
    },
    async writeAt(chunk, offset) {
      signal?.throwIfAborted()
      flushed = false
      await file.writeAt(chunk, offset)
    },
    async written() {
      signal?.throwIfAborted()
      return await file.written(target)
    },
    flush,
    async commit() {
      // what comes with an output that has its name gets its own, signal or not
      if (!flushed) await flush()
      await file.close()
      if (options.overwrite === 'refuse') await renameToNew(temporary, target)
      else await fs.promises.rename(temporary, target)
      if (options.sync !== false) await flushDirectory(directory)
    },
    async abort() {
      await file.discard()
      await fs.promises.unlink(temporary).catch(() => undefined)
    },
  }
}

/** Owner first: changing it clears the set-id bits. */
async function keepMode(descriptor: number, existing: Stats): Promise<void> {
  await new Promise<void>((resolve) => {
    // Only root may give files away; others replace a file as its new owner.
    fs.fchown(descriptor, existing.uid, existing.gid, () => resolve())
  })
  await new Promise<void>((resolve, reject) => {
    fs.fchmod(descriptor, existing.mode & MODE_BITS, (error) => (error ? reject(error) : resolve()))
  })
}

/** A rename that does not replace a file which somebody made in the meantime. */
async function renameToNew(temporary: string, target: string): Promise<void> {
  try {
    await fs.promises.link(temporary, target)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw refusal(target)
    // Not every file system has hard links.
    if ((await statusIfAny(target)) !== undefined) throw refusal(target)
    await fs.promises.rename(temporary, target)
    return
  }
  await fs.promises.unlink(temporary)
}

function refusal(path: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot write "${path}": the file exists, must be new`, {
    file: path,
    hint: overwriteHint,
  })
}

async function statusIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await fs.promises.stat(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Where `open(O_CREAT)` would make the file: the end of a chain of symbolic links that leads nowhere yet. */
async function finalTarget(path: string): Promise<string> {
  let name = path
  for (let links = 0; links < MAX_LINKS; links++) {
    // The directory is resolved by the kernel: `a/..` is not always `.` where `a` is a link.
    const directory = await realDirectory(dirname(name))
    const candidate = join(directory, basename(name))
    let link: string
    try {
      link = await fs.promises.readlink(candidate)
    } catch (error) {
      // EINVAL: it is there and no link; UNKNOWN: the same on Windows.
      if (hasCode(error, 'ENOENT') || hasCode(error, 'EINVAL') || hasCode(error, 'UNKNOWN')) return candidate
      throw error
    }
    name = isAbsolute(link) ? link : `${directory}/${link}`
  }
  return name
}

function realDirectory(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    fs.realpath.native(path, (error, real) => (error ? reject(error) : resolve(real)))
  })
}
