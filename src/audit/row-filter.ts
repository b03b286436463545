import { isNull } from './copy-fields.ts'

/** Rows that a partial index is of: those that a column's text tells by itself, or by several such conditions. */
export type RowFilter =
  | {
      /** The column's place in the rows. */
      readonly place: number
      /** The value as COPY has it; undefined for NULL. */
      readonly value: Uint8Array | undefined
      /** All other rows are meant. */
      readonly negated: boolean
    }
  /** Rows that all, or any, of them mean. */
  | { readonly of: 'all' | 'any'; readonly filters: readonly RowFilter[] }

/** A column as a predicate names it. */
export interface FilterColumn {
  readonly place: number
  /** What its values compare as; undefined where equal ones may have several texts. */
  readonly type: string | undefined
}

type ColumnOf = (written: string) => FilterColumn | undefined

const name = String.raw`("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)`
const integer = String.raw`(?:(\d+)|'(-?\d+)'::(?:smallint|integer|bigint))`
const text = String.raw`'([ -&(-\[\]-~]*)'::(?:text|character varying)`
const ofNull = new RegExp(`^${name} IS (NOT )?NULL$`)
const ofBoolean = new RegExp(`^(NOT )?${name}$|^${name} (=|<>|IS|IS NOT) (TRUE|FALSE)$`, 'i')
const ofInteger = new RegExp(`^${name} (=|<>) ${integer}$`)
const ofText = new RegExp(String.raw`^(?:${name}|\(${name}\)::text) (=|<>) ${text}$`)
const ofList = new RegExp(
  String.raw`^(?:${name}|\(${name}\)::text) = ANY \((?:ARRAY\[(.+)\]|\(ARRAY\[(.+)\]\)::text\[\])\)$`,
)
const oneInteger = new RegExp(String.raw`^(?:${integer}|\(${integer}\)::bigint)$`)
const oneText = new RegExp(String.raw`^(?:${text}|\(${text}\)::text)$`)

/** More conditions than that are those of a stranger. */
const MOST_DEPTH = 16

/**
 * Reads the WHERE of an index, as the server's own deparsing writes it: `(a IS NULL)`, `a`, `(NOT a)`, `(a = 1)`,
 * `(a <> 'x'::text)`, `(a = ANY (ARRAY[1, 2]))`, and several by AND and OR. Undefined for all else, and for types whose
 * NULL or equality the text of a value does not tell (a row of NULLs IS NULL).
 *
 * @param columnOf the column of a name as written
 */
export function rowFilter(where: string, columnOf: ColumnOf): RowFilter | undefined {
  return readFilter(where, columnOf, 0)
}

function readFilter(written: string, columnOf: ColumnOf, depth: number): RowFilter | undefined {
  if (depth > MOST_DEPTH) return undefined
  const where = withoutParentheses(written)
  for (const [word, of] of connectives) {
    const parts = partsBetween(where, word)
    if (parts.length === 1) continue
    const filters: RowFilter[] = []
    for (const part of parts) {
      const filter = readFilter(part, columnOf, depth + 1)
      if (filter === undefined) return undefined
      filters.push(filter)
    }
    return { of, filters }
  }
  return readCondition(where, columnOf)
}

// What is true of all, or any, is what AND and OR say of rows, whatever they make of NULL: only true ones count.
const connectives = [
  [' OR ', 'any'],
  [' AND ', 'all'],
] as const

function readCondition(where: string, columnOf: ColumnOf): RowFilter | undefined {
  const isNullOf = ofNull.exec(where)
  if (isNullOf !== null) {
    const column = columnAt(isNullOf[1], undefined, columnOf)
    return column === undefined ? undefined : { ...column, value: undefined, negated: isNullOf[2] !== undefined }
  }
  const boolean = ofBoolean.exec(where)
  if (boolean !== null) {
    const [, not, alone, tested, operator = '', constant = ''] = boolean
    const column = columnAt(alone ?? tested, 'boolean', columnOf)
    if (column === undefined) return undefined
    if (alone !== undefined) return equals(column, not === undefined ? 't' : 'f')
    const value = constant.charAt(0).toLowerCase()
    if (operator === '<>') return differs(column, value)
    return { ...column, value: encode(value), negated: /not/i.test(operator) }
  }
  const number = ofInteger.exec(where)
  if (number !== null) {
    const column = columnAt(number[1], 'integer', columnOf)
    return column && compared(column, number[2], String(BigInt(number[3] ?? number[4] ?? '')))
  }
  const string = ofText.exec(where)
  if (string !== null) {
    const column = columnAt(string[1] ?? string[2], 'text', columnOf)
    return column && compared(column, string[3], string[4] ?? '')
  }
  return readList(where, columnOf)
}

/** `a = ANY (ARRAY[1, 2])`, and of texts. */
function readList(where: string, columnOf: ColumnOf): RowFilter | undefined {
  const [, written, asText, plain, cast] = ofList.exec(where) ?? []
  const column = written === undefined && asText === undefined ? undefined : columnOf(written ?? asText ?? '')
  if (column?.type !== 'integer' && column?.type !== 'text') return undefined
  const isInteger = column.type === 'integer'
  const filters: RowFilter[] = []
  for (const part of partsBetween(plain ?? cast ?? '', ', ')) {
    const found = (isInteger ? oneInteger : oneText)
      .exec(part)
      ?.slice(1)
      .find((value) => value !== undefined)
    if (found === undefined) return undefined
    filters.push(equals({ place: column.place }, isInteger ? String(BigInt(found)) : found))
  }
  return { of: 'any', filters }
}

type Place = { readonly place: number }

function columnAt(written: string | undefined, type: string | undefined, columnOf: ColumnOf): Place | undefined {
  const column = written === undefined ? undefined : columnOf(written)
  if (column?.type === undefined || (type !== undefined && column.type !== type)) return undefined
  return { place: column.place }
}

const encode = (value: string): Uint8Array => new TextEncoder().encode(value)

function compared(column: Place, operator: string | undefined, value: string): RowFilter {
  return operator === '=' ? equals(column, value) : differs(column, value)
}

function equals(column: Place, value: string): RowFilter {
  return { ...column, value: encode(value), negated: false }
}

/** What is NULL does not differ from anything. */
function differs({ place }: Place, value: string): RowFilter {
  const isOther = { place, value: encode(value), negated: true }
  return { of: 'all', filters: [isOther, { place, value: undefined, negated: true }] }
}

/** Takes off the parentheses that are around all of it. */
function withoutParentheses(where: string): string {
  let inner = where
  while (inner.startsWith('(') && closingOf(inner) === inner.length - 1) inner = inner.slice(1, -1)
  return inner
}

function closingOf(where: string): number {
  let depth = 0
  for (let at = 0; at < where.length; at = next(where, at)) {
    if (where[at] === '(') depth++
    else if (where[at] === ')' && --depth === 0) return at
  }
  return -1
}

/** What is between the places where a word stands outside of parentheses, brackets and quotes. */
function partsBetween(where: string, word: string): readonly string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < where.length; at = next(where, at)) {
    const char = where.charAt(at)
    if (char === '(' || char === '[') depth++
    else if (char === ')' || char === ']') depth--
    else if (depth === 0 && where.startsWith(word, at)) {
      parts.push(where.slice(from, at))
      from = at + word.length
      at = from - 1
    }
  }
  parts.push(where.slice(from))
  return parts
}

/** The place after a character, or after all of what it begins in quotes: within these they are doubled. */
function next(where: string, at: number): number {
  const quote = where[at]
  if (quote !== "'" && quote !== '"') return at + 1
  const end = where.indexOf(quote, at + 1)
  return end === -1 ? where.length : end + 1
}

/** Whether a row is one of those. */
export function isChosen(filter: RowFilter, bytes: Uint8Array, starts: Int32Array, ends: Int32Array): boolean {
  if ('of' in filter) {
    const stops = filter.of === 'any'
    for (const one of filter.filters) if (isChosen(one, bytes, starts, ends) === stops) return stops
    return !stops
  }
  const { place, value, negated } = filter
  const start = starts[place] ?? 0
  const end = ends[place] ?? 0
  if (value === undefined) return isNull(bytes, start, end) !== negated
  let isSame = end - start === value.length
  for (let at = 0; isSame && at < value.length; at++) isSame = bytes[start + at] === value[at]
  return isSame !== negated
}
