import { decodeByteString, encodeByteString, isAscii, utf8ToByteString } from '../bytes/byte-string.ts'
import { decoderFor, type Decode } from './encoding.ts'

/** Text in an encoding of PostgreSQL, as a byte string; undefined for what it cannot say, or may not be able to. */
export type Encode = (text: string) => string | undefined

/**
 * The inverse of `decoderFor`: what it shows of the bytes is the text again. SQL_ASCII takes UTF-8, as it would come
 * from a client; encodings that no TextDecoder knows (EUC_TW, MULE_INTERNAL, JOHAB) take ASCII, and what their decoder
 * shows.
 */
export function encoderFor(encoding: string): Encode {
  const decode = decoderFor(encoding)
  return (text) => {
    if (isAscii(text)) return text
    let bytes: string | undefined
    if (encoding === 'UTF8' || encoding === 'SQL_ASCII') bytes = utf8ToByteString(text)
    else {
      const characters = charactersIn(encoding, decode)
      bytes = joined([...text].map((character) => (isAscii(character) ? character : characters.get(character))))
    }
    return bytes !== undefined && decode(encodeByteString(bytes)) === text ? bytes : undefined
  }
}

function joined(pieces: readonly (string | undefined)[]): string | undefined {
  return pieces.includes(undefined) ? undefined : pieces.join('')
}

/** The byte sequences that a multibyte encoding may use for one character: ranges of each byte. */
const shapes: readonly (readonly (readonly [number, number])[])[] = [
  [[0x80, 0xff]],
  [
    [0x80, 0xff],
    [0x30, 0xff],
  ],
  // code set 3 of the EUC encodings
  [
    [0x8f, 0x8f],
    [0xa1, 0xfe],
    [0xa1, 0xfe],
  ],
]

/** The characters of encodings that have been asked for: each takes longer to find than most archives to read. */
const known = new Map<string, ReadonlyMap<string, string>>()

function charactersIn(encoding: string, decode: Decode): ReadonlyMap<string, string> {
  const characters = known.get(encoding) ?? charactersOf(decode)
  known.set(encoding, characters)
  return characters
}

/** Every character that some one to three bytes stand for, with the first such bytes. */
function charactersOf(decode: Decode): ReadonlyMap<string, string> {
  const characters = new Map<string, string>()
  for (const shape of shapes) {
    for (const bytes of sequences(shape)) {
      const text = decode(bytes)
      const [character] = text
      if (character === undefined || character.length !== text.length) continue
      if (isAscii(character) || character === '\uFFFD' || characters.has(character)) continue
      characters.set(character, decodeByteString(bytes))
    }
  }
  return characters
}

function* sequences(shape: readonly (readonly [number, number])[]): Generator<Uint8Array, void, void> {
  const bytes = Uint8Array.from(shape, ([low]) => low)
  for (;;) {
    yield bytes
    let at = shape.length - 1
    for (; at >= 0; at--) {
      const [low, high] = shape[at] ?? [0, 0]
      const value = bytes[at] ?? 0
      if (value < high) {
        bytes[at] = value + 1
        break
      }
      bytes[at] = low
    }
    if (at < 0) return
  }
}
