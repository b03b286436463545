import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import type { LexerOptions } from '../sql/lexer.ts'
import { splitStatements, type Statement } from '../sql/split-statements.ts'
import { insertShape, isSameShape, type InsertShape } from './insert-shape.ts'
import { isValidIn, type RowPicker } from './salvage-rows.ts'

/** Text is looked through when there is this much of it, and twice as much each time that no statement ends in it. */
const firstLook = 64 * 1024
/** Statements without an end behind which others are looked for: each look costs as much as what is left. */
const mostResumed = 64

/** INSERT statements, as pg_dump --inserts writes them. */
export class InsertRows implements RowPicker {
  rows = 0
  dropped = 0
  bytes = 0
  done = false
  firstBad: number | undefined
  readonly terminator = encodeByteString('\n\n')
  readonly #options: LexerOptions
  readonly #resume: boolean
  readonly #maxBytes: number
  #text = ''
  /** Offset of `#text` in the data. */
  #position = 0
  #look = firstLook
  #clean = true
  #expected: InsertShape | undefined
  readonly #encoding: string | undefined
  isUtf8 = true

  /** @param rules `encoding`: in which text must be valid; undefined: not known */
  constructor(
    options: LexerOptions,
    rules: { readonly resume: boolean; readonly maxRowBytes: number; readonly encoding: string | undefined },
  ) {
    this.#encoding = rules.encoding
    this.#options = options
    this.#resume = rules.resume
    this.#maxBytes = Math.min(rules.maxRowBytes, 2 ** 29)
  }

  get intact(): boolean {
    return this.#clean && this.dropped === 0
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    this.#text += decodeByteString(chunk)
    if (this.#text.length < this.#look) return []
    const pieces = this.#takeStatements()
    this.#look = Math.max(firstLook, 2 * this.#text.length)
    if (this.#text.length > this.#maxBytes) {
      this.#drop(this.#position)
      this.done = true
    }
    return pieces
  }

  end(): readonly Uint8Array[] {
    const pieces = this.#takeStatements()
    // a quote that is missing makes one statement of all that follow
    for (let tries = 0; this.#resume && !this.done && tries < mostResumed; tries++) {
      if (!this.#text.includes('\nINSERT INTO ')) break
      this.#drop(this.#position)
      this.#passOver(0)
      for (const piece of this.#takeStatements()) pieces.push(piece)
    }
    if (!/^\n\n$/.test(this.#text)) this.#clean = false
    this.#text = ''
    return pieces
  }

  #takeStatements(): Uint8Array[] {
    const pieces: Uint8Array[] = []
    while (!this.done && this.#takeRun(pieces)) {
      // after a bad statement quotes may stand differently, so the text is looked at anew
    }
    return pieces
  }

  /** Takes statements up to one that cannot be right; true when there is more to look at behind it. */
  #takeRun(pieces: Uint8Array[]): boolean {
    const text = this.#text
    let from = 0
    this.#expected ??= this.#usualShape()
    for (const statement of splitStatements(text, this.#options)) {
      const { after } = statement
      const isWhole = text.charAt(after - 1) === ';' && after > statement.end && after < text.length
      if (!isWhole) break
      const shape = shapeOf(text, statement, from)
      const piece = encodeByteString(text.slice(from, after + 1))
      if (shape === undefined || !this.#isExpected(shape) || !this.#isValid(piece)) {
        this.#drop(this.#position + from)
        this.done = !this.#resume
        return this.#passOver(from)
      }
      this.rows += shape.rows
      this.bytes += piece.length
      pieces.push(piece)
      from = after + 1
    }
    this.#cut(from)
    return false
  }

  /** Goes on with the next line that begins a statement; false when there is none. */
  #passOver(from: number): boolean {
    const next = this.#text.indexOf('\nINSERT INTO ', from)
    this.#cut(next < 0 ? Math.max(from, this.#text.length - 1) : next + 1)
    return next >= 0
  }

  /** What the first statements look like; of the first one alone it is not sure that it is right. */
  #usualShape(): InsertShape | undefined {
    const shapes: InsertShape[] = []
    let from = 0
    for (const statement of splitStatements(this.#text, this.#options)) {
      if (this.#text.charAt(statement.after - 1) !== ';') break
      const shape = shapeOf(this.#text, statement, from)
      from = statement.after + 1
      if (shape === undefined) continue
      if (shapes.some((other) => isSameShape(shape, other))) return shape
      if (shapes.push(shape) === 3) break
    }
    return shapes[0]
  }

  #isExpected(shape: InsertShape): boolean {
    this.#expected ??= shape
    return isSameShape(shape, this.#expected)
  }

  #isValid(statement: Uint8Array): boolean {
    if (this.#encoding !== undefined) return isValidIn(this.#encoding, statement)
    this.isUtf8 = this.isUtf8 && isValidIn('UTF8', statement)
    return true
  }

  #cut(from: number): void {
    this.#position += from
    this.#text = this.#text.slice(from)
  }

  #drop(offset: number): void {
    this.dropped++
    this.firstBad ??= offset
  }
}

function shapeOf(text: string, statement: Statement, from: number): InsertShape | undefined {
  const { start, after } = statement
  if (start !== from || text.charAt(after) !== '\n' || text.slice(start, after).includes('\0')) return undefined
  return insertShape(text, statement)
}
