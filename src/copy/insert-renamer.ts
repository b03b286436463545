import { decodeByteString, writeByteString } from '../bytes/byte-string.ts'
import { InsertScanner, type InsertDefect, type InsertScannerOptions } from './insert-scanner.ts'

/** How to rename schemas in INSERT statements. */
export interface InsertRenamerOptions extends Omit<InsertScannerOptions, 'onSchema'> {
  /** What stands in place of a schema, given as it is written, with its quotes; undefined for one that stays. */
  readonly rename: (schema: string) => string | undefined
  /** Called with what pg_dump never writes, which may be read in two ways: must throw. */
  readonly refuse: (defect: InsertDefect) => never
}

/** A replaced name: its place in the stream and the new text, a byte string. */
interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Longer than a name can be that a server keeps, in quotes and with all its quotes doubled. */
const longestName = 1024

const nothing = new Uint8Array(0)

/**
 * Renames the schema of the table that each INSERT statement names (dumpTableData_insert, pg_dump.c), as the statements
 * come. Rows, lists of columns and everything else keep their bytes; nothing is kept but a name that a chunk cuts.
 */
export class InsertRenamer {
  readonly #options: InsertRenamerOptions
  readonly #scanner: InsertScanner
  readonly #found: { readonly start: number; readonly end: number }[] = []
  /** What was renamed last: the statements of a table all name it. */
  #last: { readonly schema: string; readonly next: string | undefined } | undefined
  /** The beginning of a name that goes on in the next chunk, and its place in the stream. */
  #held: Uint8Array = nothing
  #from = 0

  constructor(options: InsertRenamerOptions) {
    this.#options = options
    this.#scanner = new InsertScanner({
      stdStrings: options.stdStrings,
      charLength: options.charLength,
      onSchema: (start, end) => this.#found.push({ start, end }),
    })
  }

  /** What is certain of the text so far: the chunk itself where nothing changes in it. */
  push(chunk: Uint8Array): Uint8Array {
    this.#scanner.push(chunk)
    const { firstDefect, openName } = this.#scanner
    if (firstDefect !== undefined) this.#options.refuse(firstDefect)
    const text = this.#held.length === 0 ? chunk : joined(this.#held, chunk)
    const from = this.#from
    const until = from + text.length
    const replacements = this.#replacements(text)
    const isName = openName !== undefined && openName >= from && until - openName <= longestName
    const end = isName ? openName : until
    this.#held = end === until ? nothing : Uint8Array.from(text.subarray(end - from))
    this.#from = end
    return replaced(text.subarray(0, end - from), from, replacements)
  }

  /** The rest. Nothing may follow. */
  finish(): Uint8Array {
    return this.#held
  }

  #replacements(text: Uint8Array): Replacement[] {
    const list: Replacement[] = []
    for (const { start, end } of this.#found) {
      // the beginning of a name longer than that of any schema has been given out
      if (start < this.#from) continue
      const next = this.#nextOf(decodeByteString(text, start - this.#from, end - this.#from))
      if (next !== undefined) list.push({ start, end, text: next })
    }
    this.#found.length = 0
    return list
  }

  #nextOf(schema: string): string | undefined {
    if (this.#last?.schema !== schema) this.#last = { schema, next: this.#options.rename(schema) }
    return this.#last.next
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** A text that begins at `from` of the stream, with the replacements made. */
function replaced(text: Uint8Array, from: number, replacements: readonly Replacement[]): Uint8Array {
  if (replacements.length === 0) return text
  const growth = replacements.reduce((sum, { start, end, text: next }) => sum + next.length - (end - start), 0)
  const result = new Uint8Array(text.length + growth)
  let read = 0
  let written = 0
  for (const { start, end, text: next } of replacements) {
    const before = text.subarray(read, start - from)
    result.set(before, written)
    written += before.length
    written += writeByteString(next, result, written)
    read = end - from
  }
  result.set(text.subarray(read), written)
  return result
}
