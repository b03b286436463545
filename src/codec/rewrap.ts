import { crc32 } from '#codec/platform'
import type { ChunkSource } from '../io/chunks.ts'
import { adler32 } from './checksum.ts'
import { CodecFailure, withContext, type DecodeContext } from './codec.ts'
import { ZlibDecoder } from './deflate.ts'
import { gzipHeader, gzipTrailer } from './gzip-file.ts'

/*
 * A zlib stream (RFC 1950, within custom archives) and a gzip file (RFC 1952, in directories) hold the same deflate
 * data between another header and another checksum. Decoding, which the checksum needs, takes a tenth of the time that
 * compressing does.
 */

/** Bytes of the fixed part of a gzip header, and of its trailer. */
const GZIP_HEADER = 10
const GZIP_TRAILER = 8
const ADLER_BYTES = 4

/** What is decoded at a time, for the sums alone. */
const TARGET_BYTES = 256 * 1024
/** Buffers for that: a directory may have very many files. */
const targets: Uint8Array[] = []
const MAX_IDLE = 2

/** Checksums of what some deflate data decode to. */
class DeflateSums {
  readonly #decoder = new ZlibDecoder()
  readonly #target = targets.pop() ?? new Uint8Array(TARGET_BYTES)
  crc = 0
  adler = 1
  /** Modulo 2^32. */
  size = 0

  /** @throws CodecFailure */
  async add(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    this.#decoder.input(bytes)
    for (;;) {
      const written = await this.#decoder.read(this.#target)
      const decoded = this.#target.subarray(0, written)
      this.crc = crc32(decoded, this.crc)
      this.adler = adler32(decoded, this.adler)
      this.size = (this.size + written) >>> 0
      if (written < this.#target.length) return
    }
  }

  /** @throws CodecFailure */
  async finish(): Promise<void> {
    await this.#decoder.finish()
  }

  /** Safe once: what it decoded into is used by others then. */
  close(): void {
    this.#decoder.close()
    if (targets.length < MAX_IDLE) targets.push(this.#target)
  }
}

/** Holds back the last `count` bytes of a stream. */
class HeldBack {
  readonly #count: number
  bytes: Uint8Array = new Uint8Array(0)

  constructor(count: number) {
    this.#count = count
  }

  /** Takes a chunk and gives what is certainly not among the last bytes: bytes of its own. */
  push(chunk: Uint8Array): Uint8Array {
    const joined = new Uint8Array(this.bytes.length + chunk.length)
    joined.set(this.bytes)
    joined.set(chunk, this.bytes.length)
    const keep = Math.min(this.#count, joined.length)
    this.bytes = joined.subarray(joined.length - keep)
    return joined.subarray(0, joined.length - keep)
  }
}

/**
 * A gzip file of one member around the deflate data of a zlib stream, which is checked on the way.
 * @throws ArchiveError BAD_COMPRESSED_DATA, TRAILING_DATA, UNEXPECTED_EOF when read
 */
export function zlibToGzip(input: ChunkSource, context: DecodeContext): ChunkSource {
  return generated(input, context, async function* () {
    const sums = new DeflateSums()
    try {
      const held = new HeldBack(ADLER_BYTES)
      let head: Uint8Array = new Uint8Array(0)
      let begun = false
      for (let chunk = await input.next(); chunk !== null; chunk = await input.next()) {
        await sums.add(chunk)
        let body = held.push(chunk)
        if (!begun) {
          head = concat(head, body) // 1 byte CMF, 1 byte FLG
          if (head.length < 2) continue
          begun = true
          yield gzipHeader(levelOf(head[1] ?? 0))
          body = head.subarray(2)
        }
        if (body.length > 0) yield body
      }
      await sums.finish()
      yield gzipTrailer(sums.crc, sums.size)
    } finally {
      sums.close()
    }
  })
}

/** What a pass over a gzip file tells about the zlib stream that it can become. */
export interface GzipScan {
  /** Offset of the deflate data in the file. */
  readonly start: number
  readonly flg: number
  readonly adler: number
}

/**
 * Reads a gzip file and tells how to wrap it as a zlib stream; undefined when it is not exactly one member, or damaged,
 * which a decoder will tell. Releases the source.
 */
export async function scanGzip(input: ChunkSource): Promise<GzipScan | undefined> {
  const sums = new DeflateSums()
  try {
    return await scan(input, sums)
  } catch (error) {
    if (error instanceof CodecFailure) return undefined
    throw error
  } finally {
    sums.close()
    await input.cancel()
  }
}

async function scan(input: ChunkSource, sums: DeflateSums): Promise<GzipScan | undefined> {
  const held = new HeldBack(GZIP_TRAILER)
  let head: Uint8Array = new Uint8Array(0)
  let start: number | undefined
  await sums.add(zlibHeader(0))
  for (let chunk = await input.next(); chunk !== null; chunk = await input.next()) {
    if (start !== undefined) {
      await sums.add(held.push(chunk))
      continue
    }
    head = concat(head, chunk)
    const end = gzipHeaderEnd(head)
    if (end === 'bad') return undefined
    if (end === 'more') continue
    start = end
    await sums.add(held.push(head.subarray(end)))
  }
  if (start === undefined || held.bytes.length < GZIP_TRAILER) return undefined
  const { adler, crc, size } = sums
  // ends the zlib stream that the decoder was told: if the deflate data ended before, it says so
  await sums.add(bigEndian(adler))
  await sums.finish()
  const trailer = gzipTrailer(crc, size)
  if (!held.bytes.every((byte, index) => byte === trailer[index])) return undefined
  return { start, flg: head[8] ?? 0, adler }
}

/** The zlib stream around the deflate data of a gzip file that {@link scanGzip} has been through. */
export function gzipToZlib(input: ChunkSource, found: GzipScan, context: DecodeContext): ChunkSource {
  return generated(input, context, async function* () {
    const held = new HeldBack(GZIP_TRAILER)
    let skip = found.start
    yield zlibHeader(found.flg)
    for (let chunk = await input.next(); chunk !== null; chunk = await input.next()) {
      const skipped = Math.min(skip, chunk.length)
      skip -= skipped
      const body = held.push(chunk.subarray(skipped))
      if (body.length > 0) yield body
    }
    yield bigEndian(found.adler)
  })
}

/** Longer optional fields than this are not looked through. */
const MOST_HEADER = 64 * 1024

/** Where the header of a gzip member ends. */
function gzipHeaderEnd(bytes: Uint8Array): number | 'more' | 'bad' {
  if (bytes.length < GZIP_HEADER) return bytes.length > 0 && bytes[0] !== 0x1f ? 'bad' : 'more'
  const flags = bytes[3] ?? 0
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8 || (flags & 0xe0) !== 0) return 'bad'
  const more = bytes.length > MOST_HEADER ? 'bad' : 'more'
  let at = GZIP_HEADER
  if ((flags & 0x04) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0) // extra field
  for (const flag of [0x08, 0x10]) {
    if ((flags & flag) === 0) continue // name, comment: up to a zero byte
    const end = bytes.indexOf(0, at)
    if (end < 0) return more
    at = end + 1
  }
  if ((flags & 0x02) !== 0) at += 2 // CRC of the header
  return at > bytes.length ? more : at
}

/** The level that a gzip header tells, as far as FLEVEL of a zlib header does. */
function levelOf(flg: number): number {
  const flevel = flg >>> 6
  return flevel === 3 ? 9 : flevel === 0 ? 1 : 6
}

/** A window of 32 KiB, and FLEVEL by a gzip header's XFL. */
function zlibHeader(xfl: number): Uint8Array {
  return Uint8Array.of(0x78, xfl === 2 ? 0xda : xfl === 4 ? 0x01 : 0x9c)
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}

/** Chunks of a generator over `input`, with the context added to a codec's failure. */
function generated(
  input: ChunkSource,
  context: DecodeContext,
  generate: () => AsyncGenerator<Uint8Array, void, void>,
): ChunkSource {
  const generator = generate()
  return {
    async next() {
      try {
        const step = await generator.next()
        return step.done === true ? null : step.value
      } catch (error) {
        throw withContext(context, error)
      }
    },
    async cancel() {
      await generator.return()
      await input.cancel()
    },
  }
}
