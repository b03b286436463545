import { describe, expect, it } from 'vitest'
import { decodeByteString } from '../../../src/bytes/byte-string.ts'
import { ObjectWriter } from '../../../src/sql/large-object.ts'

/** Writes an object that comes in chunks, into a buffer of the given size that is emptied when it is full. */
function write(chunks: readonly Uint8Array[], room: number, stdStrings = true): string {
  const writer = new ObjectWriter(stdStrings)
  const buffer = new Uint8Array(room)
  let text = ''
  let used = 0
  const flush = (): void => {
    text += decodeByteString(buffer, 0, used)
    used = 0
  }
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const { taken, written } = writer.write(chunk, at, buffer, used)
      at += taken
      used += written
      if (at < chunk.length) flush()
    }
  }
  flush()
  used += writer.end(buffer, 0)
  flush()
  return text
}

const call = (hex: string): string => `SELECT pg_catalog.lowrite(0, '\\x${hex}');\n`
const object = Uint8Array.from({ length: 40_000 }, (_, index) => (index * 7) & 255)
const hex = Buffer.from(object).toString('hex')
const expected = [0, 32768, 65536].map((start) => call(hex.slice(start, start + 32768))).join('')

describe('ObjectWriter', () => {
  it('writes nothing for an empty object', () => {
    expect(write([], 100)).toBe('')
  })

  it('writes one call for 16384 bytes and another for one more', () => {
    expect(write([object.subarray(0, 16384)], 1e5)).toBe(call(hex.slice(0, 32768)))
    expect(write([object.subarray(0, 16385)], 1e5)).toBe(call(hex.slice(0, 32768)) + call(hex.slice(32768, 32770)))
  })

  it.each([64, 1000, 33_333, 200_000])('gives the same whatever the chunks, with a buffer of %i bytes', (room) => {
    const pieces = [0, 1, 2, 9000, 16384, 16385, 39_999, 40_000]
    const chunks = pieces.slice(1).map((end, index) => object.subarray(pieces[index], end))
    expect(write(chunks, room)).toBe(expected)
  })

  it('doubles the backslash without standard_conforming_strings', () => {
    expect(write([Uint8Array.of(0, 255)], 100, false)).toBe("SELECT pg_catalog.lowrite(0, '\\\\x00ff');\n")
  })
})
