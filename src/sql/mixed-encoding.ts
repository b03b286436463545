import { charLength } from './multibyte.ts'

/**
 * Encodings of clients in which a later byte of a character may be below 128, by the names that a server takes for them,
 * which it compares without case and punctuation (pg_encname_tbl, encnames.c).
 */
const mixedEncodings: ReadonlyMap<string, string> = new Map([
  ['sjis', 'SJIS'],
  ['shiftjis', 'SJIS'],
  ['mskanji', 'SJIS'],
  ['win932', 'SJIS'],
  ['windows932', 'SJIS'],
  ['shiftjis2004', 'SHIFT_JIS_2004'],
  ['big5', 'BIG5'],
  ['win950', 'BIG5'],
  ['windows950', 'BIG5'],
  ['gbk', 'GBK'],
  ['win936', 'GBK'],
  ['windows936', 'GBK'],
  ['uhc', 'UHC'],
  ['win949', 'UHC'],
  ['windows949', 'UHC'],
  ['gb18030', 'GB18030'],
  ['johab', 'JOHAB'],
])

/** PostgreSQL's own name of an encoding in which what looks like ASCII may be part of a character; undefined for all others. */
export function mixedEncoding(name: string): string | undefined {
  return mixedEncodings.get(name.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase())
}

/**
 * Makes of the later bytes of every character bytes that mean nothing, as psql does before it looks for quotes
 * (psql_scan_setup, psqlscan.l). Takes a text in pieces; a character ends where its line does.
 */
export class LaterBytes {
  readonly #encoding: string
  #carry = ''

  /** @param encoding as {@link mixedEncoding} gives it */
  constructor(encoding: string) {
    this.#encoding = encoding
  }

  /** The next piece as far as its characters are whole; as many bytes as came in. */
  hide(piece: string): string {
    const text = this.#carry + piece
    this.#carry = ''
    const parts: string[] = []
    let from = 0
    for (let at = 0; at < text.length;) {
      if (text.charCodeAt(at) < 0x80) {
        at++
        continue
      }
      // GB18030 tells the length by the second byte
      const length = at + 1 < text.length ? charLength(this.#encoding, text, at) : 2
      const feed = text.slice(at, at + length).indexOf('\n')
      if (feed === -1 && at + length > text.length) {
        this.#carry = text.slice(at)
        parts.push(text.slice(from, at))
        return parts.join('')
      }
      const end = at + (feed === -1 ? length : feed)
      parts.push(text.slice(from, at + 1), '\u00ff'.repeat(end - at - 1))
      from = end
      at = end
    }
    parts.push(text.slice(from))
    return parts.join('')
  }

  /** What was kept back at the end of the text. */
  end(): string {
    const rest = '\u00ff'.repeat(this.#carry.length)
    this.#carry = ''
    return rest
  }
}
