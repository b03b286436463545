import { CodecFailure } from './codec.ts'
import type { Decoder } from './codec.ts'
import { HISTORY, releaseArena, takeArena } from './lz4-arena.ts'
import type { Lz4Arena } from './lz4-arena.ts'
import { Xxh32, xxh32 } from './xxh32.ts'

const EMPTY = new Uint8Array(0)
const MAGIC = 0x184d2204
const LEGACY_MAGIC = 0x184c2102
const SKIPPABLE_MAGIC = 0x184d2a50 // to 0x184d2a5f
const UNCOMPRESSED = 0x80000000
/** By the code in the descriptor. */
const BLOCK_SIZES: ReadonlyMap<number, number> = new Map([
  [4, 65536],
  [5, 262144],
  [6, 1048576],
  [7, 4194304],
])

/** The descriptor of a frame. */
interface Frame {
  readonly linked: boolean
  readonly blockChecksum: boolean
  readonly contentChecksum: Xxh32 | undefined
  readonly contentSize: bigint | undefined
  readonly blockSize: number
}

/** Where a {@link Lz4Decoder} stands: which field comes next. */
type Lz4State =
  | 'magic' // 4 bytes
  | 'skip-size' // 4 bytes
  | 'skip' // the content of a skippable frame
  | 'flags' // 2 bytes  FLG BD
  | 'descriptor' // the rest of it: 8 bytes content size, 1 byte header checksum
  | 'block-size' // 4 bytes, 0 = end mark
  | 'block' // the stored block, 4 bytes checksum
  | 'content-checksum' // 4 bytes

const FIELD: Readonly<Record<'magic' | 'skip-size' | 'flags' | 'block-size' | 'content-checksum', number>> = {
  magic: 4,
  'skip-size': 4,
  flags: 2,
  'block-size': 4,
  'content-checksum': 4,
}

/**
 * LZ4 frames, any number of them, skippable ones between (`ReadDataFromArchiveLZ4` and `LZ4Stream_read_internal,
 * compress_lz4.c`): linked and independent blocks of all sizes, every checksum and the content size verified where
 * they are present. No input at all is an empty stream, as the writer of the directory format leaves it. Unlike the
 * C reader, a frame without its end mark is an error.
 */
export class Lz4Decoder implements Decoder {
  #arena: Lz4Arena | undefined
  #input: Uint8Array = EMPTY
  #at = 0
  #state: Lz4State = 'magic'
  readonly #field = new Uint8Array(16)
  #have = 0 // bytes of the current field, or of the current block, that are there
  #need = FIELD.magic
  #skip = 0
  #frame: Frame = {
    linked: false,
    blockChecksum: false,
    contentChecksum: undefined,
    contentSize: undefined,
    blockSize: 0,
  }
  #storedSize = 0
  #uncompressed = false
  #frameStart = 0 // in the arena: matches of a linked block do not reach further back
  #end = 0 // in the arena: end of the output
  #given = 0 // in the arena: end of the output that `read` has given
  #content = 0n

  input(chunk: Uint8Array): void {
    this.#input = chunk
    this.#at = 0
  }

  read(target: Uint8Array): number {
    let written = this.#give(target, 0)
    while (written < target.length && this.#at < this.#input.length) {
      if (this.#state === 'skip') this.#skipSome()
      else if (this.#state === 'block') this.#fillBlock()
      else this.#fillField()
      if (this.#end > this.#given) written += this.#give(target, written)
    }
    return written
  }

  #give(target: Uint8Array, at: number): number {
    const length = Math.min(this.#end - this.#given, target.length - at)
    if (length === 0 || this.#arena === undefined) return 0
    target.set(this.#arena.memory.subarray(this.#given, this.#given + length), at)
    this.#given += length
    return length
  }

  #expect(state: Exclude<Lz4State, 'skip' | 'block' | 'descriptor'>): void {
    this.#state = state
    this.#have = 0
    this.#need = FIELD[state]
  }

  #skipSome(): void {
    const length = Math.min(this.#skip, this.#input.length - this.#at)
    this.#at += length
    this.#skip -= length
    if (this.#skip === 0) this.#expect('magic')
  }

  #fillField(): void {
    const length = Math.min(this.#need - this.#have, this.#input.length - this.#at)
    for (let i = 0; i < length; i++) this.#field[this.#have++] = this.#input[this.#at++] ?? 0
    if (this.#have < this.#need) return
    switch (this.#state) {
      case 'magic':
        return this.#magic(uint32(this.#field, 0))
      case 'skip-size':
        this.#skip = uint32(this.#field, 0)
        if (this.#skip === 0) return this.#expect('magic')
        this.#state = 'skip'
        return undefined
      case 'flags':
        return this.#flags(this.#field[0] ?? 0)
      case 'descriptor':
        return this.#descriptor()
      case 'block-size':
        return this.#blockSize(uint32(this.#field, 0))
      default:
        return this.#contentChecksum(uint32(this.#field, 0))
    }
  }

  #magic(magic: number): void {
    if (magic === MAGIC) return this.#expect('flags')
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) return this.#expect('skip-size')
    if (magic === LEGACY_MAGIC) {
      throw new CodecFailure(
        'UNSUPPORTED_COMPRESSION',
        'this is a frame of the legacy LZ4 format, which pg_dump never wrote',
      )
    }
    throw bad(`an LZ4 frame cannot begin with the number 0x${hex(magic)}, must be 0x${hex(MAGIC)}`)
  }

  #flags(flags: number): void {
    if (flags >>> 6 !== 1) throw bad(`LZ4 frame version is ${flags >>> 6}, must be 1`)
    if ((flags & 0x02) !== 0) throw bad('a reserved bit of the LZ4 frame flags is set')
    if ((flags & 0x01) !== 0) {
      throw new CodecFailure('UNSUPPORTED_COMPRESSION', 'the LZ4 frame needs a dictionary, which pg_dump never uses')
    }
    const descriptor = this.#field[1] ?? 0
    if ((descriptor & 0x8f) !== 0) throw bad('a reserved bit of the LZ4 block descriptor is set')
    // Goes on in the same field: the header checksum covers all of it.
    this.#need = (flags & 0x08) === 0 ? 3 : 11
    this.#state = 'descriptor'
  }

  #descriptor(): void {
    const field = this.#field
    const sum = (xxh32(field.subarray(0, this.#need - 1)) >>> 8) & 0xff
    const stored = field[this.#need - 1] ?? 0
    if (sum !== stored) throw checksum('LZ4 frame header', sum, stored)
    const flags = field[0] ?? 0
    const blockSize = BLOCK_SIZES.get((field[1] ?? 0) >>> 4)
    if (blockSize === undefined) throw bad(`LZ4 block size code is ${(field[1] ?? 0) >>> 4}, must be 4 to 7`)
    const contentSize = (flags & 0x08) === 0 ? undefined : new DataView(field.buffer).getBigUint64(2, true)
    this.#frame = {
      linked: (flags & 0x20) === 0,
      blockChecksum: (flags & 0x10) !== 0,
      contentChecksum: (flags & 0x04) === 0 ? undefined : new Xxh32(),
      contentSize,
      blockSize,
    }
    this.#content = 0n
    this.#prepare(blockSize)
    this.#expect('block-size')
  }

  /** Takes memory for blocks of this size; here all output so far has been given. */
  #prepare(blockSize: number): void {
    const arena = this.#arena
    if (arena === undefined || arena.outputAt - arena.inputAt < blockSize) {
      if (arena !== undefined) releaseArena(arena)
      this.#arena = undefined
      this.#arena = takeArena(blockSize)
      this.#end = this.#arena.outputAt
      this.#given = this.#end
    }
    this.#frameStart = this.#end
  }

  #blockSize(word: number): void {
    if (word === 0) return this.#endMark()
    this.#uncompressed = word >= UNCOMPRESSED
    this.#storedSize = this.#uncompressed ? word - UNCOMPRESSED : word
    const { blockSize, blockChecksum } = this.#frame
    if (this.#storedSize > blockSize) {
      throw bad(`an LZ4 block has ${this.#storedSize} bytes, the frame allows ${blockSize}`)
    }
    this.#have = 0
    this.#need = this.#storedSize + (blockChecksum ? 4 : 0)
    this.#state = 'block'
    if (this.#need === 0) this.#block() // an uncompressed block of no bytes
    return undefined
  }

  #endMark(): void {
    const { contentSize, contentChecksum } = this.#frame
    if (contentSize !== undefined && contentSize !== this.#content) {
      throw bad(`the LZ4 frame has ${this.#content} bytes, its header says ${contentSize}`)
    }
    this.#expect(contentChecksum === undefined ? 'magic' : 'content-checksum')
  }

  #contentChecksum(stored: number): void {
    const sum = this.#frame.contentChecksum?.digest() ?? stored
    if (sum !== stored) throw checksum('LZ4 frame content', sum, stored)
    this.#expect('magic')
  }

  #fillBlock(): void {
    const arena = this.#arena
    if (arena === undefined) return
    const length = Math.min(this.#need - this.#have, this.#input.length - this.#at)
    arena.memory.set(this.#input.subarray(this.#at, this.#at + length), arena.inputAt + this.#have)
    this.#at += length
    this.#have += length
    if (this.#have === this.#need) this.#block()
  }

  /** Decodes the block that is complete now; all earlier output has been given. */
  #block(): void {
    const arena = this.#arena
    if (arena === undefined) return
    const { memory, inputAt } = arena
    const { blockSize, linked, blockChecksum, contentChecksum } = this.#frame
    const inputEnd = inputAt + this.#storedSize
    if (blockChecksum) {
      const sum = xxh32(memory.subarray(inputAt, inputEnd))
      const stored = uint32(memory, inputEnd)
      if (sum !== stored) throw checksum('LZ4 block', sum, stored)
    }
    if (this.#end + blockSize > arena.outputEnd) this.#wrap(arena)
    const start = this.#end
    if (this.#uncompressed) {
      memory.copyWithin(start, inputAt, inputEnd)
      this.#end = start + this.#storedSize
    } else {
      const low = linked ? Math.max(this.#frameStart, start - HISTORY) : start
      this.#end = arena.decode(inputAt, inputEnd, start, start + blockSize, low)
      if (this.#end < 0) {
        this.#end = start
        throw bad('an LZ4 block is malformed')
      }
    }
    this.#given = start
    this.#content += BigInt(this.#end - start)
    contentChecksum?.update(memory.subarray(start, this.#end))
    this.#expect('block-size')
  }

  /** Moves the last 64 KiB of output, the history, to the front. */
  #wrap(arena: Lz4Arena): void {
    const from = Math.max(this.#frameStart, this.#end - HISTORY)
    arena.memory.copyWithin(arena.outputAt, from, this.#end)
    this.#frameStart = arena.outputAt
    this.#end = arena.outputAt + this.#end - from
  }

  finish(): void {
    if (this.#state === 'magic' && this.#have === 0) return
    throw new CodecFailure('UNEXPECTED_EOF', 'the LZ4 frame ends before its end mark')
  }

  close(): void {
    if (this.#arena !== undefined) releaseArena(this.#arena)
    this.#arena = undefined
    this.#given = this.#end
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
  return (low | ((bytes[at + 3] ?? 0) << 24)) >>> 0
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function bad(message: string): CodecFailure {
  return new CodecFailure('BAD_COMPRESSED_DATA', message)
}

function checksum(what: string, computed: number, stored: number): CodecFailure {
  return new CodecFailure(
    'CHECKSUM_MISMATCH',
    `the checksum of the ${what} is 0x${hex(computed)}, the stream says 0x${hex(stored)}`,
  )
}
