import { describe, expect, test } from 'vitest'
import { parseCompression } from '../../../src/cli/compression-option.ts'

describe('parseCompression()', () => {
  test.each([
    ['none', { method: 'none' }],
    ['0', { method: 'none' }],
    ['9', { method: 'gzip', level: 9 }],
    ['-1', { method: 'gzip', level: -1 }],
    ['GZIP', { method: 'gzip' }],
    ['gzip:1', { method: 'gzip', level: 1 }],
    ['gzip:level=1', { method: 'gzip', level: 1 }],
    ['lz4', { method: 'lz4' }],
    ['zstd:-5', { method: 'zstd', level: -5 }],
    ['zstd:3,long', { method: 'zstd', level: 3, long: true }],
    ['zstd:long', { method: 'zstd', long: true }],
    ['zstd:long=on,level=19', { method: 'zstd', level: 19, long: true }],
    ['zstd:level=2,long=no', { method: 'zstd', level: 2, long: false }],
  ])('%s', (text, expected) => {
    expect(parseCompression(text)).toEqual(expected)
  })

  test.each([
    '',
    'zip',
    'gzip:',
    'gzip:x',
    'gzip:1,2',
    'zstd:long=maybe',
    'zstd:level=',
    'zstd:level=x',
    'zstd:workers=2',
    '1.5',
  ])('refuses %j', (text) => {
    expect(() => parseCompression(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})
