import { encodeByteString } from '../bytes/byte-string.ts'
import { decoderFor } from '../toc/encoding.ts'
import { ServerError } from './target.ts'

/**
 * Encodings of one byte a character in which every byte is read here as PostgreSQL reads it, as a test with a server
 * shows; of the others of this kind, TextDecoder's tables differ.
 */
export const convertedEncodings: readonly string[] = (
  'LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 ' +
  'KOI8R KOI8U WIN866 WIN1250 WIN1251 WIN1252 WIN1254 WIN1255 WIN1256 WIN1257 WIN1258'
).split(' ')

/** Bytes in UTF-8 of those in an encoding. @throws ServerError for bytes that are no character, as a server says it */
export type ToUtf8 = (bytes: Uint8Array) => Uint8Array

/** How to convert from an encoding; undefined for one that is not among {@link convertedEncodings}. */
export function converterFrom(encoding: string): ToUtf8 | undefined {
  if (!convertedEncodings.includes(encoding)) return undefined
  const table = Array.from({ length: 256 }, (_, byte) => characterOf(encoding, byte))
  return (bytes) => {
    let length = 0
    for (const byte of bytes) length += byte < 0x80 ? 1 : (table[byte] ?? refuse(encoding, byte)).length
    const converted = new Uint8Array(length)
    let at = 0
    for (const byte of bytes) {
      if (byte < 0x80) converted[at++] = byte
      else {
        const character = table[byte] ?? refuse(encoding, byte)
        converted.set(character, at)
        at += character.length
      }
    }
    return converted
  }
}

/** Undefined for a byte that is no character. */
function characterOf(encoding: string, byte: number): Uint8Array | undefined {
  const text = decoderFor(encoding)(new Uint8Array([byte]))
  // what Windows does not define, is a control character to browsers
  if (text === '\ufffd' || (encoding.startsWith('WIN') && /^[\u0080-\u009f]$/.test(text))) return undefined
  return new TextEncoder().encode(text)
}

function refuse(encoding: string, byte: number): never {
  const sequence = `0x${byte.toString(16).padStart(2, '0')}`
  throw new ServerError(
    `character with byte sequence ${sequence} in encoding "${encoding}" has no equivalent in encoding "UTF8"`,
    { sqlState: '22P05' },
  )
}

const setEncoding = /^SET client_encoding = '([^']*)';\s*$/

/** The encoding that a restore announces with this statement; undefined for any other. */
export function announcedEncoding(sql: Uint8Array): string | undefined {
  return sql.length > 100 ? undefined : setEncoding.exec(String.fromCharCode(...sql))?.[1]
}

export const setUtf8: Uint8Array = encodeByteString("SET client_encoding = 'UTF8';")
