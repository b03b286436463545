import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Builder } from '../../../src/bytes/builder.ts'
import { encodeByteString } from '../../../src/bytes/byte-string.ts'
import { isArchiveError, type Finding } from '../../../src/errors.ts'
import { defaultLimits, type Limits } from '../../../src/limits.ts'
import { TocParser, type ParsedToc } from '../../../src/toc/toc.ts'
import type { ArchiveFormat } from '../../../src/toc/types.ts'

/** The complete archive of spec/custom.md: 1.16, one TABLE DATA entry with its offset not set. */
const whole = Uint8Array.from(
  Buffer.from(
    (
      '5047444d50 011000 04 08 01 00 0001000000 0002000000 0003000000 0004000000 0005000000 0065000000 0000000000' +
      '00050000006f6c646462 0005000000382e302e31 0005000000382e302e32 0001000000 0007000000 0001000000' +
      '000100000030 000100000039 000100000074 000a0000005441424c452044415441 0003000000 0101000000 0101000000' +
      '001e000000434f5059207075626c69632e7420287829 2046524f4d20737464696e3b0a 00060000007075626c6963' +
      '0101000000 0101000000 0000000000 00030000006a6f65 000500000066616c7365 000100000035 0101000000' +
      '01 0000000000000000'
    ).replaceAll(' ', ''),
    'hex',
  ),
)

/** Index in {@link whole} of bytes given in hexadecimal. */
function startOf(hex: string): number {
  return Buffer.from(whole).indexOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

function parse(
  bytes: Uint8Array,
  format: ArchiveFormat = 'custom',
  limits: Partial<Limits> = {},
  step = bytes.length,
): ParsedToc {
  const findings: Finding[] = []
  const parser = new TocParser({ format, limits: { ...defaultLimits, ...limits }, onWarning: (f) => findings.push(f) })
  let offset = 0
  let window = step
  while (!parser.done) {
    const taken = parser.parse(bytes.subarray(offset, offset + window), offset)
    if (taken === 0 && offset + window >= bytes.length) parser.eof(bytes.length)
    window = taken === 0 ? window + step : step
    offset += taken
  }
  return parser.finish()
}

describe('TocParser', () => {
  test('reads header and entry field by field', () => {
    const { header, toc, settings } = parse(whole)
    expect(header).toMatchObject({
      version: { major: 1, minor: 16, rev: 0 },
      intSize: 4,
      offSize: 8,
      format: 'custom',
      compression: { algorithm: 'none', level: null, stored: 0 },
      createDate: { year: 2001, month: 6, day: 4, hour: 3, minute: 2, second: 1, isdst: 0 },
      dbname: 'olddb',
      remoteVersion: '8.0.1',
      dumpVersion: '8.0.2',
    })
    expect(settings).toEqual({ encoding: 'SQL_ASCII', stdStrings: false, searchPath: null })
    const [entry] = toc
    expect(entry).toMatchObject({
      dumpId: 7,
      hadDumper: true,
      catalogId: { tableoid: 0, oid: 9 },
      tag: 't',
      desc: 'TABLE DATA',
      section: 'data',
      defn: null,
      dropStmt: null,
      copyStmt: 'COPY public.t (x) FROM stdin;\n',
      namespace: 'public',
      tablespace: null,
      tableam: null,
      relkind: '',
      owner: 'joe',
      dependencies: [5],
      data: { state: 'not-set' },
    })
    expect(entry?.raw.byteString('withOids')).toBe('false')
  })

  test('gives the same from windows of any size', () => {
    const expected = parse(whole).toc[0]?.raw.byteString('copyStmt')
    for (let step = 1; step < whole.length; step++) {
      expect(parse(whole, 'custom', {}, step).toc[0]?.raw.byteString('copyStmt')).toBe(expected)
    }
  })

  test('knows the types of entries apart however many there are', () => {
    const builder = new Builder({ intSize: 4, offSize: 8, signByte: true })
    const countAt = startOf('0001000000 0007000000')
    builder.writeBytes(whole.subarray(0, countAt))
    const count = 3000
    builder.writeInt(count)
    const descAt = startOf('000a0000005441424c452044415441')
    for (let index = 0; index < count; index++) {
      builder.writeInt(index + 1)
      builder.writeBytes(whole.subarray(countAt + 10, descAt))
      builder.writeStr(encodeByteString(`TYPE ${index % 1500}`))
      builder.writeBytes(whole.subarray(descAt + 15))
    }
    const { toc, table } = parse(builder.bytes())
    expect(toc.map(({ desc }) => desc)).toEqual(Array.from({ length: count }, (_, index) => `TYPE ${index % 1500}`))
    const found: number[] = []
    table.scanTypes(new Set(['TYPE 3', 'TYPE 1400']), (one) => found.push(one.dumpId))
    expect(found).toEqual([4, 1401, 1504, 2901])
  })

  test('reports every cut with UNEXPECTED_EOF and the offset of the end', () => {
    for (let length = 0; length < whole.length; length++) {
      try {
        parse(whole.subarray(0, length))
        expect.unreachable()
      } catch (error) {
        if (!isArchiveError(error)) throw error
        expect(error.code).toBe('UNEXPECTED_EOF')
        expect(error.offset).toBe(length)
      }
    }
  })

  test('refuses what is no archive, versions it does not know, and the wrong container, by value', () => {
    const change = (at: number, value: number): Uint8Array => whole.map((byte, index) => (index === at ? value : byte))
    expect(() => parse(change(0, 0x51))).toThrow(/it begins "QGDMP", must be "PGDMP"/)
    expect(() => parse(change(6, 17))).toThrow(/archive version is 1\.17-0, the newest known is 1\.16/)
    expect(() => parse(change(8, 33))).toThrow(/integer size is 33 at offset 8/)
    expect(() => parse(whole, 'tar')).toThrow(/format is 1 at offset 10, must be 3/)
  })

  test('checks limits before anything is allocated', () => {
    expect(() => parse(whole, 'custom', { stringBytes: 8 })).toThrow(/the limit stringBytes is 8/)
    expect(() => parse(whole, 'custom', { tocEntries: 0 })).toThrow(/the limit tocEntries is 0/)
    expect(() => parse(whole, 'custom', { tocBytes: 100 })).toThrow(/the limit tocBytes is 100/)
    expect(() => parse(whole, 'custom', { dependencies: 0 })).toThrow(/the limit dependencies is 0/)
  })

  test('refuses a dump id that is not positive', () => {
    const at = whole.indexOf(7, 80)
    const bytes = whole.map((byte, index) => (index === at ? 0 : byte))
    expect(() => parse(bytes)).toThrow(/dump id is 0 at offset \d+, must be > 0/)
  })

  test('keeps NULL, empty and absent apart in every version', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 16 }), fc.constantFrom(null, '', 'x'), (minor, value) => {
        const { toc } = parse(archive(minor, value))
        const entry = toc[0]
        expect(entry?.defn).toBe(value)
        expect(entry?.owner).toBe(value)
        expect(entry?.raw.byteString('namespace')).toBe(minor >= 6 ? value : undefined)
        expect(entry?.tablespace).toBe(minor >= 10 ? value : undefined)
        expect(entry?.tableam).toBe(minor >= 14 ? value : undefined)
        expect(entry?.relkind).toBe(minor >= 16 ? 'r' : undefined)
        expect(entry?.dependencies).toEqual(minor >= 5 ? [3, 3] : [])
        expect(entry?.section).toBe(minor >= 11 ? 'data' : 'post-data')
        expect(entry?.data).toEqual({ state: 'set', offset: 77 })
      }),
    )
  })
})

/** An archive of version 1.`minor` with one INDEX entry whose nullable strings are `value`. */
function archive(minor: number, value: string | null): Uint8Array {
  const out = new Builder({ intSize: 4, offSize: 8, signByte: minor > 0 })
  const text = (string: string | null): void => out.writeStr(string === null ? null : encodeByteString(string))
  out.writeBytes(encodeByteString('PGDMP'))
  out.writeByte(1)
  out.writeByte(minor)
  if (minor > 0) out.writeByte(0)
  out.writeByte(4)
  if (minor >= 7) out.writeByte(8)
  out.writeByte(1)
  if (minor >= 15 || minor === 2 || minor === 3) out.writeByte(0)
  else if (minor >= 4) out.writeInt(0)
  if (minor >= 4) {
    for (const field of [1, 2, 3, 4, 5, 101, 0]) out.writeInt(field)
    text('db')
  }
  if (minor >= 10) {
    text('8.3')
    text('8.3')
  }
  out.writeInt(1)
  out.writeInt(5)
  out.writeInt(1)
  if (minor >= 8) text('1259')
  text('16400')
  text('tag')
  text('INDEX')
  if (minor >= 11) out.writeInt(3)
  text(value)
  text(value)
  if (minor >= 3) text(value)
  if (minor >= 6) text(value)
  if (minor >= 10) text(value)
  if (minor >= 14) text(value)
  if (minor >= 16) out.writeInt(114)
  text(value)
  if (minor >= 9) text('false')
  if (minor >= 5) {
    text('3')
    text('3')
    text(null)
  }
  if (minor >= 7) out.writeOffset('set', 77)
  else {
    out.writeInt(77)
    out.writeInt(0)
  }
  return out.bytes()
}
