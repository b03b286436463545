import { describe, expect, it } from 'vitest'
import { filter } from '../../../src/ops/filter.ts'
import { listJson, listRecords } from '../../../src/ops/list-json.ts'
import { entryOf, headerOf, viewOf } from '../../helpers/entries.ts'

describe('listJson()', () => {
  it('tells NULL from a field that the version does not have', () => {
    const [entry] = listJson(viewOf([entryOf(7, { tablespace: '', dependencies: [1, 1], owner: null })])).entries
    expect(entry).toEqual({
      dumpId: 7,
      desc: 'TABLE',
      section: 'pre-data',
      catalogId: { tableoid: 1259, oid: 16391 },
      tag: 't7',
      namespace: 'public',
      owner: null,
      defn: 'CREATE …;\n',
      dropStmt: null,
      copyStmt: null,
      tablespace: '',
      withOids: 'false',
      dependencies: [1, 1],
      hadDumper: false,
      data: { state: 'no-data' },
    })
    expect(Object.keys(entry ?? {})).not.toContain('tableam')
  })

  it('adds the parts of a filtered view, for entries of that view', () => {
    const view = filter(viewOf([entryOf(1), entryOf(2)]), { tables: ['t2'] })
    expect(listJson(view).entries.map(({ dumpId, parts }) => [dumpId, parts])).toEqual([
      [2, { schema: true, data: false, statistics: false }],
    ])
  })

  it.each([
    ['UTF8', [0xc3, 0xa9], 'é', undefined],
    ['UTF8', [0xef, 0xbf, 0xbd], '\uFFFD', undefined],
    ['UTF8', [0xe9], '\uFFFD', 'e9'],
    ['LATIN1', [0xe9], 'é', undefined],
    ['SQL_ASCII', [0xc3, 0xa9], 'é', undefined],
    ['SQL_ASCII', [0xe9], 'é', 'e9'],
    ['EUC_TW', [0xa4, 0xa4], '¤¤', 'a4a4'],
    ['EUC_TW', [0x61], 'a', undefined],
  ])('gives the bytes when text in %s does not say them: %j', (encoding, bytes, text, hex) => {
    const tag = Uint8Array.from(bytes)
    const [entry] = listJson(viewOf([entryOf(1, { tag })], { encoding })).entries
    expect([entry?.tag, entry?.raw?.tag]).toEqual([text, hex])
  })

  it('describes the header and what the pseudo entries say', () => {
    const raw = { dbname: Uint8Array.of(0xff), remoteVersion: null, dumpVersion: null }
    const { header } = listJson(viewOf([entryOf(1)], { header: headerOf({ raw }), encoding: 'LATIN1' }))
    expect(header).toMatchObject({ format: 'custom', encoding: 'LATIN1', stdStrings: true, storedEntryCount: 1 })
    expect([header.dbname, header.remoteVersion, header.raw]).toEqual(['ÿ', null, { dbname: 'ff' }])
  })
})

describe('listRecords()', () => {
  it('gives the header first, then every entry', () => {
    const view = viewOf([entryOf(1), entryOf(2)])
    const { header, entries } = listJson(view)
    expect([...listRecords(view)]).toEqual([{ header }, ...entries])
  })
})
