import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DumpId } from '../toc/types.ts'

/** Bytes of the stream's end that are kept: `\n\.` and the line ends that pg_dump writes after it, with room to spare. */
const tailBytes = 16

const backslash = 0x5c
const dot = 0x2e
const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Hands `source` on and raises BAD_COPY_DATA at its end when the COPY text lacks its terminator line `\.`
 * (dumpTableData_copy, pg_dump.c, writes `\.` and empty lines into the data): a script would take what follows as
 * rows. It is raised after every byte was handed on.
 */
export function requireCopyEnd(source: ChunkSource, dumpId: DumpId): ChunkSource {
  return requireEnd(source, endsCopy, () => missingCopyEnd(dumpId))
}

/**
 * The same for INSERT statements, which end in an empty line, also where there are none (dumpTableData_insert,
 * pg_dump.c): the file of a table that lost its rows may be an empty one, which is a sound stream of no bytes.
 */
export function requireInsertEnd(source: ChunkSource, dumpId: DumpId): ChunkSource {
  return requireEnd(source, endsInserts, () => missingInsertEnd(dumpId))
}

function requireEnd(source: ChunkSource, isEnd: (tail: Uint8Array) => boolean, error: () => ArchiveError): ChunkSource {
  const tail = new Uint8Array(tailBytes)
  let kept = 0
  return {
    async next() {
      const chunk = await source.next()
      if (chunk === null) {
        if (!isEnd(tail.subarray(0, kept))) throw error()
        return null
      }
      kept = keepTail(tail, kept, chunk)
      return chunk
    },
    cancel: () => source.cancel(),
  }
}

/** The end of data that are being written: what is missing of what a reader asks for. */
export class DataEnd {
  readonly #tail = new Uint8Array(tailBytes)
  #kept = 0

  /** Whether nothing has come yet. */
  get isStart(): boolean {
    return this.#kept === 0
  }

  add(chunk: Uint8Array): void {
    this.#kept = keepTail(this.#tail, this.#kept, chunk)
  }

  /** What ends COPY text, with a line feed before it where the last line has none. */
  missingOfCopy(): string {
    const tail = this.#tail.subarray(0, this.#kept)
    if (endsCopy(tail)) return ''
    return `${tail.length > 0 && tail.at(-1) !== lineFeed ? '\n' : ''}\\.\n\n\n`
  }

  /** The empty line that ends INSERT statements. */
  missingOfInserts(): string {
    const tail = this.#tail.subarray(0, this.#kept)
    if (endsInserts(tail)) return ''
    return tail.at(-1) === lineFeed ? '\n' : '\n\n'
  }
}

/** Moves the last bytes of `chunk` into `tail`, of which `kept` are in use; gives how many are then. */
function keepTail(tail: Uint8Array, kept: number, chunk: Uint8Array): number {
  if (chunk.length >= tailBytes) {
    tail.set(chunk.subarray(chunk.length - tailBytes))
    return tailBytes
  }
  const stay = Math.min(kept, tailBytes - chunk.length)
  tail.copyWithin(0, kept - stay, kept)
  tail.set(chunk, stay)
  return stay + chunk.length
}

/** Whether the last line of COPY text that is not empty is `\.`. */
export function endsCopy(tail: Uint8Array): boolean {
  let end = tail.length
  while (end > 0 && (tail[end - 1] === lineFeed || tail[end - 1] === carriageReturn)) end--
  if (end === tail.length || end < 2) return false
  if (tail[end - 1] !== dot || tail[end - 2] !== backslash) return false
  return end === 2 || tail[end - 3] === lineFeed
}

/** Whether the last line is empty. */
export function endsInserts(tail: Uint8Array): boolean {
  return tail.length > 1 && tail.at(-1) === lineFeed && tail.at(-2) === lineFeed
}

function missingCopyEnd(dumpId: DumpId): ArchiveError {
  return new ArchiveError(
    'BAD_COPY_DATA',
    `Cannot read data of TOC entry ${dumpId}: its COPY text does not end in a line "\\."`,
    {
      dumpId,
      hint: 'The data was cut short or changed: rows may be missing',
      details: { missingEnd: true },
    },
  )
}

function missingInsertEnd(dumpId: DumpId): ArchiveError {
  return new ArchiveError(
    'UNEXPECTED_EOF',
    `Cannot read data of TOC entry ${dumpId}: its INSERT statements do not end in an empty line`,
    {
      dumpId,
      hint: 'The data was cut short or changed: rows may be missing',
      details: { missingEnd: true },
    },
  )
}
