import { dirname, join } from 'node:path'
import { openSink, type Archive, type ByteStream, type Sink } from '../index.ts'
import { refuseOutputOver } from '../io/output-place.ts'
import { isSystemError, strerror, type SystemError } from './strerror.ts'
import type { Terminal } from './terminal.ts'

/** Pieces of text are gathered up to this many UTF-16 units before they are written. */
const GATHER_UNITS = 64 * 1024

/**
 * Writes text to standard output, or to a file, which then appears by rename.
 * @param file undefined or `-` for standard output
 */
export async function writeText(
  terminal: Terminal,
  file: string | undefined,
  text: string | Iterable<string | Uint8Array>,
): Promise<void> {
  const sink = await naming(file, openSink(target(terminal, file), { signal: terminal.signal }))
  try {
    if (typeof text === 'string') await naming(file, sink.write(utf8.encode(text)))
    else await naming(file, writePieces(sink, text))
    await naming(file, sink.commit())
  } catch (error) {
    await sink.abort(error)
    throw error
  }
}

/** The same for a stream of bytes. */
export async function writeStream(terminal: Terminal, file: string | undefined, stream: ByteStream): Promise<void> {
  const sink = await naming(file, openSink(target(terminal, file), { signal: terminal.signal }))
  const source = stream.borrow()
  try {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
      await naming(file, sink.write(chunk))
    }
    await naming(file, sink.commit())
  } catch (error) {
    await sink.abort(error)
    throw error
  } finally {
    await source.cancel()
  }
}

/**
 * Refuses the name of an output that is the archive, or a file of it: a backup would be lost for a slip.
 * @param input the archive's path; null for standard input, which may be a file all the same
 */
export async function refuseArchive(
  file: string | undefined,
  input: string | null,
  { storage }: Archive,
): Promise<void> {
  if (file === undefined || file === '-') return
  await refuseOutputOver(file, input ?? '/dev/stdin', storage?.directory)
}

/** Whoever read standard output has read enough, which is no failure. */
export class ClosedOutput extends Error {
  override readonly name = 'ClosedOutput'

  constructor(cause: SystemError) {
    super('Cannot write to standard output: its reader has gone', { cause })
  }
}

/** What the operating system refused of an output, told by the name that the user gave it. */
class OutputError extends Error {
  override readonly name = 'OutputError'
  readonly hint: string | undefined

  constructor(file: string | undefined, cause: SystemError) {
    const output = file === undefined || file === '-' ? 'to standard output' : JSON.stringify(file)
    super(`Cannot write ${output}: ${strerror(cause)}`, { cause })
    this.hint = hints[cause.code]
  }
}

const hints: Readonly<Record<string, string>> = {
  EACCES: 'Write to a place where you may',
  EDQUOT: 'Remove what is not needed, or write to another disk',
  EFBIG: 'Write to a file system that takes larger files, or raise the limit (ulimit -f)',
  EISDIR: 'Give the name of a file',
  EPIPE: 'What reads it has ended',
  ENOENT: 'Make the directory first',
  ENOSPC: 'Make room, or write to another disk',
  EROFS: 'Write to another place',
}

/** An error of the system with what was being written. */
export function outputError(file: string | undefined, error: SystemError): Error {
  const isStandard = file === undefined || file === '-' || file === '/dev/stdout'
  return isStandard && error.code === 'EPIPE' ? new ClosedOutput(error) : new OutputError(file, error)
}

/** Adds to errors of the system what was being written. */
async function naming<T>(file: string | undefined, writing: T | PromiseLike<T>): Promise<T> {
  try {
    return await writing
  } catch (error) {
    throw isSystemError(error) ? outputError(file, error) : error
  }
}

/** The same around what reads as well: of errors of the system, those are told by the name that are about the output. */
export async function namingOutput<T>(file: string | null | undefined, writing: PromiseLike<T>): Promise<T> {
  try {
    return await writing
  } catch (error) {
    throw isSystemError(error) && isAboutOutput(error, file) ? outputError(file ?? undefined, error) : error
  }
}

/** System calls that nobody makes to read an archive. */
const writingCalls: ReadonlySet<string> = new Set(['write', 'fsync', 'ftruncate', 'rename'])

function isAboutOutput({ path, syscall }: SystemError, file: string | null | undefined): boolean {
  if (path === undefined) return writingCalls.has(syscall ?? '')
  if (typeof file !== 'string') return false
  const directory = dirname(file)
  // new files have names of their own until they are whole
  return path === file || path === directory || path.startsWith(join(directory, '.pgdmp-'))
}

const utf8 = new TextEncoder()

async function writePieces(sink: Sink, pieces: Iterable<string | Uint8Array>): Promise<void> {
  let gathered = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') gathered += piece
    else await sink.write(piece)
    if (gathered.length < GATHER_UNITS) continue
    await sink.write(utf8.encode(gathered))
    gathered = ''
  }
  if (gathered !== '') await sink.write(utf8.encode(gathered))
}

function target(terminal: Terminal, file: string | undefined): string | NodeJS.WriteStream {
  return file === undefined || file === '-' ? terminal.stdout : file
}
