import { ArchiveError } from '../errors.ts'
import { joinBytes } from '../bytes/join-bytes.ts'
import type { Pull } from '../io/pull.ts'
import type { ArchiveHeader, DumpId } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { hints } from './hints.ts'
import type { SecondToc } from './second-toc.ts'
import { WindowStream } from './window-stream.ts'

/** Type byte of a block with one stream of data (pg_backup_archiver.h). */
export const BLK_DATA = 1
/** Type byte of a block with large objects. */
export const BLK_BLOBS = 3

/** How the numbers in data blocks are laid out, and how long anything can be at most. */
export interface BlockLayout {
  /** Bytes of an Int's magnitude. */
  readonly intSize: number
  /** 1 where an Int begins with a sign byte, else 0. */
  readonly signBytes: 0 | 1
  /** 1 where a block begins with its type, else 0: every block is then BLK_DATA. */
  readonly typeBytes: 0 | 1
  /** Size of the whole archive, Infinity on forward-only input. */
  readonly archiveBytes: number
  /** What may follow the last block. */
  readonly secondToc?: SecondToc | undefined
}

export function blockLayout(header: ArchiveHeader, archiveBytes: number, secondToc?: SecondToc): BlockLayout {
  const features = featuresOf(header.version)
  return {
    intSize: header.intSize,
    signBytes: features.revAndSign ? 1 : 0,
    typeBytes: features.copyStmtAndBlockType ? 1 : 0,
    archiveBytes,
    secondToc,
  }
}

/** The front of a data block. */
export interface BlockHeader {
  /** Offset of the block in the archive. */
  readonly offset: number
  /** Type byte as stored; anything but {@link BLK_DATA} and {@link BLK_BLOBS} is damage. */
  readonly type: number
  readonly dumpId: DumpId
}

/** A block that lies in a window. */
export interface WholeBlock {
  /** What its chunks hold. */
  readonly payload: Uint8Array
  /** Bytes of the block, its headers included. */
  readonly length: number
}

/** A chunk that is longer than the archive, but not than this, tells rather of an archive that was cut short. */
const plausibleChunk = 1024 * 1024

/** A magnitude that does not fit 32 bits: no writer of PostgreSQL's makes one. */
const tooLarge = Number.NaN

/**
 * Reads data blocks from a window, from wherever it stands (pg_backup_custom.c: _readBlockHeader, _skipData,
 * _skipLOs). One thing at a time: a block's header, then its body by {@link BlockReader.chunks} or the skip methods.
 */
export class BlockReader {
  readonly pull: Pull
  readonly #layout: BlockLayout
  readonly #intBytes: number
  readonly #longestChunk: number
  /** The block being read, for errors. */
  #dumpId: DumpId | undefined

  constructor(pull: Pull, layout: BlockLayout) {
    this.pull = pull
    this.#layout = layout
    this.#intBytes = layout.intSize + layout.signBytes
    this.#longestChunk = Math.max(layout.archiveBytes, plausibleChunk)
  }

  /**
   * The next block's header; null at the end of the input, which is an end only in front of a block, and in front of a
   * second table of contents, where the reader then stays.
   * @throws ArchiveError UNEXPECTED_EOF, BAD_BLOCK
   */
  async readHeader(): Promise<BlockHeader | null> {
    const { pull } = this
    const { typeBytes, secondToc } = this.#layout
    this.#dumpId = undefined
    const length = this.headerBytes
    if (length === 0) {
      throw new ArchiveError('BAD_BLOCK', 'Cannot read data blocks: the header says that an integer has no bytes')
    }
    if (pull.available < length && !(await pull.fill(length))) {
      if (pull.available === 0) return null
      throw this.#endOfInput()
    }
    const offset = pull.position
    const type = typeBytes === 1 ? (pull.buffer[pull.start] ?? 0) : BLK_DATA // 1 byte  type
    if (type !== BLK_DATA && type !== BLK_BLOBS && (await secondToc?.follows(pull)) === true) return null
    pull.consume(typeBytes)
    this.#dumpId = this.#takeInt() // Int  dumpId
    return { offset, type, dumpId: this.#dumpId }
  }

  /** OID of the next large object of a BLK_BLOBS body, 0 after the last. */
  async readOid(): Promise<number> {
    await this.need()
    return this.#takeInt() >>> 0 // Int  OID, negative from 2^31 on
  }

  /** Bytes of an Int. */
  get intBytes(): number {
    return this.#intBytes
  }

  /** Bytes of a block's header. */
  get headerBytes(): number {
    return this.#layout.typeBytes + this.#intBytes
  }

  /** The Chunks that begin here as one stream of stored bytes. */
  chunks(): ChunkPayload {
    return new ChunkPayload(this)
  }

  /**
   * What the data block at the front of the window holds when all of it is there, and how long it is; the window does
   * not move. Undefined for any other, a damaged one included: reading it tells what is wrong.
   */
  peekBlock(dumpId: DumpId, mostBytes: number): WholeBlock | undefined {
    const { buffer, start, available } = this.pull
    const { typeBytes } = this.#layout
    const end = start + Math.min(available, mostBytes)
    const first = start + this.headerBytes
    if (this.headerBytes === 0 || first > end || this.#intAt(start + typeBytes) !== dumpId) return undefined
    if (typeBytes === 1 && buffer[start] !== BLK_DATA) return undefined
    const chunks: Uint8Array[] = []
    for (let at = first; at + this.#intBytes <= end;) {
      const length = this.#lengthAt(at)
      at += this.#intBytes
      if (length === 0) return { payload: joinBytes(chunks), length: at - start }
      if (!(length > 0 && length <= end - at)) return undefined
      chunks.push(buffer.subarray(at, at + length))
      at += length
    }
    return undefined
  }

  /** Moves past the body of a block whose header was read, by this reader or another. */
  async skipBody(header: BlockHeader): Promise<void> {
    this.#dumpId = header.dumpId
    if (header.type === BLK_DATA) return await this.skipChunks(0)
    while ((await this.readOid()) !== 0) await this.skipChunks(0)
  }

  /** Moves past what is left of Chunks, `left` bytes into the current one. */
  async skipChunks(left: number): Promise<void> {
    const { pull } = this
    const intBytes = this.#intBytes
    let rest = left
    for (;;) {
      if (rest > 0 && (await pull.skip(rest)) < rest) throw this.#endOfInput()
      await this.need()
      let from = pull.start
      rest = 0
      while (rest === 0 && pull.end - from >= intBytes) {
        const length = this.#checkedLength(from)
        from += intBytes
        if (length === 0) return pull.consume(from - pull.start)
        if (length > pull.end - from) rest = length
        else from += length
      }
      pull.consume(from - pull.start)
    }
  }

  /**
   * Squeezes the chunk headers out of the window, in place: pg_dump -Z0 writes a chunk for every row, so there is
   * neither an allocation nor a promise for one (bench case `custom-none`). `state` says where in a chunk the window
   * starts and is brought up to date; gives the payload, which is empty only when more input is needed or at the end.
   */
  squeeze(state: SqueezeState): Uint8Array {
    const { buffer, start, end } = this.pull
    const intBytes = this.#intBytes
    let left = state.left
    let from = start
    let first = start
    let out = start
    for (;;) {
      if (left > 0) {
        const take = Math.min(left, end - from)
        if (out !== from) buffer.copyWithin(out, from, from + take)
        out += take
        from += take
        left -= take
        if (left > 0 || state.apart) break
      }
      if (end - from < intBytes) break
      left = this.#lengthAt(from)
      if (!(left >= 0 && left <= this.#longestChunk)) {
        // what came before the damage is handed on first
        left = 0
        if (out > first) break
        this.#checkedLength(from)
      }
      from += intBytes
      if (left === 0) {
        state.done = true
        break
      }
      if (out === first) first = out = from
    }
    state.left = left
    state.used = from - start
    return buffer.subarray(first, out)
  }

  /**
   * The same with the chunk headers: what of the Chunks is in the window, as it lies there. Gives nothing only when more
   * input is needed.
   */
  span(state: SqueezeState): Uint8Array {
    const { buffer, start, end } = this.pull
    let left = state.left
    let from = start
    for (;;) {
      const take = Math.min(left, end - from)
      from += take
      left -= take
      if (left > 0 || end - from < this.#intBytes) break
      const length = this.#lengthAt(from)
      if (!(length >= 0 && length <= this.#longestChunk)) {
        // what came before the damage is handed on first
        if (from > start) break
        this.#checkedLength(from)
      }
      from += this.#intBytes
      left = length
      state.done = left === 0
      if (state.done) break
    }
    state.left = left
    state.used = from - start
    return buffer.subarray(start, from)
  }

  /** Makes at least `bytes` available, one Int when not given. @throws ArchiveError UNEXPECTED_EOF */
  async need(bytes: number = this.#intBytes): Promise<void> {
    if (this.pull.available < bytes && !(await this.pull.fill(bytes))) throw this.#endOfInput()
  }

  /** The Int at the front of the window, which holds it, as C reads it: signed 32 bits. */
  #takeInt(): number {
    const { pull } = this
    const value = this.#intAt(pull.start)
    if (Number.isNaN(value)) {
      throw new ArchiveError(
        'BAD_BLOCK',
        `Cannot read data blocks: the integer at offset ${pull.position} does not fit 32 bits`,
        {
          offset: pull.position,
          dumpId: this.#dumpId,
        },
      )
    }
    pull.consume(this.#intBytes)
    return value
  }

  #intAt(at: number): number {
    const { buffer } = this.pull
    const { intSize, signBytes } = this.#layout
    const from = at + signBytes
    let value = 0
    for (let index = 0; index < intSize; index++) {
      const byte = buffer[from + index] ?? 0
      if (byte === 0) continue
      if (index >= 4) return tooLarge
      value |= byte << (8 * index)
    }
    return signBytes === 1 && buffer[at] !== 0 ? -value | 0 : value
  }

  /** {@link BlockReader.#intAt}, quick for the only layout that released versions write. */
  #lengthAt(at: number): number {
    if (this.#layout.intSize !== 4 || this.#layout.signBytes !== 1) return this.#intAt(at)
    const { buffer } = this.pull
    const value =
      (buffer[at + 1] ?? 0) |
      ((buffer[at + 2] ?? 0) << 8) |
      ((buffer[at + 3] ?? 0) << 16) |
      ((buffer[at + 4] ?? 0) << 24)
    return buffer[at] === 0 ? value : -value | 0
  }

  /** A chunk length that can be right. @throws ArchiveError BAD_BLOCK */
  #checkedLength(at: number): number {
    const length = this.#lengthAt(at)
    if (length >= 0 && length <= this.#longestChunk) return length
    const offset = this.pull.position + at - this.pull.start
    const wrong = Number.isNaN(length)
      ? 'does not fit 32 bits'
      : length < 0
        ? `is ${length}, must not be negative`
        : `is ${length}, the whole archive has ${this.#layout.archiveBytes} bytes`
    throw new ArchiveError(
      'BAD_BLOCK',
      `Cannot read ${this.#subject()}: the chunk length at offset ${offset} ${wrong}`,
      {
        offset,
        dumpId: this.#dumpId,
        hint: hints.damaged,
      },
    )
  }

  #subject(): string {
    return this.#dumpId === undefined ? 'data blocks' : `data block ${this.#dumpId}`
  }

  #endOfInput(): ArchiveError {
    const offset = this.pull.position + this.pull.available
    return new ArchiveError(
      'UNEXPECTED_EOF',
      `Cannot read ${this.#subject()}: the archive ends within it at offset ${offset}`,
      {
        offset,
        dumpId: this.#dumpId,
        hint: hints.incomplete,
        details: { pgRestore: 'could not read from input file: end of file' },
      },
    )
  }
}

/** Where a {@link ChunkPayload} stands. */
export interface SqueezeState {
  /** Bytes left of the current chunk. */
  left: number
  /** Bytes of the window that the last squeeze used up. */
  used: number
  /** The terminator was read. */
  done: boolean
  /** Chunks are not to be joined. */
  apart: boolean
}

/** The payload of Chunks as a stream; {@link ChunkPayload.finish} moves the {@link BlockReader} past it. */
export class ChunkPayload extends WindowStream {
  readonly #reader: BlockReader
  readonly #state: SqueezeState = { left: 0, used: 0, done: false, apart: false }
  #framed = false

  constructor(reader: BlockReader) {
    super()
    this.#reader = reader
  }

  /** The chunk headers are given too, the terminator included; to be called before the payload is read. */
  keepFraming(): void {
    this.#framed = true
  }

  /** Bytes of one chunk are given at a time; to be called before the payload is read. */
  keepApart(): void {
    this.#state.apart = true
  }

  /** Whether the bytes given last end a chunk. */
  get endsChunk(): boolean {
    return this.#state.left === 0
  }

  protected get ended(): boolean {
    return this.#state.done
  }

  /** @throws ArchiveError UNEXPECTED_EOF, BAD_BLOCK */
  protected async read(): Promise<Uint8Array | null> {
    const state = this.#state
    this.#release()
    while (!state.done) {
      if (state.left > 0) await this.#reader.need(1)
      else await this.#reader.need()
      const payload = this.#framed ? this.#reader.span(state) : this.#reader.squeeze(state)
      if (payload.length > 0) return payload
      this.#release()
    }
    return null
  }

  /** Moves past what was not read, to the block's next part. */
  protected async leave(): Promise<void> {
    this.#release()
    if (this.#state.done) return
    this.#state.done = true
    await this.#reader.skipChunks(this.#state.left)
  }

  /** The bytes lent last are passed. */
  #release(): void {
    this.#reader.pull.consume(this.#state.used)
    this.#state.used = 0
  }
}
