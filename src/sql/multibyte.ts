/**
 * How the characters of PostgreSQL's multibyte encodings are told apart (wchar.c: the mblen and verifychar functions).
 * Encodings that are not listed have one byte a character and no invalid bytes.
 */

/** Length of the character that starts with byte `first`; `second` is the byte after it, NaN at the end. */
type CharLength = (first: number, second: number) => number

/** Whether `length` bytes at `at` are one valid character; all of them are there. */
type IsValidChar = (text: string, at: number, length: number) => boolean

interface MultibyteEncoding {
  readonly charLength: CharLength
  readonly isValidChar: IsValidChar
}

const SS2 = 0x8e
const SS3 = 0x8f

const between = (value: number, low: number, high: number): boolean => value >= low && value <= high

/** Whether bytes from `from` to the end of the character are all in the range of EUC's code sets. */
function eucBytes(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!between(text.charCodeAt(at), 0xa1, 0xfe)) return false
  return true
}

const eucLength =
  (ofSS2: number): CharLength =>
  (first) =>
    first === SS2 ? ofSS2 : first === SS3 ? 3 : first >= 0x80 ? 2 : 1

const eucJp: MultibyteEncoding = {
  charLength: eucLength(2),
  isValidChar(text, at, length) {
    const first = text.charCodeAt(at)
    if (first === SS2) return between(text.charCodeAt(at + 1), 0xa1, 0xdf)
    return eucBytes(text, first === SS3 ? at + 1 : at, at + length)
  },
}

/** EUC_KR verifies two bytes of every character, SS2 and SS3 being out of range. */
const eucKr: MultibyteEncoding = {
  charLength: eucLength(2),
  isValidChar: (text, at) => eucBytes(text, at, at + 2),
}

const eucCn: MultibyteEncoding = { charLength: eucLength(3), isValidChar: eucKr.isValidChar }

const eucTw: MultibyteEncoding = {
  charLength: eucLength(4),
  isValidChar(text, at, length) {
    const first = text.charCodeAt(at)
    if (first === SS3) return false
    if (first !== SS2) return eucBytes(text, at + 1, at + length)
    return between(text.charCodeAt(at + 1), 0xa1, 0xa7) && eucBytes(text, at + 2, at + length)
  },
}

const johab: MultibyteEncoding = {
  charLength: eucLength(2),
  isValidChar: (text, at, length) => eucBytes(text, at + 1, at + length),
}

const utf8: MultibyteEncoding = {
  charLength(first) {
    if (between(first, 0xc0, 0xdf)) return 2
    if (between(first, 0xe0, 0xef)) return 3
    return between(first, 0xf0, 0xf7) ? 4 : 1
  },
  // RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF
  isValidChar(text, at, length) {
    const first = text.charCodeAt(at)
    if (length === 1 || first < 0xc2 || first > 0xf4) return false
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (!between(text.charCodeAt(at + 1), low, high)) return false
    for (let next = at + 2; next < at + length; next++) {
      if (!between(text.charCodeAt(next), 0x80, 0xbf)) return false
    }
    return true
  },
}

const mule: MultibyteEncoding = {
  charLength(first) {
    if (between(first, 0x81, 0x8d)) return 2
    if (between(first, 0x90, 0x99) || first === 0x9a || first === 0x9b) return 3
    return first === 0x9c || first === 0x9d ? 4 : 1
  },
  isValidChar(text, at, length) {
    for (let next = at + 1; next < at + length; next++) if (text.charCodeAt(next) < 0x80) return false
    return true
  },
}

const sjis: MultibyteEncoding = {
  charLength: (first) => (first >= 0x80 && !between(first, 0xa1, 0xdf) ? 2 : 1),
  isValidChar(text, at, length) {
    if (length === 1) return true
    const first = text.charCodeAt(at)
    const second = text.charCodeAt(at + 1)
    return (
      (between(first, 0x81, 0x9f) || between(first, 0xe0, 0xfc)) &&
      (between(second, 0x40, 0x7e) || between(second, 0x80, 0xfc))
    )
  },
}

/** BIG5, GBK and UHC take any two bytes but the one pair that stands for "invalid". */
const twoBytes: MultibyteEncoding = {
  charLength: (first) => (first >= 0x80 ? 2 : 1),
  isValidChar: (text, at) => !text.startsWith(invalidSequence('GBK'), at) && text.charCodeAt(at + 1) !== 0,
}

const gb18030: MultibyteEncoding = {
  charLength: (first, second) => (first < 0x80 ? 1 : between(second, 0x30, 0x39) ? 4 : 2),
  isValidChar(text, at, length) {
    const second = text.charCodeAt(at + 1)
    if (!between(text.charCodeAt(at), 0x81, 0xfe)) return false
    if (length === 2) return between(second, 0x40, 0x7e) || between(second, 0x80, 0xfe)
    return between(text.charCodeAt(at + 2), 0x81, 0xfe) && between(text.charCodeAt(at + 3), 0x30, 0x39)
  },
}

const encodings: ReadonlyMap<string, MultibyteEncoding> = new Map([
  ['EUC_JP', eucJp],
  ['EUC_JIS_2004', eucJp],
  ['EUC_CN', eucCn],
  ['EUC_KR', eucKr],
  ['EUC_TW', eucTw],
  ['JOHAB', johab],
  ['UTF8', utf8],
  ['MULE_INTERNAL', mule],
  ['SJIS', sjis],
  ['SHIFT_JIS_2004', sjis],
  ['BIG5', twoBytes],
  ['GBK', twoBytes],
  ['UHC', twoBytes],
  ['GB18030', gb18030],
])

/**
 * Number of bytes of the character at `at`, by its first bytes alone: it may be more than are left
 * (pg_encoding_mblen, wchar.c).
 */
export function charLength(encoding: string, text: string, at: number): number {
  return encodings.get(encoding)?.charLength(text.charCodeAt(at), text.charCodeAt(at + 1)) ?? 1
}

/** The same by the first two bytes; undefined for encodings with one byte a character. */
export function charLengthOf(encoding: string): ((first: number, second: number) => number) | undefined {
  return encodings.get(encoding)?.charLength
}

/** Whether the `length` bytes at `at` are a character of the encoding (pg_encoding_verifymbchar, wchar.c). */
export function isValidChar(encoding: string, text: string, at: number, length: number): boolean {
  if (at + length > text.length) return false
  return encodings.get(encoding)?.isValidChar(text, at, length) ?? true
}

/** Two bytes that no server takes for a character of the encoding (pg_encoding_set_invalid, wchar.c). */
export function invalidSequence(encoding: string): string {
  return encoding === 'UTF8' ? '\u00c0 ' : '\u008d '
}
