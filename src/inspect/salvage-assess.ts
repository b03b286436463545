import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { fieldCount, parseCopyStatement } from '../copy/copy-statement.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Limits } from '../limits.ts'
import type { ArchiveSettings, TocEntry } from '../toc/types.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import type { GatheredData } from './salvage-gather.ts'
import type { LongRowVerdict } from './salvage-long-row.ts'
import { TolerantSource, type Break, type Payload } from './salvage-payload.ts'
import { CopyRows, type RowPicker } from './salvage-rows.ts'
import { InsertRows } from './salvage-statements.ts'

/** What data are good for. */
export type DataState = 'whole' | 'partial' | 'doubtful' | 'lost'

/** What is judged, and how. */
export interface Judging {
  readonly settings: ArchiveSettings
  /** The encoding was read, not guessed. */
  readonly encodingKnown: boolean
  readonly limits: Limits
  readonly signal: AbortSignal | undefined
  /** Leave out what may be wrong. */
  readonly certainOnly: boolean
  /** Keep large objects up to where they are cut. */
  readonly cutObjects: boolean
}

/** What of a table's data is kept. */
export interface KeptRows {
  readonly kind: 'rows'
  readonly payload: Payload
  readonly state: DataState
  readonly rows: number
  readonly dropped: number
  readonly bytes: number
  readonly broken: Break | undefined
  /** What stands behind the end of the compressed stream, and is left out. */
  readonly excess: Break | undefined
  /** Columns of the rows, where that was found out. */
  readonly columns: number | undefined
  /** How the rows are picked again when they are written; undefined: the data are not rows, and kept as they are. */
  readonly picker: (() => RowPicker) | undefined
  /** False: text that is kept is no UTF-8; told where the encoding is not known. */
  readonly isUtf8: boolean
  readonly text: 'copy' | 'insert' | 'other'
}

/** What of an entry's large objects is kept. */
export interface KeptObjects {
  readonly kind: 'objects'
  readonly state: DataState
  readonly objects: readonly KeptObject[]
  readonly bytes: number
  readonly broken: Break | undefined
}

export interface KeptObject {
  readonly oid: number
  /** Undefined: lost, but something in the archive needs it: an empty one is written. */
  readonly payload: Payload | undefined
  readonly bytes: number
  readonly state: DataState
  readonly broken: Break | undefined
  /** As of {@link KeptRows}. */
  readonly excess?: Break | undefined
}

export type Kept = KeptRows | KeptObjects

/** Reads all that was found of an entry's data, and says what can be kept. */
export async function assess(
  entry: TocEntry | undefined,
  data: GatheredData,
  expectedOids: readonly number[],
  judging: Judging,
): Promise<Kept> {
  if (data.kind === 'objects') return await assessObjects(data, expectedOids, judging)
  return await assessRows(entry, data.payload, judging)
}

async function assessRows(entry: TocEntry | undefined, payload: Payload, judging: Judging): Promise<KeptRows> {
  if (payload.told !== undefined) {
    const found = await assessRows(entry, payload.told, judging)
    if (found.state === 'whole' && found.text !== 'other') return found
  }
  const { limits, signal, certainOnly } = judging
  const text = await textOf(entry, payload, judging)
  const picker = text === 'other' ? undefined : pickerFor(entry, text, payload, judging)
  const source = new TolerantSource(payload, limits, signal)
  const judge = picker?.()
  let bytes = 0
  try {
    for (let chunk = await source.next(); chunk !== null; chunk = judge?.done === true ? null : await source.next()) {
      if (judge === undefined) bytes += chunk.length
      else judge.push(chunk)
    }
    judge?.end()
    bytes += judge?.bytes ?? 0
  } finally {
    await source.cancel()
  }
  const rowsBroken = judge === undefined || judge.intact ? undefined : badRows(judge, payload)
  const broken = source.ending ?? rowsBroken ?? (hasChecksum(payload) ? undefined : payload.mended)
  const rows = judge?.rows ?? 0
  const found: DataState = stateOf(broken, judge === undefined ? 0 : rows)
  const state = found === 'doubtful' && certainOnly ? 'lost' : found
  const { columns, longRows } = judge instanceof CopyRows ? judge : { columns: undefined, longRows: undefined }
  const kept = state === 'lost' ? { rows: 0, bytes: 0 } : { rows, bytes }
  return {
    kind: 'rows',
    payload,
    state,
    ...kept,
    dropped: judge?.dropped ?? 0,
    broken,
    excess: source.excess,
    columns,
    picker: picker === undefined ? undefined : () => picker(longRows),
    isUtf8: judge?.isUtf8 ?? true,
    text,
  }
}

function stateOf(broken: Break | undefined, kept: number): DataState {
  if (broken === undefined) return 'whole'
  if (kept === 0) return 'lost'
  return broken.kind === 'damaged' ? 'doubtful' : 'partial'
}

/** Whether a stream that comes to its end is as it was written. */
function hasChecksum({ container }: Payload): boolean {
  return container === 'zlib' || container === 'gzip'
}

/** Rows that cannot be right in a stream that can be read to its end. */
function badRows(judge: RowPicker, payload: Payload): Break {
  const { firstBad } = judge
  if (firstBad === undefined) return { kind: 'cut', offset: payload.offset, reason: 'the data lack their end' }
  const reason = `a row at offset ${firstBad} of the data cannot be right`
  return { kind: 'damaged', offset: payload.offset, reason }
}

async function textOf(
  entry: TocEntry | undefined,
  payload: Payload,
  { limits, signal }: Judging,
): Promise<KeptRows['text']> {
  if (entry !== undefined) {
    if (entry.desc !== 'TABLE DATA') return 'other'
    // before 1.3 nothing but the data tells
    if (entry.raw.bytes('copyStmt') !== undefined) return entry.raw.byteString('copyStmt') ? 'copy' : 'insert'
  }
  const source = new TolerantSource(payload, limits, signal)
  try {
    const start = (await source.next())?.subarray(0, 12) ?? new Uint8Array(0)
    return decodeByteString(start) === 'INSERT INTO ' ? 'insert' : 'copy'
  } finally {
    await source.cancel()
  }
}

function pickerFor(
  entry: TocEntry | undefined,
  text: 'copy' | 'insert',
  payload: Payload,
  { settings, encodingKnown, limits }: Judging,
): (longRows?: readonly LongRowVerdict[]) => RowPicker {
  const resume = payload.container === 'none'
  const maxRowBytes = limits.rowBytes
  const { encoding, stdStrings } = settings
  const mustBe = encodingKnown ? encoding : undefined
  if (text === 'insert') {
    return () => new InsertRows({ encoding, stdStrings }, { resume, maxRowBytes, encoding: mustBe })
  }
  const statement = parseCopyStatement(entry?.raw.byteString('copyStmt') ?? '')
  const columns = statement === undefined ? undefined : fieldCount(statement)
  return (longRows) => new CopyRows({ columns, encoding: mustBe, resume, maxRowBytes }, longRows)
}

async function assessObjects(
  data: GatheredData & { readonly kind: 'objects' },
  expectedOids: readonly number[],
  judging: Judging,
): Promise<KeptObjects> {
  const { limits, signal, certainOnly, cutObjects } = judging
  const objects: KeptObject[] = []
  let total = 0
  for (const { oid, payload } of data.objects) {
    signal?.throwIfAborted()
    const source = new TolerantSource(payload, limits, signal)
    let bytes = 0
    try {
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) bytes += chunk.length
    } finally {
      await source.cancel()
    }
    const { ending: broken, excess } = source
    const mayKeep = broken === undefined || (cutObjects && !(certainOnly && broken.kind === 'damaged'))
    const state = broken !== undefined && !mayKeep ? 'lost' : stateOf(broken, bytes)
    if (state === 'lost') objects.push({ oid, payload: undefined, bytes: 0, state, broken })
    else objects.push({ oid, payload, bytes, state, broken, excess })
    total += state === 'lost' ? 0 : bytes
  }
  const there = new Set(objects.map(({ oid }) => oid))
  for (const oid of new Set([...expectedOids, ...(data.absent ?? [])])) {
    // digits of a damaged entry may be no OID
    if (there.has(oid) || oid === 0 || oid > 0xffff_ffff) continue
    const broken = data.broken ?? { kind: 'cut' as const, offset: 0, reason: 'it is not in the archive' }
    objects.push({ oid, payload: undefined, bytes: 0, state: 'lost', broken })
  }
  // where the table of contents tells the objects, a list that is cut has lost nothing if all of them are there
  const complete = data.broken === undefined || expectedOids.length > 0
  const whole = objects.every(({ state }) => state === 'whole') && complete
  const anything = objects.some(({ state }) => state !== 'lost')
  const broken = whole ? undefined : (data.broken ?? objects.find((object) => object.broken !== undefined)?.broken)
  return { kind: 'objects', state: whole ? 'whole' : anything ? 'partial' : 'lost', objects, bytes: total, broken }
}

/** Whole rows of data, and their end. */
export class PickedRows implements ChunkSource {
  readonly #source: TolerantSource
  readonly #picker: RowPicker
  readonly #asText: string | undefined
  #pieces: readonly Uint8Array[] = []
  #at = 0
  #ended = false
  #over = false

  /** @param asText rows are statements, to be given as COPY text of one column, in this encoding */
  constructor(source: TolerantSource, picker: RowPicker, asText?: string) {
    this.#source = source
    this.#picker = picker
    this.#asText = asText
  }

  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const piece = this.#pieces[this.#at++]
      if (piece !== undefined) return this.#asText === undefined ? piece : escaped(piece, this.#asText)
      if (this.#over) return null
      if (this.#ended) {
        this.#over = true
        return this.#asText === undefined ? this.#picker.terminator : encodeByteString('\\.\n\n\n')
      }
      const chunk = this.#picker.done ? null : await this.#source.next()
      if (chunk !== null) {
        this.#take(this.#picker.push(chunk))
        continue
      }
      this.#take(this.#picker.end())
      await this.#source.cancel()
      this.#ended = true
    }
  }

  async cancel(): Promise<void> {
    this.#over = true
    this.#pieces = []
    await this.#source.cancel()
  }

  #take(pieces: readonly Uint8Array[]): void {
    this.#pieces = pieces
    this.#at = 0
  }
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A statement and its line feed as a row of COPY text. */
function escaped(statement: Uint8Array, encoding: string): Uint8Array {
  const text = decodeByteString(statement).replace(/\n$/, '')
  // where a byte within a character may look like a backslash
  const charLength = mixedEncodings.has(encoding) ? charLengthOf(encoding) : undefined
  if (charLength === undefined) {
    return encodeByteString(`${text.replaceAll(/[\\\n\r\t]/g, (char) => escapes[char] ?? char)}\n`)
  }
  let row = ''
  for (let at = 0; at < text.length;) {
    const byte = text.charCodeAt(at)
    const length = byte < 0x80 ? 1 : Math.max(1, charLength(byte, text.charCodeAt(at + 1)))
    const char = text.slice(at, at + length)
    row += length === 1 ? (escapes[char] ?? char) : char
    at += length
  }
  return encodeByteString(`${row}\n`)
}
