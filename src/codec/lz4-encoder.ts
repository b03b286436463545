import type { Emit, Encoder } from './encoder.ts'
import { HASH_BITS, blockBound, encodeBlock } from './lz4-compress.ts'
import type { BlockEncode } from './lz4-compress.ts'
import { HighCompressor } from './lz4-compress-high.ts'
import { openWasmEncoder } from './lz4-compress-wasm.ts'
import { Xxh32, xxh32 } from './xxh32.ts'

/** Content per block: 64 KiB, what pg_dump's blocks hold. */
const BLOCK = 65536
/** How far back a match can reach. */
const HISTORY = 65536
/** Blocks that are taken in before the history is moved to the front. */
const BLOCKS = 12
const TABLE_BYTES = 4 << HASH_BITS
const INPUT_AT = TABLE_BYTES
const INPUT_END = INPUT_AT + HISTORY + BLOCKS * BLOCK
const OUTPUT_AT = INPUT_END
/** Output that is gathered before it is emitted. */
const OUTPUT_BYTES = 131072
const MEMORY_BYTES = OUTPUT_AT + OUTPUT_BYTES + 4 + blockBound(BLOCK) + 64
const UNCOMPRESSED = 0x80000000
const PAGE = 65536
/** Idle pieces of memory kept: each is dear to make for thousands of small large objects. */
const MAX_IDLE = 2

/** The way to compress a block, over one piece of memory. */
interface Matcher {
  readonly encode: BlockEncode
  /** The content has been moved down by so many bytes. */
  move(distance: number): void
}

/** Memory for the table of the fast way, content and output; and the fast way itself where WebAssembly can run. */
interface Room {
  readonly memory: Uint8Array
  readonly encode: BlockEncode | undefined
}

const idle: Room[] = []

function makeRoom(): Room {
  let memory: Uint8Array | undefined
  const encode = openWasmEncoder(() => {
    const pages = Math.ceil(MEMORY_BYTES / PAGE)
    const own = new WebAssembly.Memory({ initial: pages, maximum: pages })
    memory = new Uint8Array(own.buffer)
    return own
  })
  return { memory: memory ?? new Uint8Array(MEMORY_BYTES), encode }
}

function fastMatcher({ memory, encode }: Room): Matcher {
  const table = new Int32Array(memory.buffer, 0, 1 << HASH_BITS).fill(0)
  return {
    encode: encode ?? ((start, end, output, low) => encodeBlock(memory, table, start, end, output, low)),
    move(distance) {
      for (let i = 0; i < table.length; i++) table[i] = Math.max(0, (table[i] ?? 0) - distance)
    },
  }
}

function highMatcher({ memory }: Room, level: number): Matcher {
  const high = new HighCompressor(memory, level)
  return {
    encode: (start, end, output, low) => high.encode(start, end, output, low),
    move: (distance) => high.move(distance),
  }
}

/**
 * One LZ4 frame as liblz4 makes it for pg_dump (`LZ4State_compression_init, compress_lz4.c`): linked blocks of 64 KiB
 * without checksums of their own, no content size, an end mark; by default a checksum of the content, too.
 */
export class Lz4Encoder implements Encoder {
  readonly #room: Room = idle.pop() ?? makeRoom()
  readonly #memory = this.#room.memory
  readonly #matcher: Matcher
  readonly #checksum: Xxh32 | undefined
  #low = INPUT_AT // matches reach back to here
  #block = INPUT_AT // the content that is not compressed yet
  #end = INPUT_AT
  #output = OUTPUT_AT

  constructor(level: number, checksum: boolean) {
    this.#matcher = level < 3 ? fastMatcher(this.#room) : highMatcher(this.#room, level)
    this.#checksum = checksum ? new Xxh32() : undefined
    this.#header(checksum)
  }

  #header(checksum: boolean): void {
    // 4 bytes magic; 1 byte FLG: version 1, linked blocks, content checksum; 1 byte BD: blocks of 64 KiB; 1 byte checksum
    const descriptor = Uint8Array.of(checksum ? 0x44 : 0x40, 0x40)
    this.#number(0x184d2204)
    this.#memory.set(descriptor, this.#output)
    this.#memory[this.#output + 2] = (xxh32(descriptor) >>> 8) & 0xff
    this.#output += 3
  }

  /** 4 bytes, little-endian. */
  #number(value: number): void {
    new DataView(this.#memory.buffer).setUint32(this.#output, value, true)
    this.#output += 4
  }

  write(chunk: Uint8Array, emit: Emit): void {
    for (let at = 0; at < chunk.length;) {
      const length = Math.min(chunk.length - at, this.#block + BLOCK - this.#end)
      this.#memory.set(length === chunk.length ? chunk : chunk.subarray(at, at + length), this.#end)
      at += length
      this.#end += length
      if (this.#end === this.#block + BLOCK) this.#compress(emit)
    }
  }

  #compress(emit: Emit): void {
    const memory = this.#memory
    const length = this.#end - this.#block
    this.#checksum?.update(memory.subarray(this.#block, this.#end))
    const start = this.#output + 4
    const end = this.#matcher.encode(this.#block, this.#end, start, this.#low)
    if (end - start < length) {
      this.#number(end - start)
      this.#output = end
    } else {
      this.#number(length + UNCOMPRESSED)
      memory.copyWithin(start, this.#block, this.#end)
      this.#output = start + length
    }
    this.#block = this.#end
    if (this.#block === INPUT_END) this.#wrap()
    if (this.#output >= OUTPUT_AT + OUTPUT_BYTES) this.#flush(emit)
  }

  /** Moves the last 64 KiB of content, the history, to the front. */
  #wrap(): void {
    const distance = this.#end - HISTORY - INPUT_AT
    this.#memory.copyWithin(INPUT_AT, this.#end - HISTORY, this.#end)
    this.#matcher.move(distance)
    this.#end -= distance
    this.#block = this.#end
    this.#low = INPUT_AT
  }

  #flush(emit: Emit): void {
    emit(this.#memory.subarray(OUTPUT_AT, this.#output))
    this.#output = OUTPUT_AT
  }

  finish(emit: Emit): void {
    if (this.#end > this.#block) this.#compress(emit)
    this.#number(0)
    if (this.#checksum !== undefined) this.#number(this.#checksum.digest())
    this.#flush(emit)
  }

  close(): void {
    if (idle.length < MAX_IDLE) idle.push(this.#room)
  }
}
