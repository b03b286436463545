import type { RestoreFailure, TocEntry } from '../index.ts'
import { printable } from './layout.ts'

/** Characters of a statement that are shown, and of those how many left of where the server found fault. */
const SHOWN = 100
const SHOWN_BEFORE = 60

/**
 * A failed statement for people: entry, the server's message and SQLSTATE; below it where the statement is at fault, or
 * its beginning, and what else the server said.
 */
export function failureLines({ entry, complaint, statement, error }: RestoreFailure): string {
  const { sqlState, message, detail, hint, context, position } = error
  const label = entry === undefined ? complaint : entryName(entry)
  const rest: readonly (readonly [string, string | undefined])[] = [
    ['SQL', statement === undefined ? undefined : excerpt(statement, position)],
    ['DETAIL', detail],
    ['HINT', hint],
    ['CONTEXT', context],
  ]
  const lines = rest.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name}: ${oneLine(text)}`]))
  return `${[`pgdmp: ${printable(`${label}: ${message}`)} [${printable(sqlState)}]`, ...lines].join('\n')}\n`
}

/** An entry with its schema: `TABLE app.t`. */
export function entryName({ desc, namespace, tag }: TocEntry): string {
  return `${desc} ${namespace ? `${namespace}.` : ''}${tag ?? ''}`.trimEnd()
}

/** The beginning of a statement, or what is around a character of it, counted from 1. */
function excerpt(statement: string, position = 1): string {
  const place = offsetOf(statement, position - 1)
  const isNear = place < SHOWN - 10
  const begin = isNear ? 0 : offsetOf(statement, position - 1 - SHOWN_BEFORE)
  // what is left of it when blanks are taken together is not known yet
  const text = oneLine(statement.slice(begin, begin + 4 * SHOWN))
  const characters = Array.from(text)
  const isWhole = characters.length <= SHOWN && begin + 4 * SHOWN >= statement.length
  return `${isNear ? '' : '…'}${characters.slice(0, SHOWN).join('')}${isWhole ? '' : '…'}`
}

/** Where the character of a number stands, of which some take two places. */
function offsetOf(text: string, number: number): number {
  let offset = 0
  for (let at = 0; at < number && offset < text.length; at++) offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1
  return offset
}

function oneLine(text: string): string {
  return printable(text.trim().replaceAll(/\s+/g, ' '))
}
