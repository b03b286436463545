import { describe, expect, it } from 'vitest'
import { decodeByteString } from '../../../src/bytes/byte-string.ts'
import { withFields } from '../../../src/toc/changed-entry.ts'
import { decoderFor } from '../../../src/toc/encoding.ts'
import { entryOf } from '../../helpers/entries.ts'

const decode = decoderFor('UTF8')

describe('withFields()', () => {
  it('keeps what is not named, NULL and absent fields included', () => {
    const base = entryOf(7, { owner: null, relkind: 'r', dependencies: [1, 1], section: 'data' })
    const entry = withFields(base, { fields: { tag: 'x' } }, decode)
    expect(entry).toMatchObject({ dumpId: 7, tag: 'x', owner: null, relkind: 'r', section: 'data' })
    expect(entry.tablespace).toBeUndefined()
    expect(entry.raw.byteString('owner')).toBeNull()
    expect(entry.raw.bytes('tableam')).toBeUndefined()
    expect(entry.dependencies).toEqual([1, 1])
    expect(base.tag).toBe('t7')
  })

  it('decodes what it gets as bytes', () => {
    const entry = withFields(entryOf(1), { fields: { owner: '\u00c3\u00bc' } }, decode)
    expect(entry.owner).toBe('ü')
    expect(decodeByteString(entry.raw.bytes('owner') ?? new Uint8Array())).toBe('\u00c3\u00bc')
  })

  it('asks a function once, with the stored bytes', () => {
    const asked: unknown[] = []
    const change = (stored: unknown): string => {
      asked.push(stored)
      return 'new'
    }
    const entry = withFields(entryOf(1, { owner: 'ü' }), { fields: { owner: change } }, decode)
    expect(asked).toEqual([])
    expect([entry.owner, entry.raw.byteString('owner'), entry.owner]).toEqual(['new', 'new', 'new'])
    expect(asked).toEqual(['\u00c3\u00bc'])
  })

  it('sets numbers, and the fields that say them', () => {
    const changes = { dumpId: 9, catalogId: { tableoid: 2613, oid: 4294967295 }, relkind: undefined } as const
    const entry = withFields(entryOf(1, { relkind: 'r' }), changes, decode)
    expect(entry).toMatchObject({ dumpId: 9, catalogId: { tableoid: 2613, oid: 4294967295 } })
    expect(entry.relkind).toBeUndefined()
    expect([entry.raw.byteString('tableoid'), entry.raw.byteString('oid')]).toEqual(['2613', '4294967295'])
  })

  it('may be changed again', () => {
    const once = withFields(entryOf(1), { fields: { owner: 'a', tag: 'x' } }, decode)
    const twice = withFields(once, { fields: { owner: (owner) => `${owner}b` } }, decode)
    expect(twice).toMatchObject({ owner: 'ab', tag: 'x' })
  })
})
