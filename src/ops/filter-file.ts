import { decodeByteString, encodeByteString, utf8ToByteString } from '../bytes/byte-string.ts'
import { aString, aText, checkArgument, checkOptions } from '../check-options.ts'
import { ArchiveError } from '../errors.ts'
import { compatRules, type CompatRules } from '../sql/compat.ts'
import { compatOptionKinds, type CompatOptions } from './options.ts'
import type { Name, Selection } from './selection.ts'

/** Options of {@link parseFilter}. */
export interface FilterFileOptions extends Pick<CompatOptions, 'compat'> {
  /** For messages; absent: standard input. */
  readonly fileName?: string
}

/** The lists that a filter file adds to. */
export type FilterFileSelection = Pick<
  Selection,
  'schemas' | 'excludeSchemas' | 'tables' | 'indexes' | 'functions' | 'triggers'
>

type ListName = keyof FilterFileSelection

/** Types of a filter file: how messages call them, and the list that include and exclude add to, if any. */
const objectTypes: Readonly<
  Record<string, { readonly name: string; readonly include?: ListName; readonly exclude?: ListName }>
> = {
  table_data: { name: 'table data' },
  table_data_and_children: { name: 'table data and children' },
  database: { name: 'database' },
  extension: { name: 'extension' },
  foreign_data: { name: 'foreign data' },
  function: { name: 'function', include: 'functions' },
  index: { name: 'index', include: 'indexes' },
  schema: { name: 'schema', include: 'schemas', exclude: 'excludeSchemas' },
  table: { name: 'table', include: 'tables' },
  table_and_children: { name: 'table and children' },
  trigger: { name: 'trigger', include: 'triggers' },
}

/**
 * Reads a filter file as `pg_restore --filter` does (filter.c; read_restore_filters, pg_restore.c): lines of
 * `include|exclude type name`, to be merged into a {@link Selection}. Names keep their double quotes and are compared
 * literally, as there. From bytes come names as bytes, from a string names as strings.
 *
 * @example
 * const selection = parseFilter('include table orders\nexclude schema audit # big\n')
 *
 * @throws ArchiveError BAD_FILTER with `{line, pgRestore}`
 */
export function parseFilter(text: string | Uint8Array, options: FilterFileOptions = {}): FilterFileSelection {
  checkArgument('read the filter', 'text', text, aText)
  checkOptions('read the filter', options, { compat: compatOptionKinds.compat, fileName: aString })
  const asText = typeof text === 'string'
  const reader = new FilterReader(asText ? utf8ToByteString(text) : decodeByteString(text), options)
  const lists: Partial<Record<ListName, Name[]>> = {}
  for (let item = reader.next(); item !== undefined; item = reader.next()) {
    const name = encodeByteString(item.name)
    const list = (lists[item.list] ??= [])
    list.push(asText ? utf8.decode(name) : name)
  }
  return lists
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** isspace(3) of the C locale. */
const blank = /[ \t\n\v\f\r]/

/** Messages are put together in a buffer of this many bytes with a NUL at the end (pg_log_filter_error). */
const messageBuffer = 256

/** Works on byte strings, line by line; a quoted name may take the following lines too. */
class FilterReader {
  readonly #text: string
  readonly #rules: CompatRules
  readonly #fileName: string | undefined
  #offset = 0
  #lineNumber = 0
  #line = ''
  #at = 0

  constructor(text: string, options: FilterFileOptions) {
    this.#text = text
    this.#rules = compatRules(options.compat)
    this.#fileName = options.fileName
  }

  /** The next item, past comments and empty lines (filter_read_item); undefined at the end. */
  next(): { readonly list: ListName; readonly name: string } | undefined {
    while (this.#nextLine()) {
      this.#skipBlanks()
      if (this.#unit() !== '' && this.#unit() !== '#') return this.#item()
    }
    return undefined
  }

  #item(): { readonly list: ListName; readonly name: string } {
    const command = this.#keyword()?.toLowerCase()
    if (command === undefined) throw this.#error('no filter command found (expected "include" or "exclude")')
    if (command !== 'include' && command !== 'exclude') {
      throw this.#error('invalid filter command (expected "include" or "exclude")')
    }
    const keyword = this.#keyword()
    if (keyword === undefined) throw this.#error('missing filter object type')
    const type = Object.hasOwn(objectTypes, keyword.toLowerCase()) ? objectTypes[keyword.toLowerCase()] : undefined
    if (type === undefined) throw this.#error(`unsupported filter object type: "${keyword}"`)
    const name = this.#pattern()
    const list = type[command]
    if (list === undefined) throw this.#error(`${command} filter for "${type.name}" is not allowed`)
    return { list, name }
  }

  /**
   * Takes the next line with its line feed; false at the end of the text. What follows a NUL up to the line feed is lost,
   * and the line goes on with the next one (pg_get_line_append takes what fgets(3) gives for a C string).
   */
  #nextLine(): boolean {
    if (this.#offset >= this.#text.length) return false
    this.#line = ''
    for (let more = true; more && this.#offset < this.#text.length;) {
      const lineFeed = this.#text.indexOf('\n', this.#offset)
      const end = lineFeed < 0 ? this.#text.length : lineFeed + 1
      const part = this.#text.slice(this.#offset, end)
      const nul = part.indexOf('\0')
      this.#line += nul < 0 ? part : part.slice(0, nul)
      this.#offset = end
      more = nul >= 0
    }
    this.#at = 0
    this.#lineNumber++
    return true
  }

  /** The unit at hand; empty at the end of the line. */
  #unit(): string {
    return this.#line.charAt(this.#at)
  }

  /** Whether there were any. */
  #skipBlanks(): boolean {
    const start = this.#at
    while (blank.test(this.#unit())) this.#at++
    return this.#at > start
  }

  /** filter_get_keyword */
  #keyword(): string | undefined {
    this.#skipBlanks()
    const rest = this.#line.slice(this.#at)
    const found = (this.#rules.filterKeywordEndsAtSpace ? /^[^ \t\n\v\f\r]+/ : /^[a-z][a-z_]*/i).exec(rest)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  /** Brings a name into the form in which the server writes it (read_pattern). */
  #pattern(): string {
    this.#skipBlanks()
    if (this.#unit() === '') throw this.#error('missing object name pattern')
    let name = ''
    let mayNeedBlank = false
    let hadBlank = false
    while (this.#unit() !== '' && this.#unit() !== '#') {
      const plain = /^[^ \t\n\v\f\r#,.()"]*/.exec(this.#line.slice(this.#at))?.[0] ?? ''
      if (plain !== '') {
        name += mayNeedBlank && hadBlank ? ` ${plain}` : plain
        this.#at += plain.length
      }
      mayNeedBlank = true
      const unit = this.#unit()
      if (unit === '"') name += (hadBlank ? ' ' : '') + this.#quoted()
      else if (unit === ',') {
        name += ', '
        mayNeedBlank = false
        this.#at++
      } else if (unit !== '' && '.()'.includes(unit)) {
        name += unit
        mayNeedBlank = false
        this.#at++
      }
      hadBlank = this.#skipBlanks()
    }
    return name
  }

  /** A part in double quotes, with its quotes; it may go on over the next lines (read_quoted_string). */
  #quoted(): string {
    let name = '"'
    this.#at++
    for (;;) {
      const unit = this.#unit()
      if (unit === '\r' || unit === '\n') this.#at++
      else if (unit === '') {
        if (!this.#nextLine()) throw this.#error('unexpected end of file')
        name += '\n'
      } else if (unit === '"') {
        name += '"'
        this.#at++
        if (this.#unit() !== '"') return name
        name += '"'
        this.#at++
      } else if (unit === '\\') {
        const escaped = this.#line.charAt(this.#at + 1)
        if (escaped === 'n') name += '\n'
        else if (escaped === '\\') name += '\\'
        this.#at += 2
      } else {
        name += unit
        this.#at++
      }
    }
  }

  #error(what: string): ArchiveError {
    const short = utf8.decode(encodeByteString(what.slice(0, messageBuffer - 1)))
    const from = this.#fileName === undefined ? 'standard input' : `file "${this.#fileName}"`
    const where = this.#fileName === undefined ? 'the filter' : `filter file ${JSON.stringify(this.#fileName)}`
    return new ArchiveError('BAD_FILTER', `Cannot read ${where}: line ${this.#lineNumber}: ${short}`, {
      file: this.#fileName,
      hint: 'Write lines of the form "include table NAME" or "exclude schema NAME"',
      details: {
        line: this.#lineNumber,
        pgRestore: `invalid format in filter read from ${from} on line ${this.#lineNumber}: ${short}`,
      },
    })
  }
}
