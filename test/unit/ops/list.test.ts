import { describe, expect, it } from 'vitest'
import { filter } from '../../../src/ops/filter.ts'
import { list, listBytes } from '../../../src/ops/list.ts'
import type { ArchiveHeader, TimeZone, TocEntry } from '../../../src/toc/types.ts'
import { entryOf, headerOf, viewOf } from '../../helpers/entries.ts'

const timeZone: TimeZone = {
  formatLocal: (time) => (time.year > 9999 ? null : `${time.year} local`),
  formatInstant: (milliseconds) => (milliseconds === -1000 ? 'minus one' : 'now'),
}
const header = (changes: Partial<ArchiveHeader>, compat?: string): string[] => {
  const view = viewOf([], { header: headerOf(changes) })
  return list(view, { timeZone, ...(compat === undefined ? {} : { compat }) }).split('\n')
}
const line = (entry: TocEntry): string =>
  list(viewOf([entry]), { timeZone })
    .split('\n')
    .slice(15)
    .join('\n')

describe('list()', () => {
  it('prints the header as pg_restore does', () => {
    expect(list(viewOf([]), { timeZone })).toBe(
      `;
; Archive created at 2026 local
;     dbname: app
;     TOC Entries: 0
;     Compression: gzip
;     Dump Version: 1.16-0
;     Format: CUSTOM
;     Integer: 4 bytes
;     Offset: 8 bytes
;     Dumped from database version: 18.6
;     Dumped by pg_dump version: 18.6
;
;
; Selected TOC Entries:
;
`,
    )
  })

  it('prints one line for each entry', () => {
    expect(line(entryOf(216, { tag: 'a', catalogId: { tableoid: 1259, oid: 16388 } }))).toBe(
      '216; 1259 16388 TABLE public a postgres\n',
    )
  })

  it('prints a hyphen for no schema, and nothing for no tag or owner', () => {
    expect(line(entryOf(10, { namespace: null, tag: null, owner: null }))).toBe('10; 1259 16394 TABLE -  \n')
    expect(line(entryOf(1, { namespace: '', owner: '' }))).toBe('1; 1259 16385 TABLE  t1 \n')
  })

  it('makes a blank of every line break, not in desc', () => {
    expect(line(entryOf(1, { tag: 'a\r\nb', namespace: 'n\n', owner: '\r' }))).toBe('1; 1259 16385 TABLE n  a  b  \n')
  })

  it('prints OIDs as unsigned numbers', () => {
    expect(line(entryOf(1, { catalogId: { tableoid: 0, oid: 4294967295 } }))).toBe(
      '1; 0 4294967295 TABLE public t1 postgres\n',
    )
  })

  it('shows what pg_restore shows without options, and what is selected', () => {
    const toc = [entryOf(1, { desc: 'ENCODING' }), entryOf(2, { desc: 'DATABASE' }), entryOf(3), entryOf(4)]
    const ids = (text: string): string[] => [...text.matchAll(/^\d+/gm)].map(String)
    expect(ids(list(viewOf(toc)))).toEqual(['3', '4'])
    expect(ids(list(filter(viewOf(toc), { create: true, tables: ['t4'] })))).toEqual(['2', '4'])
    expect(ids(list(filter(viewOf(toc), { list: [2] }), { verbose: true }))).toEqual(['1', '3', '4', '2'])
  })

  it('adds dependencies with verbose', () => {
    const toc = [entryOf(1, { dependencies: [2, 2, 99] }), entryOf(2)]
    expect(list(viewOf(toc), { verbose: true, timeZone }).split('\n').slice(15)).toEqual([
      '1; 1259 16385 TABLE public t1 postgres',
      ';\tdepends on: 2 2 99',
      '2; 1259 16386 TABLE public t2 postgres',
      '',
    ])
  })

  it('names or numbers the compression as the release does', () => {
    const old = { compression: { algorithm: 'gzip', level: -1, stored: -1 } } as const
    expect(header(old, '15')[4]).toBe(';     Compression: -1')
    expect(header(old, '16')[4]).toBe(';     Compression: gzip')
    expect(header({ compression: { algorithm: 'gzip', level: null, stored: null } }, '15')[4]).toBe(
      ';     Compression: -1',
    )
    expect(header({ compression: { algorithm: 'unknown', level: null, stored: 7 } })[4]).toBe(';     Compression: ???')
  })

  it('prints its own version for archives without one, and the time of reading without a date', () => {
    const raw = { dbname: null, remoteVersion: null, dumpVersion: null }
    const version = { major: 1, minor: 3, rev: 0 }
    expect(header({ raw, createDate: null, version }, '17.11').slice(1, 11)).toEqual([
      '; Archive created at now',
      ';     dbname: ',
      ';     TOC Entries: 0',
      ';     Compression: gzip',
      ';     Dump Version: 1.3-0',
      ';     Format: CUSTOM',
      ';     Integer: 4 bytes',
      ';     Offset: 8 bytes',
      ';     Dumped by pg_dump version: 17.11',
      ';',
    ])
  })

  it('prints no versions that are NULL', () => {
    const raw = { dbname: null, remoteVersion: null, dumpVersion: null }
    expect(header({ raw })[9]).toBe(';')
  })

  it('prints one second before 1970 for a date that is none', () => {
    const createDate = { year: 99999, month: 1, day: 1, hour: 0, minute: 0, second: 0, isdst: 0 }
    expect(header({ createDate })[1]).toBe('; Archive created at minus one')
  })

  it('leaves out comments and ACLs when names are selected, before May 2024', () => {
    const toc = [entryOf(1), entryOf(2, { desc: 'ACL', tag: 'TABLE t1', section: 'none', dependencies: [1] })]
    const lines = (compat: string): number =>
      list(filter(viewOf(toc), { tables: ['t1'] }, { compat }), { compat }).split('\n').length
    expect(lines('17.11') - lines('15.7')).toBe(1)
  })
})

describe('list() without an encoding', () => {
  it('decodes each line by itself', () => {
    const toc = [entryOf(1, { tag: Uint8Array.of(0xe9) }), entryOf(2, { tag: 'ü' })]
    expect(list(viewOf(toc, { encoding: 'SQL_ASCII' }))).toMatch(/ é postgres\n.* ü postgres\n$/)
  })
})

describe('listBytes()', () => {
  it('gives names as stored, whatever their encoding', () => {
    const view = viewOf([entryOf(1, { tag: Uint8Array.of(0xe9) })], { encoding: 'LATIN1' })
    expect(listBytes(view).slice(-12)).toEqual(new Uint8Array([0x20, 0xe9, ...new TextEncoder().encode(' postgres\n')]))
    expect(list(view)).toContain(' é postgres\n')
  })

  it('ends a string at a NUL, as C does', () => {
    expect(line(entryOf(1, { tag: Uint8Array.of(0x61, 0, 0x62) }))).toBe('1; 1259 16385 TABLE public a postgres\n')
  })
})
