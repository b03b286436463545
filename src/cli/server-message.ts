import type { ServerError } from '../index.ts'

/** Columns of a statement that are shown, and of those how many right of the place at least (fe-protocol3.c). */
const DISPLAY_SIZE = 60
const MIN_RIGHT_CUT = 10

/**
 * A server's message as libpq composes it, with a line feed at its end (pqBuildErrorMessage3, fe-protocol3.c).
 * @param statement what was sent
 */
export function serverMessage(error: ServerError, statement: string | undefined): string {
  const { severity, message, detail, hint, context, position, internalQuery, internalPosition } = error
  let text = `${severity}:  ${message}`
  const query = internalPosition === undefined ? statement : internalQuery
  const place = internalPosition ?? position
  if (place === undefined) text += '\n'
  else if (query === undefined) text += ` at character ${place}\n`
  else text += `\n${lineOf(query, place)}`
  if (detail !== undefined) text += `DETAIL:  ${detail}\n`
  if (hint !== undefined) text += `HINT:  ${hint}\n`
  if (internalQuery !== undefined) text += `QUERY:  ${internalQuery}\n`
  if (context !== undefined) text += `CONTEXT:  ${context}\n`
  return text
}

/** The line of a statement with a mark below the place (reportErrorPosition, fe-protocol3.c). */
function lineOf(query: string, position: number): string {
  const characters = Array.from(query.replaceAll('\t', ' '))
  const place = position - 1
  if (place < 0 || place > characters.length) return ''
  let line = 1
  let begin = 0
  let end = characters.length
  for (const [at, character] of characters.entries()) {
    if (character !== '\n' && character !== '\r') continue
    if (at >= place) {
      end = at
      break
    }
    if (character === '\r' || characters[at - 1] !== '\r') line++
    begin = at + 1
  }
  let [cutLeft, cutRight] = ['', '']
  if (end - begin > DISPLAY_SIZE) {
    if (begin + DISPLAY_SIZE >= place + MIN_RIGHT_CUT) {
      end = begin + DISPLAY_SIZE
      cutRight = '...'
    } else {
      if (place + MIN_RIGHT_CUT < end) {
        end = place + MIN_RIGHT_CUT
        cutRight = '...'
      }
      if (end - begin > DISPLAY_SIZE) {
        begin = end - DISPLAY_SIZE
        cutLeft = '...'
      }
    }
  }
  const prefix = `LINE ${line}: ${cutLeft}`
  const shown = characters.slice(begin, end).join('')
  return `${prefix}${shown}${cutRight}\n${' '.repeat(prefix.length + place - begin)}^\n`
}
