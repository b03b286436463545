import { describe, expect, test } from 'vitest'
import { KERNEL_INPUT_AT, openRowKernel } from '../../../src/codec/row-kernel.ts'
import { RowScanner, type CopyDefectCode, type RowScannerOptions } from '../../../src/copy/row-scanner.ts'

const kernel = openRowKernel(4096)

function scan(text: string | Uint8Array, options: Partial<RowScannerOptions> = {}, size = Infinity, fast = true) {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  const withKernel = fast ? { kernel, kernelInputAt: KERNEL_INPUT_AT } : {}
  const scanner = new RowScanner({ fields: 2, maxRowBytes: 2 ** 32, maxFields: 1664, ...withKernel, ...options })
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, Math.min(bytes.length, at + size)))
  return scanner.finish()
}

/** A small generator of numbers, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test('the kernel runs here', () => {
  expect(kernel).toBeDefined()
})

describe('RowScanner counts rows and finds', () => {
  const defects: readonly (readonly [string, string, readonly CopyDefectCode[], number])[] = [
    ['nothing wrong', 'a\tb\n\\N\t\\\\x\\n\n\\.\n\n\n', [], 2],
    ['no rows', '\\.\n\n\n', [], 0],
    ['an end mark without a line feed', 'a\tb\n\\.', [], 1],
    ['a field too many', 'a\tb\tc\n\\.\n', ['COPY_FIELD_COUNT'], 1],
    ['a field too few', 'a\n\\.\n', ['COPY_FIELD_COUNT'], 1],
    ['an escape that is not written', 'a\tb\\q\n\\.\n', ['COPY_UNUSUAL_ESCAPE'], 1],
    ['an escaped tab', 'a\\\tb\tc\n\\.\n', ['COPY_UNUSUAL_ESCAPE'], 1],
    ['\\N after something', 'a\tb\\N\n\\.\n', ['COPY_UNUSUAL_ESCAPE'], 1],
    ['\\N before something', 'a\t\\Nb\n\\.\n', ['COPY_UNUSUAL_ESCAPE'], 1],
    ['\\. within a line', 'a\tb\\.\n\\.\n', ['COPY_MISPLACED_END'], 1],
    ['\\. before something', '\\.a\tb\n\\.\n', ['COPY_MISPLACED_END'], 1],
    ['a carriage return', 'a\tb\r\n\\.\n', ['COPY_CARRIAGE_RETURN'], 1],
    ['a NUL', 'a\tb\0\n\\.\n', ['COPY_NUL'], 1],
    ['text after the end', 'a\tb\n\\.\n\\! id\n', ['COPY_AFTER_END'], 1],
    ['no end', 'a\tb\n', ['COPY_NO_END'], 1],
    ['a cut row', 'a\tb\nc', ['COPY_PARTIAL_ROW', 'COPY_NO_END'], 1],
    ['a cut escape', 'a\tb\nc\\', ['COPY_PARTIAL_ROW', 'COPY_NO_END'], 1],
  ]
  for (const [name, text, codes, rows] of defects) {
    test(name, () => {
      const long = `${'0123456789abcdef\tfoo bar\n'.repeat(50)}${text}`
      for (const size of [1, 7, 64, 1000, Infinity]) {
        for (const fast of [true, false]) {
          const found = scan(text, {}, size, fast)
          expect(found.defects.map(({ code }) => code)).toEqual(codes)
          expect(found.rows).toBe(rows)
          const after = scan(long, {}, size, fast)
          expect(after.defects.map(({ code }) => code)).toEqual(codes)
          expect(after.rows).toBe(50 + rows)
          const first = found.defects[0]
          const later = after.defects[0]
          expect(later?.row).toBe(first === undefined ? undefined : first.row + 50)
          expect(later?.offset).toBe(first === undefined ? undefined : first.offset + 50 * 25)
        }
      }
    })
  }
})

test('RowScanner takes the number of fields from the first row when it is not told', () => {
  const found = scan('a\tb\tc\nd\te\n\\.\n', { fields: undefined })
  expect(found.fields).toBe(3)
  expect(found.defects).toMatchObject([{ code: 'COPY_FIELD_COUNT', row: 2, observed: 2 }])
})

test('RowScanner reads empty lines as rows of a table without columns', () => {
  expect(scan('\n\n\n\\.\n\n\n', { fields: 0 })).toMatchObject({ rows: 3, defects: [] })
  expect(scan('\nx\n\\.\n', { fields: 0 }).defects).toMatchObject([{ code: 'COPY_FIELD_COUNT', observed: 1 }])
})

test('RowScanner does not take the second byte of a character for a backslash', () => {
  const charLength = (first: number): number => (first >= 0x80 ? 2 : 1)
  const text = 'a\t\u0095\\\n\u0095\\\tb\n\\.\n'
  for (const size of [1, 3, Infinity]) expect(scan(text, { charLength }, size).defects).toEqual([])
  expect(scan(text).defects.length).toBeGreaterThan(0)
})

test('RowScanner keeps to its limits', () => {
  const rows = `${'x'.repeat(30)}\ty\n`.repeat(10)
  expect(scan(`${rows}\\.\n`, { maxRowBytes: 20 }).defects).toMatchObject([
    { code: 'COPY_ROW_BYTES', count: 10, row: 1 },
  ])
  expect(scan('a\tb\n\\.\n', { maxFields: 1 }).defects).toMatchObject([{ code: 'COPY_ROW_FIELDS', observed: 2 }])
})

test('RowScanner finds the same with and without the kernel, however the input is cut', () => {
  const next = random(4711)
  const alphabet = [
    'a',
    '\t',
    '\n',
    '\\',
    'N',
    '.',
    'n',
    '\r',
    '\0',
    'ä',
    'bcdefghijklmnopqrstuvwxyz',
    '\\N',
    '\t',
    '\n',
  ]
  for (let round = 0; round < 3000; round++) {
    const weights = 3 + next(alphabet.length - 3)
    let text = ''
    for (let part = next(80); part > 0; part--)
      text += alphabet[next(round % 3 === 0 ? alphabet.length : weights)] ?? ''
    const fields = [undefined, 0, 1, 2, 3][next(5)]
    const slow = scan(text, { fields }, Infinity, false)
    for (const size of [33 + next(60), Infinity]) expect(scan(text, { fields }, size)).toEqual(slow)
    expect(scan(text, { fields }, 1 + next(9), false)).toEqual(slow)
  }
})
