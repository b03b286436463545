import { describe, expect, it } from 'vitest'
import { ArchiveError } from '../../../src/errors.ts'
import { byteStream } from '../../../src/io/byte-stream.ts'
import { toSql } from '../../../src/ops/to-sql.ts'
import type { LargeObject } from '../../../src/view.ts'
import { entryOf } from '../../helpers/entries.ts'
import { archiveOf, bodyOf, bytes, failureOf, rows, sqlOf, stream, table, type Contents } from './sql-of.ts'

describe('toSql() of data', () => {
  const copy = entryOf(20, { ...rows, tag: 'a', copyStmt: 'COPY public.a (b) FROM stdin;\n', dependencies: [10] })
  const contents = (): Contents => ({ data: { 20: stream(bytes('1\n'), bytes('\\.\n\n\n')) } })

  it('writes what the archive holds after the COPY', async () => {
    expect(await bodyOf(archiveOf([copy], contents()))).toBe(
      '--\n-- Data for Name: a; Type: TABLE DATA; Schema: public; Owner: postgres\n--\n\nCOPY public.a (b) FROM stdin;\n1\n\\.\n\n\n',
    )
  })

  it('passes large chunks through, and gathers small ones', async () => {
    const large = new Uint8Array(100_000).fill(65)
    const small = Array.from({ length: 2000 }, () => bytes('x'.repeat(100)))
    const source = toSql(archiveOf([copy], { data: { 20: stream(...small, large) } }), { restrictKey: 'key' }).borrow()
    const chunks: Uint8Array[] = []
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) chunks.push(chunk)
    expect(chunks.length).toBe(3)
    expect(chunks[1]).toBe(large)
  })

  it('tells the archive which data it needs, in order', async () => {
    const planned: number[] = []
    const entries = [
      entryOf(20, { ...rows, namespace: 'x' }),
      entryOf(21, { ...rows, data: { state: 'no-data' } }),
      entryOf(22, rows),
      entryOf(23, { desc: 'EVENT TRIGGER', hadDumper: false }),
    ]
    await sqlOf(archiveOf(entries, { plan: (list) => planned.push(...list.map(({ dumpId }) => dumpId)) }))
    expect(planned).toEqual([20, 22])
  })

  it('disables triggers where no definition is wanted, as the superuser', async () => {
    const options = { disableTriggers: true, superuser: "o'x" }
    const sql = await bodyOf(archiveOf([table(), copy], contents()), options, { dataOnly: true })
    expect(sql).toContain(
      "--\n\nSET SESSION AUTHORIZATION 'o''x';\n\nALTER TABLE public.a DISABLE TRIGGER ALL;\n\nCOPY public.a (b) FROM stdin;\n1\n\\.\n\n\nALTER TABLE public.a ENABLE TRIGGER ALL;\n\n",
    )
    expect(await bodyOf(archiveOf([copy], contents()), options)).toContain('DISABLE TRIGGER')
    expect(await bodyOf(archiveOf([table(), copy], contents()), options)).not.toContain('DISABLE TRIGGER')
  })

  it('gives out what it has before it fails, and releases the source', async () => {
    let cancelled = 0
    const failing = byteStream(() => {
      let calls = 0
      return {
        next: async () => {
          if (calls++ === 0) return bytes('1\n')
          throw new ArchiveError('BAD_COMPRESSED_DATA', 'Cannot read: no')
        },
        cancel: async () => void cancelled++,
      }
    })
    const [text, error] = await failureOf(archiveOf([copy], { data: { 20: failing } }))
    expect(error.code).toBe('BAD_COMPRESSED_DATA')
    expect(text.endsWith('FROM stdin;\n1\n')).toBe(true)
    expect(cancelled).toBe(1)
  })

  it('releases the data when its reader stops early', async () => {
    let cancelled = 0
    const endless = byteStream(() => ({ next: async () => new Uint8Array(1e5), cancel: async () => void cancelled++ }))
    let chunks = 0
    for await (const chunk of toSql(archiveOf([copy], { data: { 20: endless } })))
      if (chunk.length === 1e5 && ++chunks === 3) break
    expect(cancelled).toBe(1)
  })

  it('stops at a signal', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const endless = byteStream(() => ({ next: async () => new Uint8Array(1e5), cancel: async () => undefined }))
    const sql = toSql(archiveOf([copy], { data: { 20: endless } }), {
      signal: controller.signal,
      onProgress: ({ bytes: count }) => count > 1e6 && controller.abort(reason),
    })
    await expect(sql.bytes({ maxBytes: Infinity })).rejects.toBe(reason)
  })

  it('says how far it is', async () => {
    const seen: [number, number | undefined][] = []
    const sql = toSql(archiveOf([copy], { data: { 20: stream(new Uint8Array(1e5)) } }), {
      onProgress: ({ bytes: count, entry }) => seen.push([count, entry]),
    })
    const { length } = await sql.bytes()
    expect(seen.at(-1)).toEqual([length, undefined])
    expect(seen.some(([count, entry]) => entry === 20 && count > 1e5)).toBe(true)
  })
})

describe('toSql() of large objects', () => {
  it('writes what does not name an object of a group once', async () => {
    const fields = { namespace: null, owner: null }
    const defn = 'SET SESSION AUTHORIZATION b;\nGRANT SELECT ON LARGE OBJECT 5 TO c;\nRESET SESSION AUTHORIZATION;\n'
    const view = archiveOf([
      entryOf(10, { ...fields, desc: 'BLOB METADATA', tag: '5..7', section: 'data', defn: '5\n7\n' }),
      entryOf(11, { ...fields, desc: 'ACL', tag: 'LARGE OBJECTS 5..7', section: 'none', defn, dependencies: [10] }),
    ])
    expect(await bodyOf(view)).toContain(
      'SET SESSION AUTHORIZATION b;\nGRANT SELECT ON LARGE OBJECT 5 TO c;\nGRANT SELECT ON LARGE OBJECT 7 TO c;\n\nRESET SESSION AUTHORIZATION;\n',
    )
  })

  const group = entryOf(30, {
    desc: 'BLOB METADATA',
    tag: '5..9',
    namespace: null,
    section: 'data',
    owner: 'Bob',
    defn: '5\n9\n',
    dropStmt: '-- dummy',
  })
  const acl = entryOf(31, {
    desc: 'ACL',
    tag: 'LARGE OBJECTS 5..9',
    namespace: null,
    section: 'none',
    dependencies: [30],
    defn: 'REVOKE ALL ON LARGE OBJECT 5 FROM "LARGE OBJECT 1;";\nGRANT ALL ON LARGE OBJECT 5 TO "a";\n',
  })
  const blobs = entryOf(32, { ...rows, desc: 'BLOBS', tag: '5..9', namespace: null, owner: null })
  const objects = (): LargeObject[] => [
    { oid: 5, data: stream(bytes('he'), bytes('y')) },
    { oid: 4_000_000_000, data: stream() },
  ]

  it('creates, owns and grants one by one', async () => {
    expect((await bodyOf(archiveOf([group, acl]))).replaceAll(/--\n-- .*\n--\n\n/g, '')).toBe(
      "SELECT pg_catalog.lo_create('5');\nSELECT pg_catalog.lo_create('9');\n\n" +
        'ALTER LARGE OBJECT 5 OWNER TO "Bob";\nALTER LARGE OBJECT 9 OWNER TO "Bob";\n\n' +
        'REVOKE ALL ON LARGE OBJECT 5 FROM "LARGE OBJECT 1;";\nREVOKE ALL ON LARGE OBJECT 9 FROM "LARGE OBJECT 1;";\n\n' +
        'GRANT ALL ON LARGE OBJECT 5 TO "a";\nGRANT ALL ON LARGE OBJECT 9 TO "a";\n\n',
    )
  })

  it('ends where the group of an ACL is not in the archive', async () => {
    const [, error] = await failureOf(archiveOf([acl]))
    expect(error).toMatchObject({ code: 'ENTRY_NOT_FOUND', details: { pgRestore: 'could not find entry for ID 30' } })
  })

  it('writes the contents in a transaction', async () => {
    expect((await bodyOf(archiveOf([blobs], { objects: objects() }))).replace(/--\n-- .*\n--\n\n/, '')).toBe(
      "BEGIN;\n\nSELECT pg_catalog.lo_open('5', 131072);\nSELECT pg_catalog.lowrite(0, '\\x686579');\nSELECT pg_catalog.lo_close(0);\n\n" +
        "SELECT pg_catalog.lo_open('4000000000', 131072);\nSELECT pg_catalog.lo_close(0);\n\nCOMMIT;\n\n",
    )
  })

  it('creates objects with their contents for archives before 1.12', async () => {
    const sql = await bodyOf(archiveOf([blobs], { objects: objects(), version: 11 }), {
      clean: true,
      transactionSize: 9,
    })
    expect(sql).toContain(
      "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '5';\nSELECT pg_catalog.lo_open(pg_catalog.lo_create('5'), 131072);\n",
    )
    expect(sql).not.toContain('BEGIN;\n\nSELECT')
  })
})
