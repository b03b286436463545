import { encodeByteString, writeByteString } from '../bytes/byte-string.ts'
import { checkOptions } from '../check-options.ts'
import { compatRules, formatRelease, type CompatRules } from '../sql/compat.ts'
import { decoderFor } from '../toc/encoding.ts'
import { intlTimeZone } from '../toc/local-time.ts'
import type { ArchiveHeader, ByteSpan, TextField, TimeZone, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import type { ArchiveView } from '../view.ts'
import { asFiltered } from './filter.ts'
import { listOptionKinds, type ListOptions } from './options.ts'
import { isDependent } from './required.ts'
import type { EntryParts, Selection } from './selection.ts'
import { emptySpan, locate } from './span.ts'

/**
 * The table of contents as `pg_restore -l` prints it, for people: names are decoded. A view that was not filtered is
 * listed as pg_restore does without options. See {@link listBytes} for the exact bytes.
 *
 * @example
 * console.log(list(filter(archive, { schemas: ['app'] })))
 */
export function list(view: ArchiveView, options: ListOptions = {}): string {
  const { encoding } = view.settings
  const bytes = listBytes(view, options)
  // nothing says what the strings of a header are encoded in: seldom it is a client's own encoding
  const entries = encoding === 'SQL_ASCII' ? bytes.length : endOfHeader(bytes)
  return decodeLines(bytes.subarray(0, entries)) + decoderFor(encoding)(bytes.subarray(entries))
}

/** Where the lines of a listing's header end. */
function endOfHeader(bytes: Uint8Array): number {
  let end = 0
  while (bytes[end] === semicolon) end = bytes.indexOf(lineFeed, end) + 1
  return end
}

/** Without an encoding every line is judged by itself, or one odd name would spoil all the others. */
function decodeLines(bytes: Uint8Array): string {
  const decode = decoderFor('SQL_ASCII')
  let text = ''
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(lineFeed, start) + 1
    text += decode(bytes.subarray(start, end))
    start = end
  }
  return text
}

/**
 * The same byte for byte: names come out as they are stored, whatever their encoding (PrintTOCSummary,
 * pg_backup_archiver.c). What is printed is good input for {@link parseList}.
 */
export function listBytes(view: ArchiveView, options: ListOptions = {}): Uint8Array {
  checkOptions('list', options, listOptionKinds)
  const filtered = asFiltered(view, options)
  const rules = compatRules(options.compat ?? filtered.release)
  const verbose = options.verbose ?? false
  const exact = options.asPgRestore === true
  const out = new ListWriter(view.storedEntryCount, exact, /^(?:UTF8|SQL_ASCII)$/.test(view.settings.encoding))
  writeHeader(out, view, rules, options.timeZone ?? intlTimeZone())
  const hidesDependents = !rules.listsDependents && selectsNames(filtered.selection)
  const writeListed = (entry: TocEntry, parts: EntryParts): void => {
    if (!parts.schema && !parts.data && !parts.statistics) return
    if (!(hidesDependents && isDependent(entry))) writeEntry(out, entry)
  }
  if (verbose) {
    for (const entry of filtered.allEntries) {
      writeEntry(out, entry)
      writeDependencies(out, entry)
    }
  } else if (filtered.scan === undefined) {
    for (const entry of filtered.toc) writeListed(entry, filtered.parts(entry))
  } else {
    filtered.scan((entry, _, parts) => writeListed(entry, parts))
  }
  return out.finish()
}

function selectsNames(selection: Selection): boolean {
  const { schemas, excludeSchemas, tables, indexes, functions, triggers } = selection
  return [schemas, excludeSchemas, tables, indexes, functions, triggers].some((names) => names?.length)
}

const formatNames = { custom: 'CUSTOM', directory: 'DIRECTORY', tar: 'TAR' } as const

function writeHeader(out: ListWriter, view: ArchiveView, rules: CompatRules, timeZone: TimeZone): void {
  const { header } = view
  const { version, raw } = header
  out.text(`;\n; Archive created at ${creationTime(header, timeZone)}\n;     dbname: `)
  if (raw.dbname !== null) out.bytes(raw.dbname, true)
  out.text(`\n;     TOC Entries: ${view.storedEntryCount}\n;     Compression: ${compressionName(header, rules)}\n`)
  out.text(`;     Dump Version: ${version.major}.${version.minor}-${version.rev}\n`)
  out.text(`;     Format: ${formatNames[header.format]}\n`)
  out.text(`;     Integer: ${header.intSize} bytes\n;     Offset: ${header.offSize} bytes\n`)
  if (raw.remoteVersion !== null) {
    out.text(';     Dumped from database version: ')
    out.bytes(raw.remoteVersion, false)
    out.text('\n')
  }
  // an archive too old to say has the reader's own version there
  const ownVersion = featuresOf(version).tablespaceAndVersions ? null : encodeByteString(formatRelease(rules.release))
  const dumpVersion = raw.dumpVersion ?? ownVersion
  if (dumpVersion !== null) {
    out.text(';     Dumped by pg_dump version: ')
    out.bytes(dumpVersion, false)
    out.text('\n')
  }
  out.text(';\n;\n; Selected TOC Entries:\n;\n')
}

function creationTime(header: ArchiveHeader, timeZone: TimeZone): string {
  if (header.createDate === null) return timeZone.formatInstant(Date.now())
  // mktime(3) says −1 for a time that it cannot represent, and that is shown as a time
  return timeZone.formatLocal(header.createDate) ?? timeZone.formatInstant(-1000)
}

function compressionName({ compression }: ArchiveHeader, rules: CompatRules): string {
  const { algorithm, level, stored } = compression
  const name = algorithm === 'unknown' ? '???' : algorithm
  if (rules.listsCompressionByName) return name
  // archives older than the field read as zlib's default; those too new for such a release have a name only
  return stored === null ? '-1' : level === null ? name : String(level)
}

const tab = 0x09
const blank = 0x20
const del = 0x7f
const lineFeed = 0x0a
const carriageReturn = 0x0d
const semicolon = 0x3b
const hyphen = 0x2d

function writeEntry(out: ListWriter, entry: TocEntry): void {
  out.number(entry.dumpId)
  out.byte(semicolon)
  out.byte(blank)
  out.oid(entry, 'tableoid')
  out.byte(blank)
  out.oid(entry, 'oid')
  out.byte(blank)
  out.field(entry, 'desc', false)
  out.byte(blank)
  if (!out.field(entry, 'namespace', true)) out.byte(hyphen)
  out.byte(blank)
  out.field(entry, 'tag', true)
  out.byte(blank)
  out.field(entry, 'owner', true)
  out.byte(lineFeed)
}

function writeDependencies(out: ListWriter, entry: TocEntry): void {
  const { dependencies } = entry
  if (dependencies.length > 0) out.text(`;\tdepends on: ${dependencies.join(' ')}\n`)
}

/** About the length of a line: to begin with the right size is less to copy. */
const LINE_BYTES = 64

/** Bytes that grow; strings of the archive are copied into them without being decoded. */
class ListWriter {
  #buffer: Uint8Array
  #length = 0
  readonly #span = emptySpan()
  /** Strings are copied as they are stored, and control characters not shown. */
  readonly #exact: boolean
  readonly #utf8: boolean

  constructor(entries: number, exact: boolean, utf8: boolean) {
    this.#exact = exact
    this.#utf8 = utf8
    this.#buffer = new Uint8Array(1024 + entries * LINE_BYTES)
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + count))
    grown.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = grown
  }

  /** Text of our own, ASCII. */
  text(text: string): void {
    this.#reserve(text.length)
    this.#length += writeByteString(text, this.#buffer, this.#length)
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = byte
  }

  /** A whole number ≥ 0, digit by digit: through a string it would cost as much as the rest of a line. */
  number(value: number): void {
    let digits = 1
    for (let bound = 10; bound <= value; bound *= 10) digits++
    this.#reserve(digits)
    let rest = value
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const tenth = Math.floor(rest / 10)
      this.#buffer[at] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    this.#length += digits
  }

  /** The number of a catalog or an object, stored as decimal text. */
  oid(entry: TocEntry, field: 'tableoid' | 'oid'): void {
    if (locate(entry.raw, field, this.#span) && isPlainNumber(this.#span)) this.#copy(this.#span, false)
    else this.number(entry.catalogId[field])
  }

  /** A string of an entry, on one line or as it is; false when it is NULL or absent. */
  field(entry: TocEntry, field: TextField, oneLine: boolean): boolean {
    if (!locate(entry.raw, field, this.#span)) return false
    this.#copy(this.#span, oneLine)
    return true
  }

  /** Stored bytes, on one line or as they are. */
  bytes(bytes: Uint8Array, oneLine: boolean): void {
    this.#copy({ bytes, start: 0, end: bytes.length }, oneLine)
  }

  /**
   * Up to a NUL, which ends a string of C; on one line, every line break is a blank (sanitize_line, dumputils.c). Other
   * control characters, tabs excepted, are for terminals: they are shown.
   */
  #copy({ bytes, start, end }: ByteSpan, oneLine: boolean): void {
    this.#reserve(end - start)
    const buffer = this.#buffer
    let length = this.#length
    let at = start
    // this loop is most of a long listing
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte < blank || byte >= del) break
      buffer[length++] = byte
    }
    this.#length = length
    if (at < end) this.#copyRest(bytes, at, end, oneLine)
  }

  /** From the first byte on that is not plain ASCII. */
  #copyRest(bytes: Uint8Array, start: number, end: number, oneLine: boolean): void {
    if (!this.#exact && hasControl(bytes, start, end, this.#utf8)) return this.#show(bytes, start, end)
    const buffer = this.#buffer
    let length = this.#length
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === 0) break
      buffer[length++] = oneLine && (byte === lineFeed || byte === carriageReturn) ? blank : byte
    }
    this.#length = length
  }

  #show(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === 0) return
      if (this.#utf8 && byte === 0xc2 && isC1(bytes[at + 1])) this.text(`\\x${(bytes[++at] ?? 0).toString(16)}`)
      else if (this.#utf8 && byte === 0xe2 && turnsText(bytes, at)) {
        this.text(`\\u20${(((bytes[at + 1] ?? 0) & 1) * 64 + ((bytes[at + 2] ?? 0) & 63)).toString(16)}`)
        at += 2
      } else if (byte === lineFeed || byte === carriageReturn) this.byte(blank)
      else if ((byte < blank && byte !== tab) || byte === del) this.text(`\\x${byte.toString(16).padStart(2, '0')}`)
      else this.byte(byte)
    }
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }
}

/** The control characters that UTF-8 has in two bytes, one of which begins escape sequences. */
function isC1(second: number | undefined): boolean {
  return second !== undefined && second >= 0x80 && second <= 0x9f
}

/**
 * Whether a character of three bytes breaks or turns around the line that it stands in: U+2028 to U+202E, U+2066 to
 * U+2069.
 */
function turnsText(bytes: Uint8Array, at: number): boolean {
  const last = bytes[at + 2] ?? 0
  if (bytes[at + 1] === 0x80) return last >= 0xa8 && last <= 0xae
  return bytes[at + 1] === 0x81 && last >= 0xa6 && last <= 0xa9
}

function hasControl(bytes: Uint8Array, start: number, end: number, utf8: boolean): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    // one comparison for nearly every byte
    if (byte >= blank && byte < del) continue
    if (byte < blank ? byte !== tab : byte === del) return true
    if (utf8 && ((byte === 0xc2 && isC1(bytes[at + 1])) || (byte === 0xe2 && turnsText(bytes, at)))) return true
  }
  return false
}

/** Decimal digits that print the way they are stored: no sign, no leading zero, within 32 bits. */
function isPlainNumber({ bytes, start, end }: ByteSpan): boolean {
  if (end === start || end - start > 9) return false
  if (bytes[start] === 0x30 && end - start > 1) return false
  for (let at = start; at < end; at++) {
    const digit = bytes[at] ?? 0
    if (digit < 0x30 || digit > 0x39) return false
  }
  return true
}
