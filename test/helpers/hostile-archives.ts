import {
  chunks,
  concat,
  copyEnd,
  dataBlock,
  int,
  objectsBlock,
  str,
  tar,
  tarMember,
  tocBytes,
  type BuiltEntry,
  type BuiltMember,
} from '../unit/format/build-archive.ts'
import { Random } from '../fuzz/random.ts'
import { bombBytes, gzipBomb, hostileStreams, type HostileStream, type Verdict } from './hostile-streams.ts'

/*
 * Archives that are made to harm who reads them, the same ones for the same seed. Bombs are not unpacked to make them.
 */

/** What lies in a directory by a name: a file, or what an archive never has. */
export type HostileFile =
  | Uint8Array
  | { readonly link: string }
  | { readonly special: 'fifo' | 'socket' | 'directory' | 'device' }

export interface HostileArchive {
  readonly name: string
  readonly content: Uint8Array | ReadonlyMap<string, HostileFile>
  /** What a reader that takes in everything is to make of it. */
  readonly verdict: Verdict
  readonly bomb: boolean
}

const rows = `a\nb\n${copyEnd}`
const encoder = new TextEncoder()
const head = tocBytes([]).subarray(0, -5)
const MiB = 1024 * 1024

type Named = readonly [name: string, content: HostileArchive['content'], verdict?: Verdict]

function named(group: string, made: readonly Named[]): HostileArchive[] {
  return made.map(([name, content, verdict = 'refused']) => ({
    name: `${group}: ${name}`,
    content,
    verdict,
    bomb: false,
  }))
}

/** The start of an entry up to its tag. */
const entryStart = concat(int(1), int(0), str('0'), str('9'))

function withLayout(intSize: number, offSize: number): Uint8Array {
  const bytes = tocBytes([{ dumpId: 1 }])
  bytes.set([intSize, offSize], 8)
  return bytes
}

function withoutData(dumpId: number, dependencies: readonly number[], more: Partial<BuiltEntry> = {}): BuiltEntry {
  return {
    dumpId,
    desc: 'TABLE',
    tag: `t${dumpId}`,
    defn: 'SELECT 1;\n',
    copyStmt: null,
    offset: null,
    dependencies,
    ...more,
  }
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

/** An entry whose dependencies are these texts. */
function dependenciesOf(texts: readonly string[]): Uint8Array {
  const whole = tocBytes([withoutData(1, [7])])
  // 5 bytes length and "7", 5 bytes NULL, 9 bytes offset
  return concat(whole.subarray(0, -20), ...texts.map(str), str(null), whole.subarray(-9))
}

function tables(): HostileArchive[] {
  return named('TOC', [
    ['−1 entries', concat(head, int(-1))],
    ['−(2^31 − 1) entries', concat(head, int(1 - 2 ** 31), tocBytes([{ dumpId: 1 }]).subarray(head.length + 5))],
    ['2^31 − 1 entries', concat(head, int(2 ** 31 - 1))],
    ['2^32 − 1 entries', concat(head, [0, 0xff, 0xff, 0xff, 0xff])],
    ['40 million entries', concat(head, int(40_000_000))],
    ['no entries', concat(head, int(0)), 'sound'],
    ...[2 ** 30 - 1, 2 ** 31 - 1, -2, 1 - 2 ** 31].map(
      (length): Named => [`a string of ${length} bytes`, concat(head, int(1), entryStart, int(length)), length < 0 ? 'either' : 'refused'],
    ),
    ...[0, 1, 2, 8, 32, 33, 255].map((size): Named => [`integers of ${size} bytes`, withLayout(size, 8), 'either']),
    ...[0, 1, 9, 32, 255].map((size): Named => [`offsets of ${size} bytes`, withLayout(4, size), 'either']),
    ...[0, -5, 2 ** 31 - 1].map((dumpId): Named => [`the dump id ${dumpId}`, tocBytes([withoutData(dumpId, [])]), dumpId > 0 ? 'either' : 'refused']),
    ['one dump id for two', tocBytes([withoutData(1, []), withoutData(1, [])]), 'either'],
    ...['x', '', '-1', '99999999999999999999', '1e3', ' 5'].map((text): Named => [`the dependency ${JSON.stringify(text)}`, dependenciesOf([text]), 'either']),
    ['40,000 dependencies', tocBytes([withoutData(1, times(40_000, () => 1))]), 'either'],
    ['an entry that depends on itself', tocBytes([withoutData(1, [1])]), 'either'],
    ['a circle of 2,500', tocBytes(times(2500, (at) => withoutData(at + 1, [((at + 1) % 2500) + 1, 1]))), 'either'],
    ['a chain of 2,500', tocBytes(times(2500, (at) => withoutData(at + 1, [at + 2]))), 'either'],
    ['1,000 names that hold each other', tocBytes(times(1000, (at) => withoutData(at + 1, [], { tag: 'a'.repeat(at + 1), defn: `CREATE VIEW x AS SELECT * FROM ${'a'.repeat(1000 - at)};\n` }))), 'either'],
    ['a tag of control characters', tocBytes([withoutData(1, [], { tag: '\u001b]0;x\u0007\r\n\\! x', desc: 'TABLE\n\u001b[2J' })]), 'either'],
    ['a tag of 2 MiB', tocBytes([withoutData(1, [], { tag: '"'.repeat(2 * MiB) })]), 'either'],
  ]) // prettier-ignore
}

/** Two tables of data with these offsets; `null` is the offset of the first block, `undefined` that of the second. */
function twoBlocks(first: number | null | undefined, second: number | null | undefined): Uint8Array {
  const blocks = [dataBlock(1, rows), dataBlock(2, rows)]
  const start = tocBytes([{ dumpId: 1, offset: 0 }, { dumpId: 2, offset: 0 }]).length // prettier-ignore
  const place = (at: number | null | undefined): number =>
    at === null ? start : (at ?? start + (blocks[0]?.length ?? 0))
  return concat(
    tocBytes([
      { dumpId: 1, offset: place(first) },
      { dumpId: 2, offset: place(second) },
    ]),
    ...blocks,
  )
}

function blockArchives(): HostileArchive[] {
  const plain = tocBytes([{ dumpId: 1 }])
  const nested = dataBlock(1, Buffer.from(dataBlock(2, rows)).toString('latin1'), copyEnd)
  const objects = (block: Uint8Array): Uint8Array =>
    concat(tocBytes([{ dumpId: 1, desc: 'BLOBS', copyStmt: null }]), block)
  return named('blocks', [
    ['in order', twoBlocks(null, undefined), 'sound'],
    ['two entries at one offset', twoBlocks(null, null), 'misplaced'],
    ['offsets that lead to each other', twoBlocks(undefined, null), 'misplaced'],
    ...[0, 5, 60, 200, 1e6, 2 ** 40, 2 ** 53 - 1].map((at): Named => [`an offset of ${at}`, twoBlocks(at, undefined), 'misplaced']),
    ['an offset of 2^63', concat(twoBlocks(null, undefined)).fill(0xff, plain.length - 8, plain.length)],
    ['a block within a block', concat(tocBytes([{ dumpId: 1, offset: plain.length }, { dumpId: 2, offset: plain.length + 40 }]), nested), 'refused'],
    ['a negative chunk length', concat(plain, [1], int(1), int(-100))],
    ['a chunk length of −2^31', concat(plain, [1], int(1), [1, 0, 0, 0, 0x80])],
    ['a chunk of 2 GB', concat(plain, [1], int(1), int(2 ** 31 - 1))],
    ['an unknown block', concat(plain, [9], int(1), chunks(rows))],
    ['a block of no entry', concat(plain, dataBlock(77, rows), dataBlock(1, rows)), 'either'],
    ['1,000 blocks of no entry', concat(plain, ...times(1000, () => dataBlock(77, 'x')), dataBlock(1, rows)), 'either'],
    ['40,000 chunks of one byte', concat(plain, [1], int(1), ...times(40_000, () => concat(int(1), [10])), int(5), encoder.encode('\\.\n\n\n'), int(0)), 'sound'],
    ['a large object without end', objects(concat([3], int(1), int(5), int(3)))],
    ['large objects of one OID', objects(objectsBlock(1, [[5, 'a'], [5, 'b']])), 'either'],
    ['large objects without end', objects(concat([3], int(1), ...times(1000, (at) => concat(int(at + 1), int(0)))))],
  ]) // prettier-ignore
}

const suffixOf = { gzip: '.gz', lz4: '.lz4', zstd: '.zst' } as const
const algorithmOf = { zlib: 1, gzip: 1, lz4: 2, zstd: 3 } as const

/** A stream as the data of a table: in a custom archive, and as a file of a directory. */
function holding(stream: HostileStream): HostileArchive[] {
  const { name, container, bytes, verdict, bomb = false, frames = false } = stream
  const algorithm = algorithmOf[container]
  const made: HostileArchive[] = []
  if (container !== 'gzip') {
    const block = concat([1], int(1), int(bytes.length), bytes, int(0))
    const content = concat(tocBytes([{ dumpId: 1 }], { algorithm }), block)
    const inChunk = frames ? 'passed-over' : verdict
    made.push({ name: `${container} in a custom archive: ${name}`, content, verdict: inChunk, bomb })
  }
  if (container !== 'zlib') {
    const content = new Map<string, HostileFile>([
      ['toc.dat', tocBytes([{ dumpId: 1, file: '1.dat' }], { formatByte: 3, algorithm })],
      [`1.dat${suffixOf[container]}`, bytes],
    ])
    made.push({ name: `${container} in a directory: ${name}`, content, verdict, bomb })
    // what comes out is no archive
    if (!bomb) made.push({ name: `${container} around: ${name}`, content: bytes, verdict: 'refused', bomb: false })
  }
  return made
}

/** An archive of one large table that was compressed as a whole. */
function bombAround(): HostileArchive {
  const before = concat(tocBytes([{ dumpId: 1 }]), [1], int(1), int(bombBytes))
  const after = concat(int(copyEnd.length), encoder.encode(copyEnd), int(0))
  return { name: 'gzip around: an archive', content: gzipBomb(before, after), verdict: 'sound', bomb: true }
}

const tarToc: BuiltMember = { name: 'toc.dat', data: tocBytes([{ dumpId: 1, file: '1.dat' }], { formatByte: 3 }) }
const tarData: BuiltMember = { name: '1.dat', data: rows }

/** A size in base 256, or with an octal text. */
function sizeField(size: number | string): Uint8Array {
  if (typeof size === 'string') return encoder.encode(size.padEnd(12, '\0'))
  const bytes = new Uint8Array(12)
  new DataView(bytes.buffer).setBigInt64(4, BigInt(size))
  bytes[0] = size < 0 ? 0xff : 0x80
  if (size < 0) bytes.fill(0xff, 1, 4)
  return bytes
}

function tars(): HostileArchive[] {
  const withData = (change: Partial<BuiltMember>): Uint8Array => tar(tarToc, { ...tarData, ...change })
  const sizes: readonly (readonly [string, Uint8Array])[] = [
    ['beyond the end', sizeField('77777777777')],
    ['of −1 in base 256', sizeField(-1)],
    ['of −512 in base 256', sizeField(-512)],
    ['of 2^62 in base 256', sizeField(2 ** 62)],
    ['of 2^88 in base 256', Uint8Array.of(0x80, 1, ...times(10, () => 0))],
    ['with a minus sign', sizeField('-0000000010')],
    ['of nothing but blanks', sizeField('           ')],
  ]
  const extended = (type: string, data: string, more: Partial<BuiltMember> = {}): Named[1] =>
    tar(tarToc, { name: 'PaxHeader', type, data, ...more }, tarData)
  return named('tar', [
    ['in order', tar(tarToc, tarData), 'sound'],
    ...sizes.map(([name, field]): Named => [`data ${name}`, withData({ sizeField: field })]),
    ...sizes.map(([name, field]): Named => [`a TOC ${name}`, tar({ ...tarToc, sizeField: field }, tarData)]),
    ['data of size 8 in base 256', withData({ sizeField: sizeField(rows.length) }), 'sound'],
    ...[...'123456SLKxgVM'].map((type): Named => [`data of the type ${type}`, tar(tarToc, { name: '1.dat', type }), 'refused']),
    ...[...'xgLK'].map((type): Named => [`an extended header ${type} of 8 GB`, extended(type, '', { sizeField: sizeField('77777777777') })]),
    ['an extended header with a size', extended('x', '17 size=1000000\n'), 'either'],
    ['an extended header whose records lie', extended('x', '999999999 path=x\n'), 'either'],
    ['4,000 extended headers', tar(tarToc, ...times(4000, () => ({ name: 'p', type: 'x', data: '10 path=x\n' })), tarData), 'either'],
    ['an extended header of 4 MiB', extended('x', `4194304 path=${'x'.repeat(4 * MiB - 14)}\n`), 'either'],
    ['8,000 members of one name', tar(tarToc, tarData, ...times(8000, () => ({ name: 'x.dat' }))), 'either'],
    ['two TOCs', tar(tarToc, tarToc, tarData), 'either'],
    ['no TOC', tar(tarData)],
    ['no data', tar(tarToc)],
    ['a TOC that is behind', tar(tarData, tarToc), 'either'],
    ['no end', concat(tarMember(tarToc), tarMember(tarData)), 'either'],
    ...['../1.dat', '/etc/passwd', '1.dat\n', './1.dat'].map((name): Named => [`a member ${JSON.stringify(name)}`, tar(tarToc, { name, data: rows }), 'either']),
    ['a prefix that makes it long', withData({ prefix: 'p'.repeat(155) })],
  ]) // prettier-ignore
}

function directories(): HostileArchive[] {
  const toc = (file: string, desc = 'TABLE DATA'): Uint8Array =>
    tocBytes([{ dumpId: 1, file, desc, ...(desc === 'BLOBS' ? { copyStmt: null } : {}) }], { formatByte: 3 })
  const files = (...list: readonly (readonly [string, HostileFile])[]): ReadonlyMap<string, HostileFile> =>
    new Map(list)
  const odd: readonly (readonly [string, HostileFile])[] = [
    ['a link within', { link: 'other' }],
    ['a link outside', { link: '/etc/passwd' }],
    ['a link to /dev/zero', { link: '/dev/zero' }],
    ['a link to itself', { link: '1.dat' }],
    ...(['fifo', 'socket', 'directory', 'device'] as const).map((special) => [`a ${special}`, { special }] as const),
  ]
  const names = [
    '../secret',
    '/etc/passwd',
    '..',
    '.',
    'a\nb',
    '1.dat\0',
    'toc.dat',
    'a/b',
    'C:\\x',
    '\u001b[2J',
    'x'.repeat(300),
    'x'.repeat(2000),
  ]
  return named('directory', [
    ['in order', files(['toc.dat', toc('1.dat')], ['1.dat', encoder.encode(rows)]), 'sound'],
    ...odd.map(([name, file]): Named => [`data in ${name}`, files(['toc.dat', toc('1.dat')], ['1.dat', file], ['other', encoder.encode(rows)])]),
    ...odd.map(([name, file]): Named => [`compressed data in ${name}`, files(['toc.dat', toc('1.dat')], ['1.dat.gz', file])]),
    ...odd.map(([name, file]): Named => [`a TOC in ${name}`, files(['toc.dat', file], ['1.dat', encoder.encode(rows)], ['other', toc('1.dat')])]),
    ...odd.map(([name, file]): Named => [`a list of large objects in ${name}`, files(['toc.dat', toc('blobs.toc', 'BLOBS')], ['blobs.toc', file])]),
    ...names.map((name): Named => [`data in ${JSON.stringify(name.slice(0, 20))} of ${name.length}`, files(['toc.dat', toc(name)])]),
    ...names.map((name): Named => [`a large object in ${JSON.stringify(name.slice(0, 20))} of ${name.length}`, files(['toc.dat', toc('blobs.toc', 'BLOBS')], ['blobs.toc', encoder.encode(`16400 ${name}\n`)])]),
    ['a list of large objects without lines', files(['toc.dat', toc('blobs.toc', 'BLOBS')], ['blobs.toc', new Uint8Array(4 * MiB).fill(0x31)])],
    ['a list of large objects that are not there', files(['toc.dat', toc('blobs.toc', 'BLOBS')], ['blobs.toc', encoder.encode(times(2000, (at) => `${at + 1} blob_${at + 1}.dat\n`).join(''))])],
    ['an empty TOC', files(['toc.dat', new Uint8Array(0)])],
    ['nothing', files()],
  ]) // prettier-ignore
}

const someNumbers = [0, 1, 5, 60, 100, 2 ** 16, 2 ** 30 - 1, 2 ** 31 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1]
const someTexts = [
  '',
  't',
  '..',
  '\0',
  '\n\\! x\n',
  '\u001b[2J',
  "'",
  '"',
  '$$',
  '1.dat',
  '16400',
  'COPY t FROM stdin;\n',
  'x'.repeat(70_000),
]
const someKinds = [
  'TABLE',
  'TABLE DATA',
  'BLOBS',
  'BLOB',
  'BLOB METADATA',
  'ACL',
  'DATABASE',
  'ENCODING',
  'STDSTRINGS',
  'SEARCHPATH',
  'SEQUENCE SET',
  'STATISTICS DATA',
  '',
]

/** Entries, offsets and blocks that go together at random. */
function mixed(random: Random, streams: readonly HostileStream[]): Uint8Array {
  const entries = times(1 + random.below(6), (at): BuiltEntry => {
    const offset = random.pick(['not set', null, ...someNumbers] as const)
    return {
      dumpId: random.below(4) === 0 ? 1 + random.below(3) : at + 1,
      desc: random.pick(someKinds),
      tag: random.pick(someTexts),
      defn: random.pick(someTexts),
      copyStmt: random.pick([null, 'COPY public.t (x) FROM stdin;\n', ...someTexts]),
      dependencies: times(random.below(4), () => random.pick([at, at + 1, at + 2, 2 ** 31 - 1])),
      ...(offset === 'not set' ? {} : { offset }),
    }
  })
  const made = times(random.below(6), () => {
    const dumpId = 1 + random.below(7)
    const { bytes } = random.pick(streams)
    return random.pick([
      dataBlock(dumpId, rows),
      objectsBlock(dumpId, [[random.pick([1, 16400, 2 ** 32 - 1]), 'x']]),
      concat([random.pick([0, 1, 2, 3])], int(dumpId), int(bytes.length), bytes, int(0)),
      concat([1], int(dumpId), int(random.pick(someNumbers.filter((number) => number < 2 ** 31)))),
    ])
  })
  return concat(tocBytes(entries, { minor: random.pick([15, 16]), algorithm: random.below(5) }), ...made)
}

/** All hostile archives; `seed` is for the `mixtures` ones that are put together at random. */
export function hostileArchives(seed: number, mixtures: number): readonly HostileArchive[] {
  const random = new Random(seed)
  const streams = hostileStreams()
  const small = streams.filter(({ bytes }) => bytes.length < 64 * 1024)
  return [
    ...tables(),
    ...blockArchives(),
    ...tars(),
    ...directories(),
    ...streams.flatMap(holding),
    bombAround(),
    ...named(
      'mixed',
      times(mixtures, (at): Named => [`seed ${seed}, ${at}`, mixed(random, small), 'either']),
    ),
  ]
}
