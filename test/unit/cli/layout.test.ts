import { describe, expect, test } from 'vitest'
import { formatBytes, formatDuration, printable, table } from '../../../src/cli/layout.ts'

describe('layout', () => {
  test('table() aligns columns and leaves no blanks at the ends of lines', () => {
    const columns = [{ title: 'Name' }, { title: 'Size', align: 'right' }, { title: 'Note' }] as const
    expect(
      table(columns, [
        ['a', '1', ''],
        ['longer', '1234', 'x'],
      ]),
    ).toBe(['Name    Size  Note', 'a          1', 'longer  1234  x', ''].join('\n'))
  })

  test('table() counts two cells for a wide character', () => {
    expect(
      table(
        [{ title: 'N' }, { title: 'M' }],
        [
          ['表', 'x'],
          ['ab', 'y'],
        ],
      ),
    ).toBe('N   M\n表  x\nab  y\n')
  })

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [10 * 1024, '10 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
    [5000 * 1024 ** 5, '5000 PiB'],
  ])('formatBytes(%d) is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  test.each([
    [400, '0:00'],
    [59_600, '1:00'],
    [754_000, '12:34'],
    [3_723_000, '1:02:03'],
  ])('formatDuration(%d) is %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text)
  })

  test('printable() shows what would act on a terminal', () => {
    expect(printable('a\u001b[31mb\n\u009b\u202e\u{e0041}é表')).toBe('a\\x1b[31mb\\x0a\\x9b\\u202e\\u{e0041}é表')
  })
})
