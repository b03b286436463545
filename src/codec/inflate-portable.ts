import { Inflate } from 'fflate'
import { adler32 } from './checksum.ts'
import { CodecFailure } from './codec.ts'
import type { Engine } from './codec.ts'

/** A deflate stream expands by at most 1032, so one slice gives at most 17 MB; fflate has no bound of its own. */
const SLICE = 16384
const EMPTY = new Uint8Array(0)

/** fflate's own notes on where it stands: its types hide them, and no public member tells where a stream ends. */
interface Progress {
  /** `f` = the last block has begun, `l` = code table of the current block, `p` = bits used of the first byte of rest. */
  readonly s: { readonly f?: number; readonly l?: object | null; readonly p?: number }
  /** Input that is not used yet. */
  readonly p: Uint8Array
}

/** Bare deflate with fflate, for browsers and as the last resort elsewhere. */
class FflateEngine implements Engine {
  used = 0
  written = 0
  ended = false
  #inflate = this.#make()
  #output: Uint8Array = EMPTY
  #given = 0
  #over = false

  #make(): Inflate {
    return new Inflate((chunk) => {
      this.#output = chunk
      this.#given = 0
    })
  }

  run(input: Uint8Array, from: number, target: Uint8Array, at: number): void {
    let next = from
    let room = at
    for (;;) {
      const length = Math.min(this.#output.length - this.#given, target.length - room)
      target.set(this.#output.subarray(this.#given, this.#given + length), room)
      this.#given += length
      room += length
      if (room === target.length || this.#over || next === input.length) break
      const slice = input.subarray(next, next + SLICE)
      next += slice.length - this.#push(slice)
    }
    this.used = next - from
    this.written = room - at
    this.ended = this.#over && this.#given === this.#output.length
  }

  /** Gives the number of bytes of `slice` that lie behind the end of the stream. */
  #push(slice: Uint8Array): number {
    try {
      this.#inflate.push(slice)
    } catch (error) {
      throw new CodecFailure('BAD_COMPRESSED_DATA', error instanceof Error ? error.message : String(error))
    }
    const { s: state, p: rest } = this.#inflate as unknown as Progress // see Progress; fflate's version is pinned
    this.#over = state.f === 1 && !state.l
    return this.#over ? rest.length - ((state.p ?? 0) > 0 ? 1 : 0) : 0
  }

  complete(): boolean {
    return this.#over
  }

  reset(): void {
    this.#inflate = this.#make()
    this.#output = EMPTY
    this.#given = 0
    this.#over = false
  }

  close(): void {
    this.reset()
  }
}

/** The zlib wrapper (RFC 1950) over a bare deflate engine, with the messages of zlib. */
class ZlibOverDeflate implements Engine {
  used = 0
  written = 0
  ended = false
  readonly #deflate: Engine
  #state: 'header' | 'body' | 'trailer' | 'end' = 'header'
  #have = 0
  #value = 0
  #adler = 1

  constructor(deflate: Engine) {
    this.#deflate = deflate
  }

  run(input: Uint8Array, from: number, target: Uint8Array, at: number): void {
    let next = from
    this.written = 0
    if (this.#state === 'header') next = this.#field(input, next, 2)
    if (this.#state === 'body') {
      this.#deflate.run(input, next, target, at) // FflateEngine is synchronous
      next += this.#deflate.used
      this.written = this.#deflate.written
      this.#adler = adler32(target.subarray(at, at + this.written), this.#adler)
      if (this.#deflate.ended) this.#state = 'trailer'
    }
    if (this.#state === 'trailer') next = this.#field(input, next, 4)
    this.used = next - from
    this.ended = this.#state === 'end'
  }

  /** Collects a big-endian number of `bytes` bytes. */
  #field(input: Uint8Array, from: number, bytes: number): number {
    let next = from
    while (next < input.length && this.#have < bytes) {
      this.#value = ((this.#value << 8) | (input[next++] ?? 0)) >>> 0
      this.#have++
    }
    if (this.#have < bytes) return next
    const value = this.#value
    this.#have = 0
    this.#value = 0
    if (bytes === 2) this.#header(value)
    else this.#trailer(value)
    return next
  }

  #header(value: number): void {
    if (value % 31 !== 0) throw new CodecFailure('BAD_COMPRESSED_DATA', 'incorrect header check')
    if (((value >>> 8) & 15) !== 8) throw new CodecFailure('BAD_COMPRESSED_DATA', 'unknown compression method')
    if (value >>> 12 > 7) throw new CodecFailure('BAD_COMPRESSED_DATA', 'invalid window size')
    if ((value & 0x20) !== 0) throw new CodecFailure('UNSUPPORTED_COMPRESSION', 'Missing dictionary')
    this.#state = 'body'
  }

  #trailer(value: number): void {
    if (value !== this.#adler) throw new CodecFailure('CHECKSUM_MISMATCH', 'incorrect data check')
    this.#state = 'end'
  }

  complete(): boolean {
    return this.#state === 'end'
  }

  reset(): void {
    this.#deflate.reset()
    this.#state = 'header'
    this.#have = 0
    this.#value = 0
    this.#adler = 1
  }

  close(): void {
    this.#deflate.close()
  }
}

/** An engine in plain JavaScript for bare deflate, or for deflate in a zlib wrapper. */
export function openPortableInflater(kind: 'raw' | 'zlib'): Engine {
  const deflate = new FflateEngine()
  return kind === 'raw' ? deflate : new ZlibOverDeflate(deflate)
}
