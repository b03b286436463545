import { describe, expect, test } from 'vitest'
import { conversionTarget, lossesOf, type ConversionWishes } from '../../../src/ops/conversion-target.ts'
import type { ArchiveHeader, ArchiveVersion } from '../../../src/toc/types.ts'
import { entryOf, headerOf } from '../../helpers/entries.ts'

const version = (minor: number): ArchiveVersion => ({ major: 1, minor, rev: 0 })

const header = (minor: number, algorithm: ArchiveHeader['compression']['algorithm'] = 'gzip'): ArchiveHeader =>
  headerOf({ version: version(minor), compression: { algorithm, level: null, stored: 1 } })

describe('conversionTarget()', () => {
  test.each<[string, ArchiveHeader, ConversionWishes, number, string | undefined]>([
    ['nothing asked: as it is', header(14), {}, 14, undefined],
    ['older than 1.12', header(3), {}, 12, undefined],
    ['zstd needs 1.15', header(14), { compression: { method: 'zstd' } }, 15, 'zstd'],
    ['tar has no compression', header(16, 'lz4'), { format: 'tar' }, 16, 'none'],
    ['a version without lz4', header(16, 'lz4'), { archiveVersion: version(14) }, 14, 'gzip'],
    ['a release without zstd', header(16, 'zstd'), { targetVersion: '15' }, 14, 'gzip'],
    ['a release with zstd', header(16, 'zstd'), { targetVersion: '16.3' }, 15, undefined],
    ['a newer release changes nothing', header(14), { targetVersion: '18' }, 14, undefined],
    ['9.6', header(14), { targetVersion: '9.6' }, 12, undefined],
    ['11', header(14), { targetVersion: '11' }, 13, undefined],
    [
      'an older version than the release reads',
      header(16),
      { targetVersion: '15', archiveVersion: version(12) },
      12,
      undefined,
    ],
  ])('%s', (_, from, wishes, minor, method) => {
    const target = conversionTarget(from, wishes)
    expect(target.archiveVersion).toMatchObject(version(minor))
    expect(target.compression?.method).toBe(method)
  })

  test.each<[ArchiveHeader, ConversionWishes, RegExp]>([
    [header(16), { format: 'tar', compression: { method: 'gzip' } }, /gzip in a tar archive/],
    [
      header(16),
      { compression: { method: 'lz4' }, archiveVersion: version(14) },
      /lz4 in archive version 1\.14: only 1\.15/,
    ],
    [header(16), { compression: { method: 'lz4' }, targetVersion: '15' }, /1\.15, which lz4 needs, for PostgreSQL 15/],
    [
      header(16),
      { targetVersion: '15', archiveVersion: version(16) },
      /1\.16 for PostgreSQL 15: its pg_restore reads 1\.14/,
    ],
    [header(16), { archiveVersion: version(11) }, /1\.11: must be 1\.12 to 1\.16/],
    [header(16), { archiveVersion: version(17) }, /1\.17: must be 1\.12 to 1\.16/],
    [header(16), { targetVersion: '19' }, /"19": must be 9\.6 to 18/],
  ])('refuses what does not fit together: %#', (from, wishes, message) => {
    expect(() => conversionTarget(from, wishes)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    )
  })

  test('refuses compression that it does not know', () => {
    const from = headerOf({ compression: { algorithm: 'unknown', level: null, stored: 9 } })
    expect(() => conversionTarget(from, {})).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION' }))
    expect(() => conversionTarget(from, { format: 'tar' })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION' }),
    )
  })
})

describe('lossesOf()', () => {
  const toc = [
    entryOf(1, { tableam: 'heap', relkind: 'r' }),
    entryOf(2, { tableam: 'columnar', relkind: 'r' }),
    entryOf(3, { tableam: 'columnar', relkind: 'p' }),
    entryOf(4, { tableam: '', relkind: '' }),
  ]

  test.each([
    [16, 16, []],
    [16, 14, [3]],
    [16, 13, [2, 3]],
    [14, 14, []],
    [14, 12, [2, 3]],
  ])('of version 1.%i written as 1.%i', (from, to, lost) => {
    expect(lossesOf(toc, header(from), version(to)).map(({ dumpId }) => dumpId)).toEqual(lost)
  })
})
