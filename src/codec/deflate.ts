import { crc32, createInflater } from '#codec/platform'
import { CodecFailure, HERE } from './codec.ts'
import type { Decoder, Engine, Place } from './codec.ts'

const EMPTY = new Uint8Array(0)

/**
 * RFC 1950, the wrapping of gzip data inside a custom archive (`ReadDataFromArchiveGzip, compress_gzip.c`). Exactly
 * one stream: bytes after its end, on which the C reader loops for ever, are refused.
 */
export class ZlibDecoder implements Decoder {
  readonly #engine: Engine
  #input: Uint8Array = EMPTY
  #at = 0
  #more = false // the engine may hold output for which there was no room

  constructor(place: Place = HERE) {
    this.#engine = createInflater('zlib', place)
  }

  input(chunk: Uint8Array): void {
    this.#input = chunk
    this.#at = 0
  }

  read(target: Uint8Array): number | Promise<number> {
    if (!this.#more && this.#at === this.#input.length) return 0
    const running = this.#engine.run(this.#input, this.#at, target, 0)
    return running === undefined ? this.#take(target) : running.then(() => this.#take(target))
  }

  #take(target: Uint8Array): number {
    const { used, written, ended } = this.#engine
    this.#at += used
    if (ended && this.#at < this.#input.length) {
      throw new CodecFailure('TRAILING_DATA', 'there are bytes after the end of the zlib stream')
    }
    this.#more = written === target.length
    return written
  }

  finish(): void | Promise<void> {
    const complete = this.#engine.complete()
    return typeof complete === 'boolean' ? endOfZlib(complete) : complete.then(endOfZlib)
  }

  close(): void {
    this.#engine.close()
  }
}

function endOfZlib(complete: boolean): void {
  if (!complete) throw new CodecFailure('UNEXPECTED_EOF', 'the zlib stream ends before its end mark')
}

const ID1 = 0x1f
const ID2 = 0x8b
const FHCRC = 0x02
const FEXTRA = 0x04
const FNAME = 0x08
const FCOMMENT = 0x10
const RESERVED = 0xe0

/** Where a {@link GzipDecoder} stands. */
type GzipState =
  | 'magic' // before or within the two magic bytes of the first member
  | 'next-magic' // the same, of a later member
  | 'fixed' // CM FLG MTIME XFL OS: 8 bytes
  | 'extra-length'
  | 'extra'
  | 'name'
  | 'comment'
  | 'header-crc'
  | 'body'
  | 'trailer' // CRC32 ISIZE: 8 bytes
  | 'plain' // no gzip file: passed through
  | 'garbage' // after the last member: ignored

/**
 * RFC 1952, a `.gz` file, read as zlib's gz layer does (`gzread`; `Gzip_read, compress_gzip.c`): members follow one
 * another, a file without the magic bytes is passed through as it is, garbage and padding after a member are ignored.
 * Unlike there, a file that breaks off is an error.
 */
export class GzipDecoder implements Decoder {
  readonly #engine: Engine
  #input: Uint8Array = EMPTY
  #at = 0
  #more = false // the engine may hold output for which there was no room
  #target: Uint8Array = EMPTY
  #written = 0
  #state: GzipState = 'magic'
  #flags = 0
  #need = 0 // bytes of the current field still to come
  #value = 0 // the field so far, little-endian
  #shift = 0
  #size = 0
  #crc = 0
  #headerCrc = 0

  constructor(place: Place = HERE) {
    this.#engine = createInflater('raw', place)
  }

  /** Garbage behind the last member. */
  get isOver(): boolean {
    return this.#state === 'garbage'
  }

  input(chunk: Uint8Array): void {
    this.#input = chunk
    this.#at = 0
  }

  read(target: Uint8Array): number | Promise<number> {
    this.#target = target
    this.#written = 0
    return this.#run()
  }

  #run(): number | Promise<number> {
    while ((this.#more || this.#at < this.#input.length) && this.#written < this.#target.length) {
      switch (this.#state) {
        case 'body': {
          const running = this.#engine.run(this.#input, this.#at, this.#target, this.#written)
          if (running !== undefined) return running.then(() => this.#takeBody()).then(() => this.#run())
          this.#takeBody()
          break
        }
        case 'plain':
          this.#pass()
          break
        case 'garbage':
          this.#at = this.#input.length
          break
        case 'trailer':
          this.#trailer()
          break
        default:
          this.#header(this.#state)
      }
    }
    return this.#written
  }

  #takeBody(): void {
    const engine = this.#engine
    const end = this.#written + engine.written
    if (engine.written > 0) {
      this.#crc = crc32(this.#target.subarray(this.#written, end), this.#crc)
      this.#size = (this.#size + engine.written) >>> 0
    }
    this.#written = end
    this.#at += engine.used
    this.#more = !engine.ended && end === this.#target.length
    if (engine.ended) this.#expect('trailer', 8)
  }

  #pass(): void {
    const length = Math.min(this.#input.length - this.#at, this.#target.length - this.#written)
    this.#target.set(this.#input.subarray(this.#at, this.#at + length), this.#written)
    this.#at += length
    this.#written += length
  }

  #expect(state: GzipState, bytes: number): void {
    this.#state = state
    this.#need = bytes
    this.#value = 0
    this.#shift = 0
  }

  /** 8 bytes: CRC32 and size modulo 2^32, each little-endian. */
  #trailer(): void {
    const byte = this.#input[this.#at++] ?? 0
    this.#value = (this.#value | (byte << this.#shift)) >>> 0
    this.#shift = (this.#shift + 8) & 31
    this.#need--
    if (this.#need === 4) {
      if (this.#value !== this.#crc) {
        throw new CodecFailure('CHECKSUM_MISMATCH', mismatch('CRC32', this.#crc, this.#value))
      }
      this.#value = 0
    } else if (this.#need === 0) {
      if (this.#value !== this.#size) {
        throw new CodecFailure(
          'CHECKSUM_MISMATCH',
          `the gzip member has ${this.#size} bytes modulo 2^32, its trailer says ${this.#value}`,
        )
      }
      this.#engine.reset()
      this.#state = 'next-magic'
      this.#need = 0
    }
  }

  /** One byte of a member's header. */
  #header(state: GzipState): void {
    const byte = this.#input[this.#at] ?? 0
    if (state === 'magic' || state === 'next-magic') {
      this.#magic(state, byte)
      return
    }
    this.#at++
    if (state !== 'header-crc') this.#headerCrc = crc32(Uint8Array.of(byte), this.#headerCrc)
    switch (state) {
      case 'fixed': // 1 byte CM, 1 byte FLG, 6 bytes MTIME XFL OS
        if (this.#need === 8 && byte !== 8) throw bad('unknown compression method')
        if (this.#need === 7) {
          if ((byte & RESERVED) !== 0) throw bad('unknown header flags set')
          this.#flags = byte
        }
        if (--this.#need === 0) this.#afterField('fixed')
        return
      case 'extra-length': // 2 bytes
      case 'header-crc': // 2 bytes
        this.#value |= byte << this.#shift
        this.#shift += 8
        if (--this.#need === 0) this.#afterField(state)
        return
      case 'extra':
        if (--this.#need === 0) this.#afterField('extra')
        return
      default: // name and comment end with a zero byte
        if (byte === 0) this.#afterField(state)
    }
  }

  #magic(state: 'magic' | 'next-magic', byte: number): void {
    if (this.#need === 0) {
      if (byte !== ID1) {
        this.#state = state === 'magic' ? 'plain' : 'garbage'
        return
      }
      this.#need = 1
      this.#at++
      return
    }
    if (byte === ID2) {
      this.#at++
      this.#crc = 0
      this.#size = 0
      this.#headerCrc = crc32(Uint8Array.of(ID1, ID2), 0)
      this.#expect('fixed', 8)
    } else if (state === 'next-magic') {
      this.#state = 'garbage'
    } else {
      // The first byte was taken for the magic's; it belongs to the data.
      this.#target[this.#written++] = ID1
      this.#state = 'plain'
    }
  }

  /** Goes to the next field that the flags announce, in their order in the header. */
  #afterField(done: GzipState): void {
    const flags = this.#flags
    if (done === 'extra-length' && this.#value > 0) return this.#expect('extra', this.#value)
    if (done === 'header-crc' && this.#value !== (this.#headerCrc & 0xffff)) throw bad('header crc mismatch')
    const order: readonly GzipState[] = ['fixed', 'extra-length', 'extra', 'name', 'comment', 'header-crc', 'body']
    const at = order.indexOf(done)
    if (at < 1 && (flags & FEXTRA) !== 0) return this.#expect('extra-length', 2)
    if (at < 3 && (flags & FNAME) !== 0) return this.#expect('name', 0)
    if (at < 4 && (flags & FCOMMENT) !== 0) return this.#expect('comment', 0)
    if (at < 5 && (flags & FHCRC) !== 0) return this.#expect('header-crc', 2)
    return this.#expect('body', 0)
  }

  finish(): void {
    const state = this.#state
    // A single byte 1f after a member is garbage, but as a whole file it is a member that breaks off.
    if ((state === 'magic' && this.#need === 0) || state === 'next-magic') return
    if (state === 'plain' || state === 'garbage') return
    throw new CodecFailure('UNEXPECTED_EOF', 'the gzip file ends within a member')
  }

  close(): void {
    this.#engine.close()
  }
}

function bad(message: string): CodecFailure {
  return new CodecFailure('BAD_COMPRESSED_DATA', message)
}

function mismatch(name: string, computed: number, stored: number): string {
  return `${name} is ${computed.toString(16)}, the stream says ${stored.toString(16)}`
}
