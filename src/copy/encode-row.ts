import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'

/** A field of a row: text as the server would print it, bytes in the archive's encoding, null for NULL. */
export type CopyField = string | Uint8Array | null

/** Fields in the order of the COPY statement's columns. */
export type CopyRow = readonly CopyField[]

/** How rows are written. */
export interface RowEncoderOptions {
  /** Text in the archive's encoding, as a byte string; undefined for what it cannot say. */
  readonly encode: (text: string) => string | undefined
  /**
   * The second byte of a character may be a backslash (SJIS, BIG5, GBK, UHC, GB18030, JOHAB): fields that are bytes cannot be
   * escaped without knowing the encoding, and are refused.
   */
  readonly embedsAscii: boolean
}

const special = /[\b\t\n\v\f\r\\]/
const escapes: Readonly<Record<string, string>> = {
  '\b': String.raw`\b`,
  '\t': String.raw`\t`,
  '\n': String.raw`\n`,
  '\v': String.raw`\v`,
  '\f': String.raw`\f`,
  '\r': String.raw`\r`,
  '\\': String.raw`\\`,
}

/** The text of a field with what COPY takes for something else escaped (CopyAttributeOutText, copyto.c). */
function escapeField(text: string): string {
  if (!special.test(text)) return text
  return text.replaceAll(/[\b\t\n\v\f\r\\]/g, (character) => escapes[character] ?? character)
}

/**
 * Writes rows as the text of COPY: fields divided by tabs, `\N` for NULL.
 * @example
 * const encoder = new RowEncoder({ encode: encoderFor('UTF8'), embedsAscii: false })
 * encoder.encode(['1', 'tab\there', null], 1) // 1 ⇥ tab\there ⇥ \N ⏎
 */
export class RowEncoder {
  readonly #options: RowEncoderOptions
  #fields: number | undefined

  /** @param fields how many a row must have; by default as many as the first one has */
  constructor(options: RowEncoderOptions, fields?: number) {
    this.#options = options
    this.#fields = fields
  }

  /**
   * A row as a byte string with its line feed.
   * @param number of the row, from 1 on, for errors
   * @throws ArchiveError BAD_COPY_DATA for what is no row, another number of fields, a field of another type, a NUL, or
   *   text that the encoding cannot say
   */
  encode(row: CopyRow, number: number): string {
    // in JavaScript anything may come: a string has a length, too
    if (!Array.isArray(row)) throw bad(number, 'it must be an array of fields')
    this.#fields ??= row.length
    if (row.length !== this.#fields) {
      throw bad(number, `it has ${row.length} fields, must have ${this.#fields}`)
    }
    // text is encoded a line at a time: most of the time goes there
    let encoded = ''
    let text = ''
    for (let index = 0; index < row.length; index++) {
      if (index > 0) text += '\t'
      const field = row[index] ?? null
      if (field === null) text += String.raw`\N`
      else if (typeof field === 'string') text += escapeField(field)
      else if (!(field instanceof Uint8Array)) {
        throw bad(number, `its field ${index + 1} is of type ${typeof field}, must be a string, bytes or null`)
      } else {
        encoded += this.#encode(text, number) + this.#escapeBytes(field, number, index + 1)
        text = ''
      }
    }
    encoded += this.#encode(`${text}\n`, number)
    if (encoded.includes('\0')) throw bad(number, 'it holds a NUL, which PostgreSQL cannot store')
    return encoded
  }

  #encode(text: string, row: number): string {
    const encoded = this.#options.encode(text)
    if (encoded === undefined) throw bad(row, "it has characters that the archive's encoding does not have")
    return encoded
  }

  #escapeBytes(field: Uint8Array, row: number, column: number): string {
    if (!this.#options.embedsAscii) return escapeField(decodeByteString(field))
    throw bad(row, `field ${column} is bytes, must be text where a character may hold the byte of a backslash`)
  }
}

function bad(row: number, what: string): ArchiveError {
  return new ArchiveError('BAD_COPY_DATA', `Cannot write row ${row}: ${what}`, { details: { row } })
}
