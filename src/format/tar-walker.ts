import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError, isArchiveError } from '../errors.ts'
import type { Pull } from '../io/pull.ts'
import { hints } from './hints.ts'
import { readPaxRecords, readTarHeader, tarBlockBytes, tarPadding, type TarHeader } from './tar-header.ts'

/** A member of a tar archive. */
export interface TarMember {
  /** Name as a byte string, without leading `./`. */
  readonly name: string
  /** `link` and `other` have no data that could be read. */
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  /** Offset of its header block. */
  readonly offset: number
  /** Offset of its data. */
  readonly start: number
  readonly size: number
}

/** Names and pax records of more bytes are damage. */
const maxExtensionBytes = 1024 * 1024

/**
 * Walks the headers of a tar archive (_tarGetHeader, pg_backup_tar.c), for files and for streams alike, so that the
 * same bytes are the same members whichever way they come. Other than pg_restore it understands pax and GNU
 * extensions, and it stops at the end mark.
 */
export class TarWalker {
  readonly pull: Pull
  readonly #onPosition: ((note: string) => void) | undefined
  /** The member whose data may be read now. */
  #current: TarMember | undefined
  #ended = false
  #isMarked = false
  #failure: { readonly error: unknown } | undefined

  /**
   * @param pull a window at the first byte of the archive or of a member's header
   * @param onPosition see OpenOptions
   */
  constructor(pull: Pull, onPosition?: (note: string) => void) {
    this.pull = pull
    this.#onPosition = onPosition
  }

  /** Two blocks of zeros came after the last member. */
  get isMarked(): boolean {
    return this.#isMarked
  }

  /**
   * The next member, with the window at its data; what is left of the one before is skipped. Null after the last.
   * @throws ArchiveError BAD_TAR, UNEXPECTED_EOF, the same again at every further call
   */
  async next(): Promise<TarMember | null> {
    // after damage there is no telling where the next header is
    if (this.#failure !== undefined) throw this.#failure.error
    try {
      return await this.#next()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /**
   * The next member where its header is in the window and nothing but it is to be read; undefined leaves everything to
   * {@link TarWalker.next}. Not while that is under way.
   */
  nextAtHand(): TarMember | undefined {
    const { pull } = this
    if (this.#failure !== undefined || this.#ended || this.#onPosition !== undefined) return undefined
    const passed = this.#current === undefined ? 0 : endOf(this.#current) - pull.position
    if (passed < 0 || pull.available < passed + tarBlockBytes) return undefined
    const header = plainHeader(pull, passed)
    if (header === undefined) return undefined
    pull.consume(passed + tarBlockBytes)
    this.#current = toMember(header, header.name, header.size, pull.position - tarBlockBytes)
    return this.#current
  }

  async #next(): Promise<TarMember | null> {
    await this.#leave()
    let path: string | undefined
    let size: number | undefined
    for (let header = await this.#header(); header !== null; header = await this.#header()) {
      const offset = this.pull.position - tarBlockBytes
      switch (header.type) {
        case 'x': {
          // pax: records for the next member
          const records = readPaxRecords(await this.#extension(header), offset)
          path = records.path ?? path
          size = records.size ?? size
          break
        }
        case 'L': // GNU: long name of the next member
          path = untilNul(await this.#extension(header))
          break
        case 'g': // pax: records for all members, none of which matter here
        case 'K': // GNU: long link name
          await this.#extension(header)
          break
        default:
          this.#current = toMember(header, path ?? header.name, size ?? header.size, offset)
          return this.#current
      }
    }
    return null
  }

  /** Moves past the current member's data and padding. */
  async #leave(): Promise<void> {
    const { pull } = this
    const member = this.#current
    if (member === undefined) return
    const end = endOf(member)
    await pull.skip(end - pull.position)
    if (pull.position < end) throw this.#truncated(member.name)
    this.#current = undefined
  }

  /** The next header block with something in it, its size unchanged; null at the end. */
  async #header(): Promise<TarHeader | null> {
    const { pull } = this
    let zeroBlocks = 0
    for (; !this.#ended && zeroBlocks < 2; zeroBlocks++) {
      if (pull.available < tarBlockBytes && !(await pull.fill(tarBlockBytes))) {
        if (pull.available > 0 && !isZero(pull)) throw this.#incompleteHeader()
        break
      }
      const header = readTarHeader(pull.buffer, pull.start, pull.position)
      pull.consume(tarBlockBytes)
      if (header === null) continue
      const { name, size, checksum } = header
      this.#onPosition?.(`TOC Entry ${name} at ${pull.position - tarBlockBytes} (length ${size}, checksum ${checksum})`)
      return header
    }
    if (!this.#ended) this.#isMarked = zeroBlocks === 2
    this.#ended = true
    return null
  }

  /** The data of an extension member. */
  async #extension(header: TarHeader): Promise<Uint8Array> {
    const { pull } = this
    if (header.size > maxExtensionBytes) {
      throw new ArchiveError(
        'BAD_TAR',
        `Cannot read tar header at offset ${pull.position - tarBlockBytes}: an extension of ${header.size} bytes, must be ${maxExtensionBytes} at most`,
        { offset: pull.position - tarBlockBytes },
      )
    }
    const length = header.size + tarPadding(header.size)
    if (pull.available < length && !(await pull.fill(length))) throw this.#truncated(header.name)
    const bytes = pull.buffer.slice(pull.start, pull.start + header.size)
    pull.consume(length)
    return bytes
  }

  #truncated(name: string): ArchiveError {
    return truncatedMember(name, this.pull.position + this.pull.available)
  }

  #incompleteHeader(): ArchiveError {
    const { available, position } = this.pull
    return new ArchiveError(
      'UNEXPECTED_EOF',
      `Cannot read tar header at offset ${position}: the archive ends ${available} bytes after`,
      {
        offset: position,
        hint: hints.incomplete,
        details: { pgRestore: `incomplete tar header found (${available} byte${available === 1 ? '' : 's'})` },
      },
    )
  }
}

/** The archive ends within a member's data. */
export function truncatedMember(name: string, offset: number): ArchiveError {
  return new ArchiveError(
    'UNEXPECTED_EOF',
    `Cannot read tar member "${name}": the archive ends within it at offset ${offset}`,
    {
      offset,
      file: name,
      hint: hints.incomplete,
      details: { pgRestore: 'could not read from input file: end of file' },
    },
  )
}

/** Offset after a member and its padding. */
function endOf({ start, size }: TarMember): number {
  return start + size + tarPadding(size)
}

/** The header `from` bytes into the window, if it is a sound one of a member that needs no other. */
function plainHeader({ buffer, start, position }: Pull, from: number): TarHeader | undefined {
  try {
    const header = readTarHeader(buffer, start + from, position + from)
    return header?.type === '0' ? header : undefined
  } catch (error) {
    if (isArchiveError(error)) return undefined
    throw error
  }
}

const linkTypes = new Set(['1', '2'])
/** Devices, directories and FIFOs, whose size field says nothing about data. */
const emptyTypes = new Set(['1', '2', '3', '4', '5', '6'])

function toMember(header: TarHeader, path: string, size: number, offset: number): TarMember {
  const { type } = header
  const name = path.replace(/^(?:\.\/+)+/, '')
  const start = offset + tarBlockBytes
  return { name, kind: kindOf(type, name), offset, start, size: emptyTypes.has(type) ? 0 : size }
}

function kindOf(type: string, name: string): TarMember['kind'] {
  if (type === '5' || ((type === '0' || type === '7') && name.endsWith('/'))) return 'directory'
  if (type === '0' || type === '7') return 'file'
  return linkTypes.has(type) ? 'link' : 'other'
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return decodeByteString(bytes, 0, end < 0 ? bytes.length : end)
}

function isZero(pull: Pull): boolean {
  for (let index = pull.start; index < pull.end; index++) if (pull.buffer[index] !== 0) return false
  return true
}
