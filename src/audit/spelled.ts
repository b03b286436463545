import { utf8ToByteString } from '../bytes/byte-string.ts'
import type { LexerOptions, Token } from '../sql/lexer.ts'
import { simpleEscapes } from '../sql/literal.ts'

/** Whether a text may have names or constants that are spelled by the numbers of characters; most have none. */
export const mayBeSpelled: RegExp = /u&["']|\\[0-7xu]/i

/**
 * Whether a token gives characters by their numbers (`U&"\0061"`, `U&'\0061'`, `E'\x61'`), which no pg_dump does: what it
 * says is not what can be read there.
 */
export function isSpelled(text: string, token: Token, { stdStrings = true }: LexerOptions): boolean {
  const source = text.slice(token.start, token.end)
  if (token.kind === 'name') return /^u&/i.test(source)
  if (token.kind !== 'string') return false
  if (/^u&/i.test(source)) return true
  if (!takesEscapes(source, stdStrings)) return false
  for (let at = source.indexOf('\\'); at !== -1; at = source.indexOf('\\', at + 2)) {
    if (/[0-7xu]/i.test(source.charAt(at + 1))) return true
  }
  return false
}

function takesEscapes(source: string, stdStrings: boolean): boolean {
  return /^e'/i.test(source) || (!stdStrings && /^n?'/i.test(source))
}

/** The character after UESCAPE, where two tokens on it is one: it replaces the backslash. */
function escapeAfter(text: string, tokens: readonly Token[], at: number): string {
  const [word, mark] = [tokens[at + 1], tokens[at + 2]]
  if (word?.kind !== 'word' || mark?.kind !== 'string') return '\\'
  if (text.slice(word.start, word.end).toLowerCase() !== 'uescape') return '\\'
  return text.charAt(mark.start + 1)
}

/** What `U&"d\0061t"` stands for, as a byte string in UTF-8; undefined for another token. */
export function spelledName(text: string, tokens: readonly Token[], at: number): string | undefined {
  const token = tokens[at]
  if (token?.kind !== 'name' || !/^u$/i.test(text.charAt(token.start))) return undefined
  const written = text.slice(token.start + 3, token.closed ? token.end - 1 : token.end).replaceAll('""', '"')
  return unicode(written, escapeAfter(text, tokens, at))
}

/** What a string constant holds, as a byte string, escapes by number and all. */
export function stringContent(
  text: string,
  tokens: readonly Token[],
  at: number,
  { stdStrings = true }: LexerOptions,
): string {
  const token = tokens[at]
  if (token === undefined) return ''
  const source = text.slice(token.start, token.end)
  if (source.startsWith('$')) {
    const tag = source.slice(0, source.indexOf('$', 1) + 1)
    return source.slice(tag.length, token.closed ? -tag.length : undefined)
  }
  const inner = source.slice(source.indexOf("'") + 1, token.closed ? -1 : undefined)
  const takes = takesEscapes(source, stdStrings)
  if (!takes) {
    const plain = inner.replaceAll("''", "'")
    return /^u&/i.test(source) ? unicode(plain, escapeAfter(text, tokens, at)) : plain
  }
  return inner.replaceAll(escape, (all, octal?: string, hex?: string, short?: string, long?: string) => {
    if (all === "''") return "'"
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    const code = short ?? long
    if (code !== undefined) return character(code)
    return simpleEscapes[all.charAt(1)] ?? all.slice(1)
  })
}

const escape = /''|\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[^])/g

function character(code: string): string {
  const point = Number.parseInt(code, 16)
  return point > 0x10_ffff ? '' : utf8ToByteString(String.fromCodePoint(point))
}

function unicode(written: string, mark: string): string {
  if (!written.includes(mark) || mark === '') return written
  let text = ''
  for (let at = 0; at < written.length;) {
    const rest = written.slice(at, at + 8)
    const [all = '', short, long] = rest.startsWith(mark)
      ? (/^.(?:([0-9a-f]{4})|\+([0-9a-f]{6}))/is.exec(rest) ?? [])
      : []
    const code = short ?? long
    const isDoubled = rest.startsWith(mark + mark)
    text += code === undefined ? (isDoubled ? mark : rest.charAt(0)) : character(code)
    at += code === undefined ? (isDoubled ? 2 : 1) : all.length
  }
  return text
}
