import { constants, crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { xxh32 } from '../../src/codec/xxh32.ts'
import { concat, copyEnd } from '../unit/format/build-archive.ts'

/*
 * Compressed streams that are made to harm who decompresses them, put together byte by byte: what they inflate to is
 * never held, so that a process that only makes them stays small.
 */

/**
 * What a reader is to make of it: an error, the rows, or one of both; `misplaced`: an error where it goes by offsets;
 * `passed-over`: the rows, and verify says that pg_restore would not read all of them.
 */
export type Verdict = 'refused' | 'sound' | 'either' | 'misplaced' | 'passed-over'

/** The data of one table as they are stored. */
export interface HostileStream {
  readonly name: string
  readonly container: 'zlib' | 'gzip' | 'lz4' | 'zstd'
  readonly bytes: Uint8Array
  readonly verdict: Verdict
  /** A bomb: by default it is read in flat memory, under the limits for strangers it is refused. */
  readonly bomb?: boolean
  /** zstd: several frames, which in a custom archive are one chunk. */
  readonly frames?: boolean
}

const MiB = 1024 * 1024
/** What each bomb inflates to: more than the memory that a reader may take. */
export const bombBytes = 320 * MiB

const encoder = new TextEncoder()
const end = encoder.encode(copyEnd)
/** 1 MiB of rows that are all the same. */
const rows = encoder.encode(`${'x'.repeat(65_535)}\n`.repeat(MiB / 65_536))
const few = encoder.encode(`a\nb\n${copyEnd}`)

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

function big32(value: number): Uint8Array {
  return u32(value).reverse()
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times)
  for (let at = 0; at < all.length; at += bytes.length) all.set(bytes, at)
  return all
}

function adler32(parts: Iterable<Uint8Array>): number {
  let a = 1
  let b = 0
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const stop = Math.min(part.length, at + 3800)
      for (; at < stop; at++) {
        a += part[at] ?? 0
        b += a
      }
      a %= 65521
      b %= 65521
    }
  }
  return b * 65536 + a
}

function* bombParts(before: Uint8Array, after: Uint8Array): Generator<Uint8Array> {
  yield before
  for (let at = 0; at < bombBytes; at += MiB) yield rows
  yield after
}

function bombDeflated(before: Uint8Array, after: Uint8Array): Uint8Array {
  const part = (bytes: Uint8Array): Uint8Array =>
    deflateRawSync(bytes, { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  return concat(part(before), repeat(part(rows), bombBytes / MiB), deflateRawSync(after))
}

/** A `.gz` file of many rows between these bytes. */
export function gzipBomb(before: Uint8Array, after: Uint8Array): Uint8Array {
  let crc = 0
  for (const part of bombParts(before, after)) crc = crc32(part, crc)
  const header = [...gzipMagic, 8, 0, 0, 0, 0, 0, 0, 3]
  return concat(header, bombDeflated(before, after), u32(crc), u32(before.length + bombBytes + after.length))
}

const nothing = new Uint8Array(0)
const gzipMagic = [0x1f, 0x8b]
const gzipTail = (content: Uint8Array): Uint8Array => concat(u32(crc32(content)), u32(content.length))

/** A `.gz` file with these flags and what they announce. */
function gzipWith(flags: number, fields: Uint8Array | readonly number[], method = 8): Uint8Array {
  return concat([...gzipMagic, method, flags, 0, 0, 0, 0, 0, 3], fields, deflateRawSync(few), gzipTail(few))
}

function gzipWithHeaderCrc(right: boolean): Uint8Array {
  const header = Uint8Array.of(...gzipMagic, 8, 2, 0, 0, 0, 0, 0, 3)
  const crc = (crc32(header) + (right ? 0 : 1)) % 65536
  return gzipWith(2, [crc % 256, crc >> 8])
}

const allFields = concat([3, 0, 1, 2, 3], encoder.encode('name\0'), encoder.encode('comment\0'))

function gzipStreams(): HostileStream[] {
  const cut = gzipSync(few).subarray(0, -3)
  const made: readonly (readonly [string, Uint8Array, Verdict])[] = [
    ['all optional fields', gzipWith(4 + 8 + 16, allFields), 'sound'],
    ['a header checksum', gzipWithHeaderCrc(true), 'sound'],
    ['a wrong header checksum', gzipWithHeaderCrc(false), 'either'],
    ['reserved flags', gzipWith(0xe0, []), 'refused'],
    ['an unknown method', gzipWith(0, [], 7), 'refused'],
    ['an extra field beyond the end', gzipWith(4, [0xff, 0xff]), 'refused'],
    ['a name without end', concat([...gzipMagic, 8, 8, 0, 0, 0, 0, 0, 3], new Uint8Array(2 * MiB).fill(0x61)), 'refused'],
    ['two members', concat(gzipSync(few.subarray(0, 2)), gzipSync(few.subarray(2))), 'sound'],
    ['4,000 empty members', concat(repeat(gzipSync(''), 4000), gzipSync(few)), 'sound'],
    ['no end', cut, 'refused'],
    ['text behind the end', concat(gzipSync(few), encoder.encode('DROP TABLE t;')), 'either'],
    ['a wrong size', concat(gzipSync(few).subarray(0, -4), u32(5)), 'refused'],
    ['a member that says more than it holds', concat(gzipSync(few).subarray(0, -4), u32(0xffffffff)), 'refused'],
  ] // prettier-ignore
  return [
    { name: 'a bomb', container: 'gzip', bytes: gzipBomb(nothing, end), verdict: 'sound', bomb: true },
    ...made.map(([name, bytes, verdict]): HostileStream => ({ name, container: 'gzip', bytes, verdict })),
  ]
}

function zlibStreams(): HostileStream[] {
  const bomb = concat([0x78, 0x9c], bombDeflated(nothing, end), big32(adler32(bombParts(nothing, end))))
  const deflated = deflateRawSync(few)
  const checksum = big32(adler32([few]))
  const made: readonly (readonly [string, Uint8Array, Verdict])[] = [
    ['a dictionary', concat([0x78, 0xbb], u32(7), deflated, checksum), 'refused'],
    ['a window of 64 KiB', concat([0x88, 0x1c], deflated, checksum), 'refused'],
    ['no checksum', concat([0x78, 0x9c], deflated), 'refused'],
    ['a second stream', concat([0x78, 0x9c], deflated, checksum, [0x78, 0x9c], deflated, checksum), 'refused'],
    ['stored blocks of nothing, 1,000,000', concat([0x78, 0x9c], repeat(Uint8Array.of(0, 0, 0, 0xff, 0xff), 1_000_000), deflated, checksum), 'sound'],
    ['stored blocks of nothing without end', concat([0x78, 0x9c], repeat(Uint8Array.of(0, 0, 0, 0xff, 0xff), 1_000_000)), 'refused'],
  ] // prettier-ignore
  return [
    { name: 'a bomb', container: 'zlib', bytes: bomb, verdict: 'sound', bomb: true },
    ...made.map(([name, bytes, verdict]): HostileStream => ({ name, container: 'zlib', bytes, verdict })),
  ]
}

const lz4Magic = u32(0x184d2204)

/** Frame descriptor; `flags` 0x60 is version 1 with independent blocks, `sizeCode` 4 to 7 is 64 KiB to 4 MiB. */
function lz4Descriptor(flags = 0x60, sizeCode = 7, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const fields = concat([flags, sizeCode << 4], rest)
  return concat(fields, [(xxh32(fields) >>> 8) & 0xff])
}

const lz4Stored = (bytes: Uint8Array): Uint8Array => concat(u32((0x80000000 | bytes.length) >>> 0), bytes)
const lz4Packed = (bytes: Uint8Array): Uint8Array => concat(u32(bytes.length), bytes)
const lz4Frame = (descriptor: Uint8Array, ...blocks: readonly Uint8Array[]): Uint8Array =>
  concat(lz4Magic, descriptor, ...blocks, u32(0))

/** A block of 4 MiB: one line, then a match of all but the last bytes. */
function lz4BombBlock(): Uint8Array {
  const line = encoder.encode(`${'x'.repeat(127)}\n`)
  const last = line.subarray(-5)
  const matched = 4 * MiB - line.length - last.length
  const long = (length: number): number[] => [
    ...Array.from({ length: Math.floor(length / 255) }, () => 255),
    length % 255,
  ]
  return concat([0xff], long(128 - 15), line, [128, 0], long(matched - 4 - 15), [last.length << 4], last)
}

function lz4Streams(): HostileStream[] {
  const good = lz4Frame(lz4Descriptor(), lz4Stored(few))
  const skippable = (size: number, content: Uint8Array): Uint8Array => concat(u32(0x184d2a50), u32(size), content)
  const bomb = lz4Frame(lz4Descriptor(), repeat(lz4Packed(lz4BombBlock()), bombBytes / (4 * MiB)), lz4Stored(end))
  const made: readonly (readonly [string, Uint8Array, Verdict])[] = [
    ...[0, 1, 2, 3].map((code) => [`a block size of code ${code}`, lz4Frame(lz4Descriptor(0x60, code), lz4Stored(few)), 'refused'] as const),
    ['a block of 2 GB', concat(lz4Magic, lz4Descriptor(), u32(0x7fffffff), few), 'refused'],
    ['a stored block of 2 GB', concat(lz4Magic, lz4Descriptor(), u32(0xffffffff), few), 'refused'],
    ['a content size of 2^63', lz4Frame(lz4Descriptor(0x68, 7, u64(2n ** 63n)), lz4Stored(few)), 'refused'],
    ['a content size that lies', lz4Frame(lz4Descriptor(0x68, 7, u64(3n)), lz4Stored(few)), 'refused'],
    ['a dictionary', lz4Frame(lz4Descriptor(0x61, 7, u32(7)), lz4Stored(few)), 'refused'],
    ['a reserved flag', lz4Frame(lz4Descriptor(0x62), lz4Stored(few)), 'refused'],
    ['another version', lz4Frame(lz4Descriptor(0xa0), lz4Stored(few)), 'refused'],
    ['a wrong header checksum', concat(lz4Magic, [0x60, 0x70, 0], lz4Stored(few), u32(0)), 'refused'],
    ['the legacy format', concat(u32(0x184c2102), lz4Packed(few)), 'refused'],
    ['a match of distance 0', lz4Frame(lz4Descriptor(), lz4Packed(Uint8Array.of(0x10, 0x61, 0, 0, 0x50, 1, 2, 3, 4, 5))), 'refused'],
    ['a match before the start', lz4Frame(lz4Descriptor(), lz4Packed(Uint8Array.of(0x10, 0x61, 9, 0, 0x50, 1, 2, 3, 4, 5))), 'refused'],
    ['literals without end', lz4Frame(lz4Descriptor(), lz4Packed(new Uint8Array(2 * MiB).fill(0xff))), 'refused'],
    ['a match longer than the block', lz4Frame(lz4Descriptor(0x60, 4), lz4Packed(lz4BombBlock())), 'refused'],
    ['no end mark', concat(lz4Magic, lz4Descriptor(), lz4Stored(few)), 'refused'],
    ['100,000 skippable frames', concat(repeat(skippable(0, nothing), 100_000), good), 'sound'],
    ['skippable frames alone', repeat(skippable(0, nothing), 100_000), 'refused'],
    ['a skippable frame of 4 GB', concat(skippable(0xffffffff, few), good), 'refused'],
    ['10,000 frames', concat(repeat(lz4Frame(lz4Descriptor(), lz4Stored(encoder.encode('a\n'))), 10_000), good), 'sound'],
    ['a frame behind text', concat(good, few), 'refused'],
    ['empty blocks without end', concat(lz4Magic, lz4Descriptor(), repeat(u32(0x80000000), 100_000)), 'refused'],
  ] // prettier-ignore
  return [
    { name: 'a bomb', container: 'lz4', bytes: bomb, verdict: 'sound', bomb: true },
    ...made.map(([name, bytes, verdict]): HostileStream => ({ name, container: 'lz4', bytes, verdict })),
  ]
}

const zstdMagic = u32(0xfd2fb528)

/** Block header: 1 bit last, 2 bits type (0 raw, 1 one byte repeated, 2 compressed, 3 reserved), 21 bits size. */
function zstdBlock(type: number, size: number, content: Uint8Array | readonly number[], last = false): Uint8Array {
  return concat(u32((size << 3) | (type << 1) | (last ? 1 : 0)).subarray(0, 3), content)
}

/** Window of 2^(10 + exponent). */
const zstdWindow = (exponent: number): readonly number[] => [0, exponent << 3]
const zstdEnd = zstdBlock(0, few.length, few, true)
const zstdFrame = (descriptor: Uint8Array | readonly number[], ...blocks: readonly Uint8Array[]): Uint8Array =>
  concat(zstdMagic, descriptor, ...blocks)

function zstdStreams(): HostileStream[] {
  const good = zstdFrame(zstdWindow(7), zstdEnd)
  const skippable = (size: number, content: Uint8Array): Uint8Array => concat(u32(0x184d2a5f), u32(size), content)
  const times = bombBytes / 131072
  const oneRow = zstdFrame(zstdWindow(7), repeat(zstdBlock(1, 131072, [0x78]), times), zstdBlock(0, 1, [10]), zstdEnd)
  const emptyRows = zstdFrame(zstdWindow(7), repeat(zstdBlock(1, 131072, [10]), times / 16), zstdEnd)
  const made: readonly (readonly [string, Uint8Array, Verdict])[] = [
    ['a window of 8 MiB', zstdFrame(zstdWindow(13), zstdEnd), 'sound'],
    ['a window of 128 MiB', zstdFrame(zstdWindow(17), zstdEnd), 'sound'],
    ['a window of 1 GiB', zstdFrame(zstdWindow(20), zstdEnd), 'refused'],
    ['a window of 3.75 TiB', zstdFrame([0, 0xff], zstdEnd), 'refused'],
    ['one segment of 2^62 bytes', zstdFrame(concat([0xe0], u64(2n ** 62n)), zstdEnd), 'refused'],
    ['one segment of 100 MB that is not there', zstdFrame(concat([0xa0], u32(100_000_000)), zstdEnd), 'refused'],
    ['a content size that lies', zstdFrame([0x20, 3], zstdEnd), 'refused'],
    ['a dictionary', zstdFrame([1, 7 << 3, 5], zstdEnd), 'refused'],
    ['a dictionary of four bytes', zstdFrame(concat([3, 7 << 3], u32(77)), zstdEnd), 'refused'],
    ['a reserved flag', zstdFrame([8, 7 << 3], zstdEnd), 'refused'],
    ['a reserved block', zstdFrame(zstdWindow(7), zstdBlock(3, 1, [0]), zstdEnd), 'refused'],
    ['a block of 2 MiB', zstdFrame(zstdWindow(17), zstdBlock(1, 2 ** 21 - 1, [10]), zstdEnd), 'refused'],
    ['a wrong checksum', zstdFrame([4, 7 << 3], zstdEnd, u32(1)), 'refused'],
    ['no last block', zstdFrame(zstdWindow(7), zstdBlock(0, few.length, few)), 'refused'],
    ['empty blocks without end', zstdFrame(zstdWindow(7), repeat(zstdBlock(0, 0, []), 100_000)), 'refused'],
    ['100,000 skippable frames', concat(repeat(skippable(0, nothing), 100_000), good), 'sound'],
    ['skippable frames alone', repeat(skippable(0, nothing), 100_000), 'refused'],
    ['a skippable frame of 4 GB', concat(skippable(0xffffffff, few), good), 'refused'],
    ['10,000 frames', concat(repeat(zstdFrame(zstdWindow(7), zstdBlock(0, 2, encoder.encode('a\n'), true)), 10_000), good), 'sound'],
    ['text behind the end', concat(good, few), 'refused'],
  ] // prettier-ignore
  return [
    { name: 'a bomb of one row', container: 'zstd', bytes: oneRow, verdict: 'sound', bomb: true },
    { name: 'a bomb of empty rows', container: 'zstd', bytes: emptyRows, verdict: 'sound', bomb: true },
    ...made.map(([name, bytes, verdict]): HostileStream => {
      const frames = name.endsWith(' frames') && verdict === 'sound'
      return { name, container: 'zstd', bytes, verdict, frames }
    }),
  ]
}

/** All of them. */
export function hostileStreams(): readonly HostileStream[] {
  return [...zlibStreams(), ...gzipStreams(), ...lz4Streams(), ...zstdStreams()]
}
