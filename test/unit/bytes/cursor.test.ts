import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Builder } from '../../../src/bytes/builder.ts'
import { Cursor, NeedMoreBytes, type Layout } from '../../../src/bytes/cursor.ts'
import { isArchiveError } from '../../../src/errors.ts'

const common: Layout = { intSize: 4, offSize: 8, signByte: true }

function cursorOf(values: readonly number[], layout: Layout = common): Cursor {
  return new Cursor(Uint8Array.from(values), layout)
}

describe('readInt()', () => {
  test('reads sign byte and magnitude, least significant byte first', () => {
    expect(cursorOf([0, 1, 2, 0, 0]).readInt()).toBe(513)
    expect(cursorOf([1, 1, 0, 0, 0]).readInt()).toBe(-1)
  })

  test('takes any non-zero sign byte as negative, and reads minus zero as 0', () => {
    expect(cursorOf([7, 5, 0, 0, 0]).readInt()).toBe(-5)
    expect(cursorOf([1, 0, 0, 0, 0]).readInt()).toBe(0)
  })

  test('gives a large-object OID of 2^31 and more back modulo 2^32', () => {
    expect(cursorOf([1, 0, 0, 0, 0x80]).readInt() >>> 0).toBe(2 ** 31)
    expect(cursorOf([1, 0, 0xa2, 0x2f, 0x4d]).readInt() >>> 0).toBe(3_000_000_000)
  })

  test('has no sign byte in archives of version 1.0', () => {
    expect(cursorOf([200, 0, 0, 0], { intSize: 4, offSize: 4, signByte: false }).readInt()).toBe(200)
  })

  test('reads an 8-byte integer whose high bytes are zero, and refuses one that does not fit', () => {
    const wide: Layout = { intSize: 8, offSize: 8, signByte: true }
    expect(cursorOf([0, 9, 0, 0, 0, 0, 0, 0, 0], wide).readInt()).toBe(9)
    expect(() => cursorOf([0, 9, 0, 0, 0, 1, 0, 0, 0], wide).readInt()).toThrow(/does not fit 32 bits at offset 0/)
  })

  test('asks for more bytes rather than read past the window', () => {
    expect(() => cursorOf([0, 1, 2, 0]).readInt()).toThrow(NeedMoreBytes)
  })

  test('gives back what writeInt() wrote, for every size', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 4, max: 32 }), (value, intSize) => {
        const layout: Layout = { intSize, offSize: 8, signByte: true }
        const builder = new Builder(layout)
        builder.writeInt(value)
        const cursor = new Cursor(builder.bytes(), layout)
        expect(cursor.readInt()).toBe(value)
        expect(cursor.position).toBe(intSize + 1)
      }),
    )
  })
})

describe('readStr()', () => {
  test('returns null for length -1 and an empty string for length 0', () => {
    expect(cursorOf([1, 1, 0, 0, 0]).readStr(10)).toBeNull()
    expect(cursorOf([0, 0, 0, 0, 0]).readStr(10)).toEqual(new Uint8Array(0))
  })

  test('checks the limit before it asks for the bytes', () => {
    try {
      cursorOf([0, 255, 255, 255, 127]).readStr(1000)
      expect.unreachable()
    } catch (error) {
      if (!isArchiveError(error)) throw error
      expect(error.code).toBe('LIMIT_EXCEEDED')
      expect(error.details).toEqual({ limit: 'stringBytes', max: 1000, observed: 2 ** 31 - 1 })
    }
  })

  test('gives back what writeStr() wrote', () => {
    fc.assert(
      fc.property(fc.option(fc.uint8Array({ maxLength: 5000 })), (value) => {
        const builder = new Builder(common)
        builder.writeStr(value)
        expect(new Cursor(builder.bytes(), common).readStr(5000)).toEqual(value)
      }),
    )
  })
})

describe('readOffset()', () => {
  test('gives back what writeOffset() wrote, for every size', () => {
    const flags = fc.constantFrom('not-set' as const, 'set' as const, 'no-data' as const)
    fc.assert(
      fc.property(flags, fc.maxSafeNat(), fc.integer({ min: 7, max: 16 }), (flag, position, offSize) => {
        const layout: Layout = { intSize: 4, offSize, signByte: true }
        const builder = new Builder(layout)
        builder.writeOffset(flag, position)
        expect(new Cursor(builder.bytes(), layout).readOffset()).toEqual({ flag, position })
      }),
    )
  })

  test('refuses an unknown flag with its value and offset', () => {
    const cursor = new Cursor(Uint8Array.from([9, 0, 0, 0, 0, 0, 0, 0, 0]), common, 100)
    expect(() => cursor.readOffset()).toThrow('flag is 9 at offset 100, must be 1, 2 or 3')
  })

  test('refuses a position that is no safe integer', () => {
    expect(() => cursorOf([2, 0, 0, 0, 0, 0, 0, 0, 255]).readOffset()).toThrow(/too large/)
  })
})
