import { isNull } from './copy-fields.ts'

/** Rows that a partial index is of, where one column alone says which. */
export interface RowFilter {
  /** The column's place in the rows. */
  readonly place: number
  /** The value as COPY has it; undefined for NULL. */
  readonly value: Uint8Array | undefined
  /** All other rows are meant. */
  readonly negated: boolean
}

/** A column as a predicate names it. */
export interface FilterColumn {
  readonly place: number
  /** What its values compare as; undefined where equal ones may have several texts. */
  readonly type: string | undefined
}

const name = String.raw`("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)`
const ofNull = new RegExp(`^${name} IS (NOT )?NULL$`)
const ofBoolean = new RegExp(`^(NOT )?${name}$|^${name} (=|IS|IS NOT) (TRUE|FALSE)$`, 'i')
const ofInteger = new RegExp(`^${name} = (?:(\\d+)|'(-?\\d+)'::(?:smallint|integer|bigint))$`)
const ofText = new RegExp(String.raw`^(?:${name}|\(${name}\)::text) = '([ -&(-\[\]-~]*)'::text$`)

/**
 * Reads the WHERE of an index, as the server's own deparsing writes it: `(a IS NULL)`, `a`, `(NOT a)`, `(a = 1)`,
 * `(a = 'x'::text)`. Undefined for all else, and for types whose NULL or equality the text of a value does not tell (a
 * row of NULLs IS NULL).
 *
 * @param columnOf the column of a name as written
 */
export function rowFilter(
  where: string,
  columnOf: (written: string) => FilterColumn | undefined,
): RowFilter | undefined {
  const text = /^\((.*)\)$/s.exec(where)?.[1] ?? where
  const filter = (
    written: string | undefined,
    types: readonly string[] | undefined,
    value: string | undefined,
    negated: boolean,
  ): RowFilter | undefined => {
    const column = written === undefined ? undefined : columnOf(written)
    if (column?.type === undefined || (types !== undefined && !types.includes(column.type))) return undefined
    return { place: column.place, value: value === undefined ? undefined : new TextEncoder().encode(value), negated }
  }
  const isNullOf = ofNull.exec(text)
  if (isNullOf !== null) return filter(isNullOf[1], undefined, undefined, isNullOf[2] !== undefined)
  const boolean = ofBoolean.exec(text)
  if (boolean !== null) {
    const [, not, alone, compared, operator = '', constant = ''] = boolean
    if (alone !== undefined) return filter(alone, ['boolean'], not === undefined ? 't' : 'f', false)
    return filter(compared, ['boolean'], constant.charAt(0).toLowerCase(), /not/i.test(operator))
  }
  const integer = ofInteger.exec(text)
  if (integer !== null) return filter(integer[1], ['integer'], String(BigInt(integer[2] ?? integer[3] ?? '')), false)
  const constant = ofText.exec(text)
  return constant === null ? undefined : filter(constant[1] ?? constant[2], ['text'], constant[3], false)
}

/** Whether a row is one of those. */
export function isChosen(
  { place, value, negated }: RowFilter,
  bytes: Uint8Array,
  starts: Int32Array,
  ends: Int32Array,
): boolean {
  const start = starts[place] ?? 0
  const end = ends[place] ?? 0
  if (value === undefined) return isNull(bytes, start, end) !== negated
  let isSame = end - start === value.length
  for (let at = 0; isSame && at < value.length; at++) isSame = bytes[start + at] === value[at]
  return isSame !== negated
}
