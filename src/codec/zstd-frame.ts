import { CodecFailure } from './codec.ts'

const MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50 // to 0x184d2a5f
const MAX_BLOCK = 131072
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const

/** Which field of a frame comes next. */
type ZstdState = 'magic' | 'skip-size' | 'skip' | 'descriptor' | 'header' | 'block-header' | 'block' | 'checksum'

/** Called with the window size of each frame, bytes, before anything of the frame may be decoded. */
export type OnWindow = (bytes: number) => void

/**
 * Follows zstd frames (RFC 8878) without decoding them: header and the 3-byte head of every block. It knows what the
 * decoders do not tell: how much memory a frame asks for, and whether the input ends within a frame.
 */
export class ZstdFrameWalker {
  readonly #onWindow: OnWindow
  readonly #field = new Uint8Array(14)
  #state: ZstdState = 'magic'
  #have = 0
  #need = 4
  #skip = 0
  #checksum = false
  #lastBlock = false
  #contentBytes: number | undefined = 0
  /** Where the field that is being read begins in the latest input; 0 if it began before. */
  #fieldAt = 0

  constructor(onWindow: OnWindow) {
    this.#onWindow = onWindow
  }

  /** Whether the input so far ends between frames. */
  get complete(): boolean {
    return this.#state === 'magic' && this.#have === 0
  }

  /** What the frames so far say that they contain, bytes; undefined when one does not say. */
  get contentBytes(): number | undefined {
    return this.#contentBytes
  }

  /** After `walk` has thrown: how many bytes of its input came before what it threw at. */
  get soundBytes(): number {
    return this.#fieldAt
  }

  /**
   * Goes over the next input.
   * @param onEnd hears of each frame that ends in it, skippable ones too: of the index behind it
   * @throws CodecFailure BAD_COMPRESSED_DATA, UNSUPPORTED_COMPRESSION
   */
  walk(input: Uint8Array, onEnd?: (end: number) => void): void {
    let at = 0
    this.#fieldAt = 0
    while (at < input.length) {
      if (this.#state === 'skip' || this.#state === 'block') {
        const length = Math.min(this.#skip, input.length - at)
        at += length
        this.#skip -= length
        if (this.#skip === 0) this.#skipped()
      } else {
        if (this.#have === 0) this.#fieldAt = at
        this.#field[this.#have++] = input[at++] ?? 0
        if (this.#have === this.#need) this.#take()
      }
      if (onEnd !== undefined && this.complete) onEnd(at)
    }
  }

  #expect(state: ZstdState, bytes: number): void {
    this.#state = state
    this.#have = 0
    this.#need = bytes
  }

  #skipped(): void {
    if (this.#state === 'skip') this.#expect('magic', 4)
    else this.#afterBlock()
  }

  #afterBlock(): void {
    if (!this.#lastBlock) this.#expect('block-header', 3)
    else if (this.#checksum) this.#expect('checksum', 4)
    else this.#expect('magic', 4)
  }

  #take(): void {
    const view = new DataView(this.#field.buffer)
    switch (this.#state) {
      case 'magic':
        return this.#magic(view.getUint32(0, true))
      case 'skip-size':
        return this.#skipOver('skip', view.getUint32(0, true))
      case 'descriptor':
        return this.#descriptor(this.#field[0] ?? 0)
      case 'header':
        this.#onWindow(windowSize(view))
        this.#addContent(contentSize(view))
        return this.#expect('block-header', 3)
      case 'block-header':
        return this.#blockHeader(view.getUint16(0, true) | (view.getUint8(2) << 16))
      default:
        return this.#expect('magic', 4)
    }
  }

  #addContent(bytes: number | undefined): void {
    if (this.#contentBytes === undefined) return
    this.#contentBytes = bytes === undefined ? undefined : this.#contentBytes + bytes
  }

  #skipOver(state: 'skip' | 'block', bytes: number): void {
    this.#state = state
    this.#skip = bytes
    if (bytes === 0) this.#skipped()
  }

  #magic(magic: number): void {
    if (magic === MAGIC) return this.#expect('descriptor', 1)
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) return this.#expect('skip-size', 4)
    const text = magic.toString(16).padStart(8, '0')
    throw new CodecFailure(
      'BAD_COMPRESSED_DATA',
      `a zstd frame cannot begin with the number 0x${text}, must be 0xfd2fb528`,
    )
  }

  /** 1 byte: 2 bits size of the content size, 1 bit single segment, 1 unused, 1 reserved, 1 checksum, 2 dictionary. */
  #descriptor(byte: number): void {
    if ((byte & 0x08) !== 0)
      throw new CodecFailure('BAD_COMPRESSED_DATA', 'a reserved bit of the zstd frame header is set')
    if ((byte & 0x03) !== 0) {
      throw new CodecFailure('UNSUPPORTED_COMPRESSION', 'the zstd frame needs a dictionary, which pg_dump never uses')
    }
    this.#checksum = (byte & 0x04) !== 0
    this.#state = 'header'
    this.#need = 1 + headerRest(byte) // the descriptor stays in the field
  }

  /** 3 bytes little-endian: 1 bit last block, 2 bits type, 21 bits size. */
  #blockHeader(word: number): void {
    const type = (word >>> 1) & 3
    const size = word >>> 3
    if (type === 3) throw new CodecFailure('BAD_COMPRESSED_DATA', 'a zstd block is of the reserved type 3')
    if (size > MAX_BLOCK) {
      throw new CodecFailure('BAD_COMPRESSED_DATA', `a zstd block has ${size} bytes, must be at most ${MAX_BLOCK}`)
    }
    this.#lastBlock = (word & 1) !== 0
    this.#skipOver('block', type === 1 ? 1 : size) // a block of one repeated byte stores that byte only
  }
}

/** Bytes of the header after the descriptor: window, dictionary id, content size. */
function headerRest(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0
  const size = CONTENT_SIZE_BYTES[(descriptor >>> 6) as 0 | 1 | 2 | 3] // two bits
  return (single ? 0 : 1) + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] + (single && size === 0 ? 1 : size)
}

/** The window of a frame without dictionary, from its header behind the magic number. */
function windowSize(view: DataView): number {
  const descriptor = view.getUint8(0)
  if ((descriptor & 0x20) === 0) {
    const byte = view.getUint8(1)
    const base = 2 ** (10 + (byte >>> 3))
    return base + (base / 8) * (byte & 7)
  }
  // A single segment: the window is the content.
  return contentSize(view) ?? 0
}

/** The content size that a header without dictionary gives; undefined for none. */
function contentSize(view: DataView): number | undefined {
  const descriptor = view.getUint8(0)
  const single = (descriptor & 0x20) !== 0
  const at = single ? 1 : 2
  switch (descriptor >>> 6) {
    case 0:
      return single ? view.getUint8(at) : undefined
    case 1:
      return view.getUint16(at, true) + 256
    case 2:
      return view.getUint32(at, true)
    default:
      return Number(view.getBigUint64(at, true))
  }
}
