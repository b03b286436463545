import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../src/limits.ts'
import { TocParser } from '../../src/toc/toc.ts'
import type { ArchiveFormat, TextField, TocEntry } from '../../src/toc/types.ts'
import { allArchives, fixture, tocBytes } from '../helpers/corpus.ts'
import type { IndependentEntry, IndependentToc } from '../helpers/independent-reader.ts'
import { readIndependently } from '../helpers/independent-reader.ts'

/** Reads header and TOC, given in windows that end at `cuts`. */
function readOurs(bytes: Uint8Array, format: ArchiveFormat, cuts: readonly number[] = []) {
  const parser = new TocParser({ format, limits: defaultLimits, onWarning: () => {} })
  let at = 0
  for (const end of [...cuts, bytes.length]) {
    while (!parser.done) {
      const taken = parser.parse(bytes.subarray(at, end), at)
      at += taken
      if (taken === 0) break
    }
  }
  const { header, settings, toc } = parser.finish()
  return { header, settings, toc, end: at }
}

const sections = ['none', 'pre-data', 'data', 'post-data']
const textFields = [
  'tableoid',
  'oid',
  'tag',
  'desc',
  'defn',
  'dropStmt',
  'copyStmt',
  'namespace',
  'tablespace',
  'tableam',
  'owner',
  'withOids',
] as const satisfies readonly TextField[]

/** What the second reader's entry says where the data is, in the first one's words. */
function locationOf(entry: IndependentEntry): TocEntry['data'] {
  if (entry.filename !== undefined) {
    const filename = entry.filename?.toString() ?? ''
    return filename === '' ? { state: 'no-data' } : { state: 'file', filename }
  }
  const offset = entry.offset ?? 0
  const old = offset < 0 ? 1 : offset === 0 ? 3 : 2
  switch (entry.offsetFlag ?? old) {
    case 1:
      return { state: 'not-set' }
    case 2:
      return { state: 'set', offset }
    default:
      return { state: 'no-data' }
  }
}

const hex = (bytes: Uint8Array | null | undefined): string | null | undefined =>
  bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : bytes

function compare(ours: ReturnType<typeof readOurs>, other: IndependentToc): void {
  const { header } = ours
  expect({
    version: header.version,
    intSize: header.intSize,
    offSize: header.offSize,
    formatByte: header.formatByte,
    compression: header.compression.stored,
    dbname: hex(header.raw.dbname),
    remoteVersion: hex(header.raw.remoteVersion),
    dumpVersion: hex(header.raw.dumpVersion),
    end: ours.end,
    entries: ours.toc.length,
  }).toEqual({
    version: other.version,
    intSize: other.intSize,
    offSize: other.offSize,
    formatByte: other.formatByte,
    compression: other.compression,
    dbname: hex(other.dbname),
    remoteVersion: hex(other.remoteVersion),
    dumpVersion: hex(other.dumpVersion),
    end: other.end,
    entries: other.entries.length,
  })
  const date = header.createDate
  expect(date && [date.second, date.minute, date.hour, date.day, date.month - 1, date.year - 1900, date.isdst]).toEqual(
    other.date,
  )
  for (const [index, entry] of ours.toc.entries()) {
    const twin = other.entries[index]
    if (twin === undefined) throw new Error('unreachable: the numbers of entries were compared')
    expect({
      dumpId: entry.dumpId,
      hadDumper: entry.hadDumper,
      ...(twin.section === undefined ? {} : { section: entry.section }),
      relkind: entry.relkind,
      dependencies: entry.dependencies,
      data: entry.data,
      text: textFields.map((field) => hex(entry.raw.bytes(field))),
    }).toEqual({
      dumpId: twin.dumpId,
      hadDumper: twin.hadDumper !== 0,
      ...(twin.section === undefined ? {} : { section: sections[twin.section - 1] ?? 'unknown' }),
      relkind: twin.relkind === undefined ? undefined : twin.relkind === 0 ? '' : String.fromCodePoint(twin.relkind),
      dependencies: twin.dependencies.map((id) => Number(id.toString())),
      data: locationOf(twin),
      text: textFields.map((field) => hex(twin[field])),
    })
  }
}

describe('TocParser agrees with a second, declarative reader', () => {
  for (const archive of allArchives()) {
    const { format } = archive
    test(archive.path, () => {
      const bytes = tocBytes(archive)
      compare(readOurs(bytes, format), readIndependently(bytes, format))
    })
  }

  test('whatever the windows in which the bytes come', () => {
    const archives = [
      '13/latin1-Fc.dump',
      '18/sqlascii-Fd.dir',
      'derived/v1.0-Fc.dump',
      'derived/v1.6-int3-off8-Fc.dump',
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...archives.map(fixture)),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 }),
        (archive, fractions) => {
          const bytes = tocBytes(archive)
          const cuts = fractions.map((fraction) => Math.floor(fraction * bytes.length)).sort((a, b) => a - b)
          compare(readOurs(bytes, archive.format, cuts), readIndependently(bytes, archive.format))
        },
      ),
    )
  })
})
