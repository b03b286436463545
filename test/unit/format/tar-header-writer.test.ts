import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readTarHeader } from '../../../src/format/tar-header.ts'
import { writeTarHeader } from '../../../src/format/tar-header-writer.ts'
import { fixtures } from '../../helpers/corpus.ts'
import { tarMembers } from '../../helpers/tar.ts'

const tars = fixtures().filter(({ format, version }) => format === 'tar' && typeof version === 'number')

describe('writeTarHeader()', () => {
  test.each(tars)('writes each header of $path as pg_dump did', ({ file }) => {
    const members = tarMembers(readFileSync(file))
    expect(members.length).toBeGreaterThan(1)
    for (const { name, header, content } of members) {
      const mtime = Number.parseInt(header.toString('latin1', 136, 147), 8)
      expect(Buffer.from(writeTarHeader({ name, size: content.length, mtime })).equals(header)).toBe(true)
    }
  })

  test.each([0, 1, 511, 8 ** 11 - 1, 8 ** 11, 2 ** 33 + 5, 2 ** 45 + 1])(
    'writes size %i so that it is read again',
    (size) => {
      const block = writeTarHeader({ name: '1.dat', size, mtime: 1_700_000_000 })
      // the sum of the block's bytes, those of the sum itself taken for blanks
      const checksum = block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)
      expect(readTarHeader(block, 0, 0)).toEqual({ name: '1.dat', size, type: '0', checksum })
    },
  )

  test('has base-256 from 8 GiB on, as pg_dump', () => {
    const block = Buffer.from(writeTarHeader({ name: '1.dat', size: 2 ** 33, mtime: 0 }))
    expect(block.subarray(124, 136).toString('hex')).toBe('800000000000000200000000')
    expect(
      Buffer.from(writeTarHeader({ name: '1.dat', size: 2 ** 33 - 1, mtime: 0 })).toString('latin1', 124, 136),
    ).toBe('77777777777 ')
  })

  test('refuses a name of 100 bytes', () => {
    expect(() => writeTarHeader({ name: 'x'.repeat(100), size: 0, mtime: 0 })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    )
  })
})
