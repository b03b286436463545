import { unsafe } from './text.ts'

const quotes = /"(?:[^"]|"")*"|'(?:[^']|'')*'/g

/**
 * SQL of names, constants and nothing else in quotes, as a script has it that somebody may show on a terminal: what is
 * quoted and has characters that control, hide or reorder gives these by number (`U&"a\000Ab"`), so that the server makes
 * the same of it. Needs standard_conforming_strings; where the server's encoding is SQL_ASCII, or is not UTF8 before 13,
 * it refuses numbers above 007F.
 */
export function scriptText(sql: string): string {
  return sql.replaceAll(quotes, (quoted) => {
    if (!unsafe.test(quoted)) return quoted
    return `U&${quoted.replaceAll('\\', String.raw`\\`).replaceAll(everyUnsafe, byNumber)}`
  })
}

const everyUnsafe = new RegExp(unsafe, 'gu')

function byNumber(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase()
  return code.length <= 4 ? `\\${code.padStart(4, '0')}` : `\\+${code.padStart(6, '0')}`
}
