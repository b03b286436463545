import { encodeByteString } from '../bytes/byte-string.ts'
import { RowEncoder, type CopyRow } from '../copy/encode-row.ts'
import { ArchiveError } from '../errors.ts'
import { DataEnd } from '../format/copy-end.ts'
import { chunksOf } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Encode } from '../toc/encode-name.ts'
import { stoppableChunks } from './stoppable.ts'

/** Bytes in pieces of any size. */
export type ByteChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Rows, or bytes that are text already; not both in one. */
export type RowsOrBytes = ByteChunks | Iterable<CopyRow> | AsyncIterable<CopyRow>

/** How the data of an entry are to be understood. */
export interface ContentOptions {
  /** The data are COPY text, else SQL. */
  readonly isCopy: boolean
  readonly columns: number | undefined
  readonly encoding: string
  readonly encode: Encode
  /** Ends the reading even of data that do not answer. */
  readonly signal: AbortSignal
}

/** Rows are gathered up to this length. */
const GATHER_LENGTH = 64 * 1024

/** Encodings in which the second byte of a character may be an ASCII one (pg_wchar.h: client-only encodings). */
const embedsAscii = new Set(['SJIS', 'BIG5', 'GBK', 'UHC', 'GB18030', 'JOHAB', 'SHIFT_JIS_2004'])

/** Data for a new entry as lent chunks; COPY text is ended as pg_dump ends it. */
export class ContentSource implements ChunkSource {
  readonly #chunks: ChunkSource

  constructor(data: RowsOrBytes, options: ContentOptions) {
    this.#chunks = stoppableChunks(chunksOf(content(data, options)), options.signal)
  }

  next(): Promise<Uint8Array | null> {
    return this.#chunks.next()
  }

  cancel(): Promise<void> {
    return this.#chunks.cancel()
  }
}

async function* content(data: RowsOrBytes, options: ContentOptions): AsyncGenerator<Uint8Array, void, void> {
  const { isCopy, columns, encode, encoding, signal } = options
  const encoder = new RowEncoder({ encode, embedsAscii: embedsAscii.has(encoding) }, columns)
  const end = new DataEnd()
  let text = ''
  let rows = 0
  // an iterable of either kind; what comes out of it tells which
  const items: AsyncIterable<Uint8Array | CopyRow> | Iterable<Uint8Array | CopyRow> = data
  for await (const item of items) {
    // nobody waits for more; leaving here returns the iterator
    if (signal.aborted) return
    if (item instanceof Uint8Array) {
      if (rows > 0) throw mixed()
      if (item.length === 0) continue
      end.add(item)
      yield item
      continue
    }
    if (!isCopy) throw rowsWithoutCopy()
    if (!end.isStart) throw mixed()
    text += encoder.encode(item, ++rows)
    if (text.length < GATHER_LENGTH) continue
    yield encodeByteString(text)
    text = ''
  }
  if (text !== '') yield encodeByteString(text)
  const missing = isCopy ? end.missingOfCopy() : end.missingOfInserts()
  if (missing !== '') yield encodeByteString(missing)
}

function mixed(): ArchiveError {
  return new ArchiveError('USAGE', 'Cannot write data: they are rows and bytes, must be one of these')
}

function rowsWithoutCopy(): ArchiveError {
  return new ArchiveError('USAGE', 'Cannot write rows: the entry has no COPY statement', {
    hint: 'Name the columns, or give the statement',
  })
}
