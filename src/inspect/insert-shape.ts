import type { Token } from '../sql/lexer.ts'
import type { Statement } from '../sql/split-statements.ts'

/** What all INSERT statements of a table that pg_dump writes have in common (dumpTableData_insert, pg_dump.c). */
export interface InsertShape {
  /** Everything up to VALUES. */
  readonly head: string
  /** Values of each row. */
  readonly fields: number
  /** Rows of the statement. */
  readonly rows: number
  /** Everything behind the rows: nothing, or ON CONFLICT DO NOTHING. */
  readonly tail: string
}

/** Words that pg_dump writes as values. */
const wordValues: ReadonlySet<string> = new Set(['NULL', 'DEFAULT', 'true', 'false'])

/** Looks closely at a statement of a text; undefined for one that pg_dump does not write. */
export function insertShape(text: string, { tokens }: Statement): InsertShape | undefined {
  const word = (index: number): string => text.slice(tokens[index]?.start ?? 0, tokens[index]?.end ?? 0)
  const [first] = tokens
  const values = tokens.findIndex(({ kind, start, end }) => kind === 'word' && text.slice(start, end) === 'VALUES')
  const last = tokens[values]
  if (first === undefined || last === undefined || word(0) !== 'INSERT' || word(1) !== 'INTO') return undefined
  if (!onlySpaceBetween(text, tokens)) return undefined
  const head = text.slice(first.start, last.end)
  const list = word(values - 1) === 'DEFAULT' ? { next: values + 1, fields: 0, rows: 1 } : rowList(text, tokens, values)
  if (list === undefined) return undefined
  const { next, fields, rows } = list
  const tail = tokens
    .slice(next)
    .map(({ start, end }) => text.slice(start, end))
    .join(' ')
  return tail === '' || tail === 'ON CONFLICT DO NOTHING' ? { head, fields, rows, tail } : undefined
}

/** Whether two statements are of the same table: of a statement that is damaged something differs. */
export function isSameShape(one: InsertShape, other: InsertShape): boolean {
  return one.head === other.head && one.fields === other.fields && one.tail === other.tail
}

/** The rows behind the word VALUES: (value, value), (value, value). */
function rowList(
  text: string,
  tokens: readonly Token[],
  values: number,
): { readonly next: number; readonly fields: number; readonly rows: number } | undefined {
  const char = (index: number): string => {
    const token = tokens[index]
    return token?.kind === 'symbol' ? text.charAt(token.start) : ''
  }
  let fields: number | undefined
  let rows = 0
  let at = values
  do {
    if (char(++at) !== '(') return undefined
    let count = 0
    do {
      const length = valueLength(text, tokens, at + 1)
      if (length === 0) return undefined
      at += length + 1
      count++
    } while (char(at) === ',')
    if (char(at) !== ')' || count !== (fields ?? count)) return undefined
    fields = count
    rows++
    at++
  } while (char(at) === ',')
  return { next: at, fields, rows }
}

/** Tokens of the value at an index; 0 when there is none. */
function valueLength(text: string, tokens: readonly Token[], at: number): number {
  const token = tokens[at]
  if (token === undefined) return 0
  const { kind, start, end } = token
  if (kind === 'string' || kind === 'number') return 1
  if (kind === 'word') return wordValues.has(text.slice(start, end)) ? 1 : 0
  const isSign = kind === 'operator' && /^[+-]$/.test(text.slice(start, end))
  return isSign && tokens[at + 1]?.kind === 'number' ? 2 : 0
}

/** Nothing but blanks lies between tokens: no comment that hides a part. */
function onlySpaceBetween(text: string, tokens: readonly Token[]): boolean {
  for (let index = 1; index < tokens.length; index++) {
    for (let at = tokens[index - 1]?.end ?? 0; at < (tokens[index]?.start ?? 0); at++) {
      const code = text.charCodeAt(at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x09) return false
    }
  }
  return true
}
