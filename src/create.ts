import {
  aBoolean,
  aCompressionOrMethod,
  aString,
  checkOptions,
  type OptionKinds,
  writingKinds,
} from './check-options.ts'
import { encodeByteString } from './bytes/byte-string.ts'
import type { Algorithm } from './codec/codec.ts'
import { ArchiveError } from './errors.ts'
import { openWriter, type CompressionSettings } from './format/open-writer.ts'
import type { FormatWriter } from './format/writer.ts'
import { checkCreateDate, checkDumpId, checkNewEntry } from './author/check-new.ts'
import { ContentSource, type RowsOrBytes } from './author/new-data.ts'
import { localDate } from './author/local-date.ts'
import { NewLargeObjects, type NewLargeObject } from './author/new-large-objects.ts'
import type { ArchiveOutput } from './io/output.ts'
import { packageVersion } from './package-version.ts'
import { compatRules } from './sql/compat.ts'
import { fmtId, fmtQualifiedId, quoteRules } from './sql/quote.ts'
import { buildEntry, type EncodeField } from './toc/built-entry.ts'
import { encoderFor, type Encode } from './toc/encode-name.ts'
import { canonicalEncoding } from './toc/encoding.ts'
import { entryKind } from './toc/entry-kinds.ts'
import type {
  ArchiveFormat,
  ArchiveHeader,
  ArchiveVersion,
  CreateDate,
  DumpId,
  Section,
  TocEntry,
} from './toc/types.ts'
import { checkWritableVersion, newArchiveVersion } from './toc/version.ts'
import { formatByteOf, headerCompression } from './toc/write-head.ts'

/** What a new archive is to be. */
export interface CreateOptions {
  /** Default custom. */
  readonly format?: ArchiveFormat | undefined
  /** Default gzip as pg_dump has it; none for tar. */
  readonly compression?: Algorithm | CompressionSettings | undefined
  /** 1.12 to 1.16; default 1.14, which pg_restore 12 and later read, or 1.15 (16 and later) for lz4 and zstd. */
  readonly archiveVersion?: ArchiveVersion | undefined
  /** Name of the database that the archive says it comes from. */
  readonly dbname?: string | undefined
  /** Default now, as local time. */
  readonly createDate?: CreateDate | Date | undefined
  /** The server's version as the archive tells it; by default it tells none. */
  readonly remoteVersion?: string | undefined
  /** The writing program's version; default pgdmp's. */
  readonly dumpVersion?: string | undefined
  /** PostgreSQL's name of the encoding of all text; default UTF8. */
  readonly encoding?: string | undefined
  /** `standard_conforming_strings` of the definitions; default true. */
  readonly stdStrings?: boolean | undefined
  /** `search_path` of the definitions, as the server prints it; default empty: names are qualified, as pg_dump does. */
  readonly searchPath?: string | undefined
  /** What to do with an output that exists; default `refuse`. */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  readonly signal?: AbortSignal | undefined
}

const createOptionKinds: OptionKinds<CreateOptions> = {
  ...writingKinds,
  compression: aCompressionOrMethod,
  dbname: aString,
  createDate: true,
  remoteVersion: aString,
  dumpVersion: aString,
  encoding: aString,
  stdStrings: aBoolean,
  searchPath: aString,
}

/** An entry for a new archive; what is not given is NULL, or what pg_dump writes for the type. */
export interface NewEntry {
  /** Type: `TABLE`, `TABLE DATA`, … (spec/toc.md). */
  readonly desc: string
  readonly tag: string
  readonly namespace?: string | null | undefined
  readonly owner?: string | null | undefined
  /** SQL that makes the object, its names qualified. */
  readonly defn?: string | null | undefined
  readonly dropStmt?: string | null | undefined
  /** `COPY … FROM stdin;` of a TABLE DATA entry; made from `columns` where those are given. Without either the data are SQL. */
  readonly copyStmt?: string | null | undefined
  /** TABLE DATA: the columns of the data, unquoted. */
  readonly columns?: readonly string[] | undefined
  /** Default by the type. */
  readonly section?: Section | undefined
  /** Dump ids; of a TABLE DATA entry the first is the table's. */
  readonly dependencies?: readonly DumpId[] | undefined
  readonly tablespace?: string | null | undefined
  readonly tableam?: string | null | undefined
  /** A letter of pg_class.relkind; default by the type and definition. */
  readonly relkind?: string | undefined
  readonly catalogId?: { readonly tableoid: number; readonly oid: number } | undefined
  /** Default the next free one. */
  readonly dumpId?: DumpId | undefined
  /**
   * TABLE DATA: rows, or their COPY text (or SQL) as bytes. Read once, by `finish`. The end of COPY text may be missing.
   */
  readonly data?: RowsOrBytes | undefined
  /** BLOBS: the objects; what makes them is up to other entries. See {@link ArchiveWriter.addLargeObjects}. */
  readonly largeObjects?: Iterable<NewLargeObject> | AsyncIterable<NewLargeObject> | undefined
}

const newEntryKinds: OptionKinds<NewEntry> = {
  desc: true,
  tag: true,
  namespace: true,
  owner: true,
  defn: true,
  dropStmt: true,
  copyStmt: true,
  columns: true,
  section: true,
  dependencies: true,
  tablespace: true,
  tableam: true,
  relkind: true,
  catalogId: true,
  dumpId: true,
  data: true,
  largeObjects: true,
}

/** An archive that is being made from nothing. */
export interface ArchiveWriter {
  /**
   * Adds an entry; entries are restored in the order in which they are added.
   * @returns its dump id
   * @throws ArchiveError USAGE for a field that is misspelt or has a value that it cannot have, a dump id that is
   *   taken, data of an entry that can have none, a second ENCODING, STDSTRINGS or SEARCHPATH, and text that the
   *   encoding cannot say
   */
  addEntry(entry: NewEntry): DumpId
  /**
   * Adds large objects with all the entries that they need in this archive version.
   * @returns dump ids of the entries that make them
   */
  addLargeObjects(
    objects: Iterable<NewLargeObject>,
    options?: { readonly owner?: string | null | undefined },
  ): readonly DumpId[]
  /**
   * Reads all data and writes the archive; it appears when it is whole.
   * @throws ArchiveError USAGE for a dependency that is not there, BAD_COPY_DATA; what the data throw
   */
  finish(): Promise<void>
  /** Gives up; nothing is left behind. Never throws. */
  abort(reason?: unknown): Promise<void>
}

/**
 * Begins a new archive: the entries ENCODING, STDSTRINGS and SEARCHPATH are there already. What it holds is up to the
 * caller; what `pg_restore` can do with it depends on the definitions being right.
 *
 * @example
 * const archive = await create('cities.dump', { dbname: 'geo' })
 * const defn = 'CREATE TABLE public.city (name text, population integer);\n'
 * const table = archive.addEntry({ desc: 'TABLE', tag: 'city', namespace: 'public', defn })
 * archive.addEntry({
 *   desc: 'TABLE DATA', tag: 'city', namespace: 'public', columns: ['name', 'population'],
 *   dependencies: [table], data: [['Berlin', '3677472'], ['Atlantis', null]],
 * })
 * await archive.finish()
 *
 * @throws ArchiveError USAGE (output exists, a value that an option cannot have, tar with compression), UNSUPPORTED (lz4 or zstd before
 *   1.15), CODEC_UNAVAILABLE
 */
export async function create(output: ArchiveOutput, options: CreateOptions = {}): Promise<ArchiveWriter> {
  checkOptions('create the archive', options, createOptionKinds)
  checkCreateDate(options.createDate)
  const { format = 'custom', overwrite, signal } = options
  const compression = compressionOf(format, options.compression)
  const version = options.archiveVersion ?? newArchiveVersion(compression.method)
  checkWritableVersion(version)
  const encoding = canonicalEncoding(options.encoding ?? 'UTF8')
  if (encoding === undefined) {
    throw usage(`create the archive: encoding is ${JSON.stringify(options.encoding)}, must be one of PostgreSQL's`)
  }
  const encode = encoderFor(encoding)
  const header = newHeader(format, version, compression, options, encode)
  const writer = await openWriter(output, { format, compression, overwrite, signal })
  try {
    return new NewArchive(writer, header, { encoding, encode, options })
  } catch (error) {
    // the search path may hold what the encoding cannot say
    await writer.abort(error)
    throw error
  }
}

function compressionOf(format: ArchiveFormat, given: CreateOptions['compression']): CompressionSettings {
  if (typeof given === 'string') return { method: given }
  return given ?? { method: format === 'tar' ? 'none' : 'gzip' }
}

function newHeader(
  format: ArchiveFormat,
  version: ArchiveVersion,
  { method, level }: CompressionSettings,
  options: CreateOptions,
  encode: Encode,
): ArchiveHeader {
  const { dbname = null, remoteVersion = null, dumpVersion = `pgdmp ${packageVersion}`, createDate } = options
  const bytes = (text: string | null, field: string): Uint8Array | null =>
    text === null ? null : encodeText(encode, text, `create the archive: ${field}`)
  return {
    version,
    intSize: 4,
    offSize: 8,
    format,
    formatByte: formatByteOf[format],
    compression: headerCompression(method, version, level ?? null),
    createDate: createDate === undefined || createDate instanceof Date ? localDate(createDate) : createDate,
    dbname,
    remoteVersion,
    dumpVersion,
    raw: {
      dbname: bytes(dbname, 'dbname'),
      remoteVersion: bytes(remoteVersion, 'remoteVersion'),
      dumpVersion: bytes(dumpVersion, 'dumpVersion'),
    },
  }
}

/** @throws ArchiveError USAGE */
function encodeText(encode: Encode, text: string, what: string): Uint8Array {
  const bytes = text.includes('\0') ? undefined : encode(text)
  if (bytes !== undefined) return encodeByteString(bytes)
  const problem = text.includes('\0') ? 'a NUL' : "characters that the archive's encoding does not have"
  throw usage(`${what} ${JSON.stringify(text.slice(0, 60))} has ${problem}`)
}

function usage(what: string, dumpId?: DumpId): ArchiveError {
  return new ArchiveError('USAGE', `Cannot ${what}`, { dumpId })
}

/** The first OID that a server gives to an object of a user. */
const FIRST_OID = 16384

class NewArchive implements ArchiveWriter {
  readonly #writer: FormatWriter
  readonly #header: ArchiveHeader
  readonly #encoding: string
  readonly #encode: Encode
  readonly #signal: AbortSignal | undefined
  readonly #entries = new Map<DumpId, TocEntry>()
  readonly #data = new Map<TocEntry, ContentSource>()
  readonly #objects: NewLargeObjects
  /** Ends the reading of data that may never answer. */
  readonly #stopped = new AbortController()
  #nextId = 1
  /** The settings are there, once each. */
  #begun = false
  #state: 'open' | 'finished' = 'open'

  constructor(
    writer: FormatWriter,
    header: ArchiveHeader,
    text: { readonly encoding: string; readonly encode: Encode; readonly options: CreateOptions },
  ) {
    const { stdStrings = true, searchPath = '', signal } = text.options
    this.#writer = writer
    this.#header = header
    this.#encoding = text.encoding
    this.#encode = text.encode
    this.#signal = signal
    this.#objects = new NewLargeObjects(header.version, {
      entry: (entry) => this.addEntry(entry),
      fields: (fieldsOf) => {
        const dumpId = this.#claim(undefined)
        const fields = fieldsOf(dumpId)
        checkNewEntry(fields, dumpId, true)
        this.#entries.set(dumpId, buildEntry(fields, this.#encodeField))
        return dumpId
      },
    })
    // processEncodingEntry and its like take what is between the quotes (pg_backup_archiver.c)
    this.#addSetting('ENCODING', `SET client_encoding = '${text.encoding}';\n`)
    this.#addSetting('STDSTRINGS', `SET standard_conforming_strings = '${stdStrings ? 'on' : 'off'}';\n`)
    const path = `'${searchPath.replaceAll(stdStrings ? /'/g : /['\\]/g, '$&$&')}'`
    this.#addSetting('SEARCHPATH', `SELECT pg_catalog.set_config('search_path', ${path}, false);\n`)
    this.#begun = true
  }

  readonly #encodeField: EncodeField = (text, field, dumpId) =>
    encodeText(this.#encode, text, `add entry ${dumpId}: ${field}`)

  addEntry(added: NewEntry): DumpId {
    this.#check()
    checkOptions('add an entry', added, newEntryKinds)
    const { desc, tag, data, largeObjects, columns } = added
    checkDumpId(added.dumpId)
    const dumpId = this.#claim(added.dumpId)
    checkNewEntry(added, dumpId, this.#begun)
    checkData(added, dumpId)
    const kind = entryKind(desc)
    const namespace = added.namespace ?? null
    const copyStmt = added.copyStmt ?? (columns === undefined ? null : this.#copyStatement(namespace, tag, columns))
    const oid = kind.tableoid === 0 ? 0 : FIRST_OID + dumpId
    const entry = buildEntry(
      {
        dumpId,
        hadDumper: data !== undefined || largeObjects !== undefined,
        catalogId: added.catalogId ?? { tableoid: kind.tableoid, oid },
        tag,
        desc,
        section: added.section ?? kind.section,
        defn: added.defn ?? null,
        dropStmt: added.dropStmt ?? null,
        copyStmt,
        namespace,
        tablespace: added.tablespace === undefined ? (kind.hasTablespace ? '' : null) : added.tablespace,
        tableam: added.tableam ?? null,
        relkind: added.relkind,
        owner: added.owner ?? null,
        dependencies: added.dependencies ?? [],
      },
      this.#encodeField,
    )
    this.#entries.set(dumpId, entry)
    if (data !== undefined) this.#data.set(entry, this.#content(data, copyStmt !== null, columns?.length))
    if (largeObjects !== undefined) this.#objects.give(entry, largeObjects)
    return dumpId
  }

  addLargeObjects(
    objects: Iterable<NewLargeObject>,
    { owner = null }: { readonly owner?: string | null | undefined } = {},
  ): readonly DumpId[] {
    this.#check()
    return this.#objects.add(objects, owner)
  }

  async finish(): Promise<void> {
    this.#check()
    const signal = this.#signal
    const stop = (): void => this.#stopped.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      signal?.throwIfAborted()
      this.#objects.complete()
      this.#state = 'finished'
      const toc = [...this.#entries.values()]
      this.#checkDependencies(toc)
      await this.#writer.begin({ header: this.#header, toc })
      for (const entry of toc) {
        signal?.throwIfAborted()
        const content = this.#data.get(entry)
        const objects = this.#objects.of(entry, this.#stopped.signal)
        if (content !== undefined) await this.#writer.data(entry, { kind: 'content', chunks: content })
        else if (objects !== undefined) await this.#writer.largeObjects(entry, objects)
      }
      signal?.throwIfAborted()
      await this.#writer.finish()
    } catch (error) {
      await this.abort(error)
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async abort(reason?: unknown): Promise<void> {
    this.#state = 'finished'
    this.#stopped.abort(reason ?? new ArchiveError('CLOSED', 'Cannot finish the archive: it has been given up'))
    await this.#writer.abort(reason)
    for (const content of this.#data.values()) await content.cancel().catch(() => undefined)
  }

  #check(): void {
    if (this.#state === 'finished') {
      throw new ArchiveError('CLOSED', 'Cannot add to the archive: it has been finished or given up')
    }
  }

  /** The entries that are there in every archive; they say how the others are to be read. */
  #addSetting(desc: string, defn: string): void {
    this.addEntry({ desc, tag: desc, defn })
  }

  #claim(wanted: DumpId | undefined): DumpId {
    while (this.#entries.has(this.#nextId)) this.#nextId++
    const dumpId = wanted ?? this.#nextId
    if (this.#entries.has(dumpId)) throw usage(`add entry ${dumpId}: another one has this dump id`, dumpId)
    return dumpId
  }

  #content(data: RowsOrBytes, isCopy: boolean, columns: number | undefined): ContentSource {
    return new ContentSource(data, {
      isCopy,
      columns,
      encoding: this.#encoding,
      encode: this.#encode,
      signal: this.#stopped.signal,
    })
  }

  /** dumpTableData, pg_dump.c */
  #copyStatement(namespace: string | null, tag: string, columns: readonly string[]): string {
    const quote = quoteRules(compatRules(undefined), 'UTF8', true)
    const utf8 = encoderFor('UTF8')
    const bytes = (name: string): string => {
      const encoded = utf8(name)
      if (encoded === undefined) throw usage(`add an entry: the name ${JSON.stringify(name)} is not well-formed`)
      return encoded
    }
    const list = columns.map((column) => fmtId(quote, bytes(column))).join(', ')
    const table = fmtQualifiedId(quote, namespace === null ? null : bytes(namespace), bytes(tag))
    const statement = `COPY ${table} ${list === '' ? '' : `(${list}) `}FROM stdin;\n`
    return new TextDecoder().decode(encodeByteString(statement))
  }

  /** Ids may stand before their entry, but must be there. @throws ArchiveError USAGE */
  #checkDependencies(toc: readonly TocEntry[]): void {
    for (const { dumpId, dependencies, desc } of toc) {
      const missing = dependencies.find((id) => !this.#entries.has(id))
      if (missing !== undefined) {
        throw usage(`finish the archive: entry ${dumpId} (${desc}) depends on ${missing}, which is not there`, dumpId)
      }
    }
  }
}

/** @throws ArchiveError USAGE for data where the type of the entry has none, and the other way round */
function checkData({ desc, data, largeObjects, columns, copyStmt }: NewEntry, dumpId: DumpId): void {
  if (desc === '') throw usage(`add entry ${dumpId}: it has no type`, dumpId)
  const ofTable = desc === 'TABLE DATA'
  if (data !== undefined && !ofTable) throw usage(`add entry ${dumpId}: ${desc} has data, only TABLE DATA can`, dumpId)
  if (largeObjects !== undefined && desc !== 'BLOBS') {
    throw usage(`add entry ${dumpId}: ${desc} has large objects, only BLOBS can`, dumpId)
  }
  if (ofTable && data === undefined) throw usage(`add entry ${dumpId}: TABLE DATA has no data`, dumpId)
  if (desc === 'BLOBS' && largeObjects === undefined) throw usage(`add entry ${dumpId}: BLOBS has no objects`, dumpId)
  if (columns !== undefined && (!ofTable || copyStmt != null)) {
    throw usage(`add entry ${dumpId}: columns are given, only for TABLE DATA without copyStmt`, dumpId)
  }
}
