import { isArchiveError } from '../errors.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import type { FormatReader, StoredLargeObject } from '../format/reader.ts'
import type { DataStream } from '../format/stored-data.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { ThreadLost, type CheckThread } from './check-thread.ts'
import type { CheckedContent } from './content-check.ts'
import type { Findings } from './findings.ts'
import { ReadObjects } from './read-objects.ts'
import { verifyTail } from './verify-tail.ts'
import type { TextSubject } from './text-check.ts'

/** What was found of the data of an entry. */
export interface ReadEntry {
  /** Rows of a table; null for anything else. */
  readonly rows: number | null
  /** INSERT statements; null for COPY text and anything else. */
  readonly statements: number | null
  /** Bytes decompressed, as far as they could be. */
  readonly bytes: number
  /** SHA-256 of the data; null when not all could be read, and for large objects together. */
  readonly digest: Uint8Array | null
  /** Large objects; null for tables. */
  readonly objects: number | null
}

/** How data are to be read. */
export interface DataReadingOptions {
  /** `quick`: only whether they are there; `deep`: every byte. */
  readonly level: 'quick' | 'deep'
  readonly checks: CheckThread
  readonly signal: AbortSignal | undefined
  /** Called as data are read: decompressed bytes so far. */
  readonly onBytes: (bytes: number, entry: TocEntry | undefined) => void
}

/** Whether the data of an entry must be there. */
export function holdsStoredData({ hadDumper, data }: TocEntry): boolean {
  return hadDumper && data.state !== 'no-data'
}

function holdsObjects({ desc }: TocEntry): boolean {
  return desc === 'BLOBS'
}

/** Reads the data of all entries, one after the other, and goes on after what is damaged as far as the container allows. */
export class DataReading {
  readonly entries = new Map<TocEntry, ReadEntry>()
  readonly objects = new ReadObjects()
  readonly #reader: FormatReader
  readonly #findings: Findings
  readonly #options: DataReadingOptions
  #bytes = 0
  /** There may be more than what was come to. */
  #isCut = false

  constructor(reader: FormatReader, findings: Findings, options: DataReadingOptions) {
    this.#reader = reader
    this.#findings = findings
    this.#options = options
  }

  /** Whether all that the archive has was come to. */
  get isComplete(): boolean {
    return !this.#isCut
  }

  /** In the order of the TOC, where data can be had at any time. */
  async inAnyOrder(): Promise<void> {
    const wanted = this.#reader.toc.filter(holdsStoredData)
    const { level, signal } = this.#options
    if (level === 'deep') this.#reader.plan(wanted)
    const options = signal === undefined ? {} : { signal }
    for (const entry of wanted) {
      signal?.throwIfAborted()
      if (holdsObjects(entry)) await this.#readObjects(entry.dumpId, entry, this.#reader.largeObjects(entry, options))
      else await this.#readTwice(entry, () => this.#reader.data(entry, options))
    }
  }

  /** What a thread has lost is read once more, and checked on this one. */
  async #readTwice(entry: TocEntry, open: () => DataStream): Promise<void> {
    try {
      await this.#readEntry(entry, open())
    } catch (error) {
      if (!(error instanceof ThreadLost)) throw error
      await this.#readEntry(entry, open())
    }
  }

  /** As they come, where the input cannot go back. */
  async inTurn(): Promise<void> {
    const { toc } = this.#reader
    const missing = new Map(toc.filter(holdsStoredData).map((entry) => [entry.dumpId, entry]))
    const byId = new Map(toc.map((entry) => [entry.dumpId, entry]))
    const { signal } = this.#options
    try {
      for await (const block of this.#reader.blocks(signal === undefined ? {} : { signal })) {
        const entry = byId.get(block.dumpId)
        const isWanted = missing.delete(block.dumpId)
        if (!isWanted) this.#unknownBlock(block.dumpId, entry)
        else if (entry !== undefined) this.#checkPlace(entry, block.offset)
        if (block.kind === 'large-objects') await this.#readObjects(block.dumpId, entry, block.objects)
        else if (entry !== undefined && isWanted) await this.#readEntry(entry, block.data)
      }
      // of a file its layout tells
      const tail = await this.#reader.tail?.(signal)
      if (tail !== undefined) verifyTail(tail, this.#findings)
    } catch (error) {
      signal?.throwIfAborted()
      this.#isCut = true
      this.#findings.addError(error)
    }
    const isWhole = !this.#isCut
    for (const { dumpId, desc, tag } of missing.values()) {
      this.#findings.add({
        code: 'MISSING_BLOCK',
        severity: 'error',
        message: `The data of TOC entry ${dumpId}, ${desc} ${JSON.stringify(tag ?? '')}, ${isWhole ? 'are not in the archive' : 'were not come to'}`,
        dumpId,
        hint: isWhole
          ? 'The archive is incomplete'
          : 'Verify a file instead of a stream, or with the option spool (--spool), to go on after this',
      })
    }
  }

  /** Read in turn, a block is found wherever it lies; a restore goes by the offset. */
  #checkPlace({ dumpId, data }: TocEntry, offset: number | undefined): void {
    if (offset === undefined || data.state !== 'set' || data.offset === offset) return
    this.#findings.add({
      code: 'BLOCK_MISMATCH',
      severity: 'error',
      message: `The data block of entry ${dumpId} lies at offset ${offset}, by the table of contents at ${data.offset}`,
      dumpId,
      offset,
      hint: 'The offsets in the table of contents are wrong: pgdmp salvage finds blocks without them',
    })
  }

  #unknownBlock(dumpId: DumpId, entry: TocEntry | undefined): void {
    this.#findings.add({
      code: entry === undefined ? 'BLOCK_WITHOUT_ENTRY' : 'DUPLICATE_BLOCK',
      severity: 'warning',
      message:
        entry === undefined
          ? `There is a data block with id ${dumpId}, which no entry has`
          : `There is one more data block with id ${dumpId}, or its entry must have none`,
      dumpId,
    })
  }

  async #readEntry(entry: TocEntry, data: DataStream): Promise<void> {
    if (this.#options.level === 'quick') return await this.#lookAt(data, entry.dumpId)
    const { dumpId } = entry
    const isTable = entry.desc === 'TABLE DATA'
    const subject = isTable ? { dumpId, copyStmt: entry.raw.byteString('copyStmt') } : undefined
    const { bytes, digest, counts, findings, error } = await this.#readAll(data, entry, subject)
    for (const finding of findings) this.#findings.add(finding)
    // the reader misses the end of rows as well
    const isTold = isMissingEnd(error) && findings.length > 0
    if (error !== undefined && !isTold) this.#findings.addError(error, dumpId)
    this.entries.set(entry, {
      rows: counts?.rows ?? null,
      statements: counts?.statements ?? null,
      bytes,
      digest,
      objects: null,
    })
  }

  async #readObjects(
    dumpId: DumpId,
    entry: TocEntry | undefined,
    objects: AsyncIterable<StoredLargeObject>,
  ): Promise<void> {
    let count = 0
    let total = 0
    try {
      for await (const { oid, data, file } of objects) {
        this.#options.signal?.throwIfAborted()
        count++
        if (file !== undefined && file !== `blob_${oid}.dat`) this.#otherFile(oid, file, dumpId)
        if (this.objects.has(oid)) this.#objectTwice(oid, dumpId)
        if (this.#options.level === 'quick') {
          await this.#lookAt(data, dumpId)
          this.objects.set(oid, { bytes: 0, digest: null })
          continue
        }
        const { bytes, digest, error } = await this.#readAll(data, entry, undefined)
        if (error !== undefined) this.#findings.addError(error, dumpId)
        total += bytes
        this.objects.set(oid, { bytes, digest })
      }
    } catch (error) {
      // what is behind in the input was not come to, which does not mean that it is not there
      if (isArchiveError(error) && error.code === 'DATA_OUT_OF_ORDER') this.#isCut = true
      this.#findings.addError(error, dumpId)
    }
    if (entry !== undefined && this.#options.level === 'deep') {
      this.entries.set(entry, { rows: null, statements: null, bytes: total, digest: null, objects: count })
    }
  }

  #otherFile(oid: number, file: string, dumpId: DumpId): void {
    this.#findings.add({
      code: 'LARGE_OBJECT_FILE',
      severity: 'warning',
      message: `By the list of entry ${dumpId}, large object ${oid} lies in ${JSON.stringify(file)}, must be "blob_${oid}.dat"`,
      dumpId,
      file,
      hint: 'A restore gives it the content of that file: pgdmp salvage goes by the names of the files',
    })
  }

  #objectTwice(oid: number, dumpId: DumpId): void {
    this.#findings.add({
      code: 'DUPLICATE_LARGE_OBJECT',
      severity: 'error',
      message: `Large object ${oid} is stored twice`,
      dumpId,
      hint: 'A restore fails at the second one, or the second one overwrites the first',
    })
  }

  /** Everything of a stream; an error is given, not thrown, with what came before it. */
  async #readAll(
    data: ByteStream,
    entry: TocEntry | undefined,
    subject: TextSubject | undefined,
  ): Promise<CheckedContent & { readonly bytes: number; readonly error: unknown }> {
    const { signal, onBytes, checks } = this.#options
    const check = checks.open(subject)
    let bytes = 0
    let error: unknown
    const source = data.borrow()
    try {
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
        signal?.throwIfAborted()
        const taken = check.push(chunk)
        if (taken !== undefined) await taken
        bytes += chunk.length
        this.#bytes += chunk.length
        onBytes(this.#bytes, entry)
      }
    } catch (caught) {
      if (signal?.aborted === true || caught instanceof ThreadLost) {
        check.cancel()
        signal?.throwIfAborted()
        throw caught
      }
      error = caught
    } finally {
      await source.cancel()
    }
    const isWhole = error === undefined || isMissingEnd(error)
    return { ...(await check.finish(isWhole)), bytes, error }
  }

  /** Opens data as stored, which finds its place, and reads their first bytes. */
  async #lookAt(data: DataStream, dumpId: DumpId): Promise<void> {
    try {
      const stored = await data.stored?.()
      if (stored === undefined) return
      try {
        await stored.chunks.next()
      } finally {
        await stored.chunks.cancel()
      }
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      this.#findings.addError(error, dumpId)
    }
  }
}

/** The whole stream was read, and lacks the end of its rows or statements. */
function isMissingEnd(error: unknown): boolean {
  return isArchiveError(error) && error.details?.['missingEnd'] === true
}
