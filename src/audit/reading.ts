import { encodeByteString, isAscii } from '../bytes/byte-string.ts'
import { compatRules } from '../sql/compat.ts'
import { fmtId, quoteRules } from '../sql/quote.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import type { StatementRules } from './statement.ts'
import type { DefinitionStatement, QualifiedName } from './types.ts'

/** How the definitions of one archive are read: its encoding, its string constants. */
export interface Reading extends StatementRules {
  /** A byte string as text. */
  decode(text: string): string
  /** Names as in SQL, joined by dots. */
  quoteNames(...names: readonly string[]): string
}

/** How the definitions of an archive are to be read. */
export function readingOf({ settings }: ArchiveView): Reading {
  const { encoding, stdStrings } = settings
  const decodeBytes = decoderFor(encoding)
  const quote = quoteRules(compatRules(), encoding, stdStrings)
  // of decoded names there is nothing to find out about bytes
  const plain = { ...quote, replacesInvalidCharacters: false }
  // of many names in a row the schema is the same (bench case audit)
  let last = ''
  let lastQuoted = fmtId(plain, last)
  return {
    lexer: { encoding, stdStrings },
    quote,
    decode: (text) => (isAscii(text) ? text : decodeBytes(encodeByteString(text))),
    quoteNames(first = '', ...others) {
      if (first !== last) {
        lastQuoted = fmtId(plain, first)
        last = first
      }
      let text = lastQuoted
      for (const name of others) text += `.${fmtId(plain, name)}`
      return text
    },
  }
}

/** A name found in a statement, and the place after it. */
export interface NameAt extends QualifiedName {
  readonly next: number
}

/** `name`, `schema.name` or `database.schema.name`; a name without a schema is in that of the entry. */
export function qualifiedName(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  entry: TocEntry,
): NameAt | undefined {
  const parts: string[] = []
  let at = from
  for (;;) {
    const part = statement.name(at)
    if (part === undefined) break
    parts.push(reading.decode(part))
    at++
    if (statement.mark(at) !== '.') break
    at++
  }
  const name = parts.at(-1)
  if (name === undefined) return undefined
  return { name, schema: parts.at(-2) ?? entry.namespace ?? '', next: at }
}

/** Names separated by commas, each with a schema or not. */
export function qualifiedNames(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  entry: TocEntry,
): { readonly names: readonly QualifiedName[]; readonly next: number } {
  const names: QualifiedName[] = []
  let at = from
  for (;;) {
    const found = qualifiedName(reading, statement, at, entry)
    if (found === undefined) break
    names.push({ schema: found.schema, name: found.name })
    at = found.next
    if (statement.mark(at) !== ',') break
    at++
  }
  return { names, next: at }
}

/** The place of the parenthesis that closes the one at `open`; the end of the statement where there is none. */
export function closing(statement: DefinitionStatement, open: number): number {
  const depth = statement.depth(open)
  for (let at = open + 1; at < statement.length; at++) {
    if (statement.depth(at) === depth && statement.mark(at) === ')') return at
  }
  return statement.length
}

/** The elements of the list in parentheses at `open`, as places [from, to); commas in brackets are within elements. */
export function listElements(
  statement: DefinitionStatement,
  open: number,
): { readonly elements: readonly (readonly [number, number])[]; readonly next: number } {
  const close = closing(statement, open)
  const inside = statement.depth(open) + 1
  const elements: [number, number][] = []
  let from = open + 1
  let brackets = 0
  for (let at = from; at < close; at++) {
    const mark = statement.mark(at)
    if (mark === '[') brackets++
    else if (mark === ']') brackets--
    else if (mark === ',' && brackets <= 0 && statement.depth(at) === inside) {
      elements.push([from, at])
      from = at + 1
    }
  }
  if (from < close) elements.push([from, close])
  return { elements, next: close + 1 }
}

/** The names of a list in parentheses: of each element the first token, if it is a name. */
export function namesInList(
  reading: Reading,
  statement: DefinitionStatement,
  open: number,
): { readonly names: readonly string[]; readonly next: number } {
  const { elements, next } = listElements(statement, open)
  const names = elements.flatMap(([from, to]) => {
    // PERIOD is a word of temporal foreign keys, and may also be the name of a column
    const period = to - from === 2 && statement.word(from) === 'period'
    const name = statement.name(period ? from + 1 : from)
    return name === undefined ? [] : [reading.decode(name)]
  })
  return { names, next }
}

/** `(a = 1, b = 'x', c)` of WITH: names in lower case as written, values without quotes. */
export function optionsInList(
  reading: Reading,
  statement: DefinitionStatement,
  open: number,
): { readonly options: ReadonlyMap<string, string>; readonly next: number } {
  const { elements, next } = listElements(statement, open)
  const options = new Map<string, string>()
  for (const [from, to] of elements) {
    const name = statement.name(from)
    if (name === undefined) continue
    const value = statement.mark(from + 1) === '=' ? from + 2 : from + 1
    options.set(
      reading.decode(name),
      value >= to ? '' : reading.decode(statement.literal(value) ?? statement.source(value, to)),
    )
  }
  return { options, next }
}
