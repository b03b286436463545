import { decodeByteString } from '../bytes/byte-string.ts'
import type { Container } from '../codec/codec.ts'
import { containerOfSuffix, fileNames } from '../format/directory-files.ts'
import {
  readPaxRecords,
  readTarHeader,
  tarBlockBytes,
  tarDialect,
  tarPadding,
  type TarHeader,
} from '../format/tar-header.ts'
import { isArchiveError } from '../errors.ts'
import type { DirectoryAccess } from '../io/directory.ts'
import type { RandomAccess } from '../io/source.ts'
import { ByteWindow } from './salvage-bytes.ts'
import type { Break, LenientSource, Payload } from './salvage-payload.ts'

/** A file of a directory archive, or a member of a tar archive, as far as it is there. */
export interface FoundFile {
  readonly name: string
  readonly size: number
  /** Why it has fewer bytes than it should. */
  readonly cut: Break | undefined
  /** The name is not certain: its header is damaged. */
  readonly guessed?: boolean
  open(): Promise<{ readonly source: RandomAccess; readonly start: number; close(): Promise<void> }>
}

/** Files by name, of a directory or a tar archive. */
export interface FoundFiles {
  readonly byName: ReadonlyMap<string, FoundFile>
  readonly breaks: readonly Break[]
  /** Offsets are in the whole archive, not in each file. */
  readonly inOneFile: boolean
}

/** Names that pg_dump gives to the files of an archive, compressed or not. */
const ownName = /^(?:toc\.dat|[0-9]{1,10}\.dat|blobs(?:_[0-9]{1,10})?\.toc|blob_[0-9]{1,10}\.dat)(?:\.gz|\.lz4|\.zst)?$/

export async function filesOfDirectory(dir: DirectoryAccess): Promise<FoundFiles> {
  const byName = new Map<string, FoundFile>()
  for (const name of await dir.list()) {
    if (!ownName.test(name)) continue
    const status = await dir.stat(name)
    if (status?.kind !== 'file') continue
    byName.set(name, {
      name,
      size: status.size,
      cut: undefined,
      open: async () => {
        const source = await dir.open(name)
        return { source, start: 0, close: () => source.close() }
      },
    })
  }
  return { byName, breaks: [], inOneFile: false }
}

/** The file recorded as `name`, with the compression that its suffix tells. */
export function findStored(
  files: FoundFiles,
  name: string,
): { readonly file: FoundFile; readonly container: Container } | undefined {
  for (const [candidate, container] of fileNames(name)) {
    const file = files.byName.get(candidate)
    if (file === undefined) continue
    const empty = file.size === 0 && file.cut === undefined && container !== 'gzip'
    return { file, container: empty ? 'none' : container }
  }
  return undefined
}

/** The container of a file by its suffix, and the name without it. */
export function splitSuffix(name: string): { readonly recorded: string; readonly container: Container } {
  const suffix = /\.(?:gz|lz4|zst)$/.exec(name)?.[0]
  return { recorded: name.slice(0, name.length - (suffix?.length ?? 0)), container: containerOfSuffix(suffix) }
}

/** A file's bytes as a stream. */
export function payloadOfFile(file: FoundFile, container: Container, signal: AbortSignal | undefined): Payload {
  return {
    container,
    file: file.name,
    offset: 0,
    open: async () => {
      const opened = await file.open()
      return new FileBytes(opened, file, signal)
    },
  }
}

class FileBytes implements LenientSource {
  offset: number
  ending: Break | undefined
  readonly #opened: Awaited<ReturnType<FoundFile['open']>>
  readonly #file: FoundFile
  readonly #window: ByteWindow
  #at: number
  readonly #end: number
  #closed = false

  constructor(opened: Awaited<ReturnType<FoundFile['open']>>, file: FoundFile, signal: AbortSignal | undefined) {
    this.#opened = opened
    this.#file = file
    this.#window = new ByteWindow(opened.source, signal)
    this.#at = this.offset = opened.start
    this.#end = opened.start + file.size
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#closed) return null
    if (this.#at >= this.#end || !(await this.#window.load(this.#at, 1))) {
      this.ending = this.#file.cut
      await this.cancel()
      return null
    }
    const from = this.#at - this.#window.base
    const length = Math.min(this.#end - this.#at, this.#window.bytes.length - from)
    this.offset = this.#at
    this.#at += length
    return this.#window.bytes.subarray(from, from + length)
  }

  async cancel(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#opened.close()
  }
}

/**
 * Finds the members of a tar archive. Behind a header that is damaged the next one is looked for; its own member is
 * still there if its name can be read.
 */
export async function filesOfTar(source: RandomAccess, signal: AbortSignal | undefined): Promise<FoundFiles> {
  const scan = new TarScan(source, signal)
  await scan.run()
  return { byName: scan.byName, breaks: scan.breaks, inOneFile: true }
}

class TarScan {
  readonly byName = new Map<string, FoundFile>()
  readonly breaks: Break[] = []
  readonly #source: RandomAccess
  readonly #window: ByteWindow
  #path: string | undefined
  #size: number | undefined

  constructor(source: RandomAccess, signal: AbortSignal | undefined) {
    this.#source = source
    this.#window = new ByteWindow(source, signal)
  }

  async run(): Promise<void> {
    const { size } = this.#source
    let at = 0
    while (at < size) {
      if (!(await this.#window.load(at, tarBlockBytes))) {
        if (await this.#hasContent(at)) this.breaks.push(cutHeader(size))
        return
      }
      const header = this.#header(at)
      if (header === null) {
        at += tarBlockBytes
      } else if (header === undefined) {
        at = await this.#damaged(at)
      } else {
        at = await this.#member(header, at)
      }
    }
  }

  /** Undefined for a header that is damaged, null for a block of zeros. */
  #header(at: number): TarHeader | null | undefined {
    try {
      return readTarHeader(this.#window.bytes, at - this.#window.base, at)
    } catch (error) {
      if (isArchiveError(error)) return undefined
      throw error
    }
  }

  /** Takes a member with a sound header; gives the offset of the next. */
  async #member(header: TarHeader, at: number): Promise<number> {
    const size = header.type === 'x' || header.type === 'L' ? header.size : (this.#size ?? header.size)
    const start = at + tarBlockBytes
    const there = Math.min(size, this.#source.size - start)
    if (header.type === 'x' || header.type === 'L') {
      await this.#extension(header, start, there)
    } else {
      const name = (this.#path ?? header.name).replace(/^(?:\.\/)+/, '')
      this.#path = this.#size = undefined
      const isFile = header.type === '0' || header.type === '7'
      if (isFile) this.#add(name, start, there, there < size ? cutMember(name, this.#source.size) : undefined)
    }
    return start + size + tarPadding(size)
  }

  async #extension(header: TarHeader, start: number, length: number): Promise<void> {
    if (length > 64 * 1024 || !(await this.#window.load(start, length))) return
    const from = start - this.#window.base
    const bytes = this.#window.bytes.subarray(from, from + length)
    if (header.type === 'L') {
      this.#path = decodeByteString(bytes).replace(/\0.*$/s, '')
      return
    }
    try {
      const records = readPaxRecords(bytes, start)
      this.#path = records.path ?? this.#path
      this.#size = records.size ?? this.#size
    } catch (error) {
      if (!isArchiveError(error)) throw error
    }
  }

  /** Takes what it can of a member with a damaged header; gives the offset of the next header. */
  async #damaged(at: number): Promise<number> {
    const { size } = this.#source
    let next = at + tarBlockBytes
    const { bytes, base } = this.#window
    const name = decodeByteString(bytes, at - base, at - base + 100).replace(/\0.*$/s, '')
    const stored = decodeByteString(bytes, at - base + 124, at - base + 136)
    const octal = /^ *([0-7]{1,12})[ \0]/.exec(stored)?.[1]
    const told = octal === undefined ? undefined : Number.parseInt(octal, 8)
    const start = at + tarBlockBytes
    if (told !== undefined && (await this.#isHeaderAt(start + told + tarPadding(told)))) {
      next = start + told + tarPadding(told)
      this.breaks.push(badHeader(at))
      this.#add(ownName.test(name) ? name : '', start, told, undefined, at)
      return next
    }
    while (next < size && !(await this.#isHeaderAt(next))) next += tarBlockBytes
    next = Math.min(next, size)
    this.breaks.push(badHeader(at))
    // without its size, the padding belongs to the data as well: rows end before it
    this.#add(ownName.test(name) ? name : '', start, Math.max(0, next - start), undefined, at)
    return next
  }

  async #isHeaderAt(at: number): Promise<boolean> {
    if (at >= this.#source.size) return at === this.#source.size
    if (!(await this.#window.load(at, tarBlockBytes))) return false
    const from = at - this.#window.base
    const block = this.#window.bytes.subarray(from, from + tarBlockBytes)
    return tarDialect(block) !== undefined || block.every((byte) => byte === 0)
  }

  async #hasContent(at: number): Promise<boolean> {
    return (await this.#source.read(at, tarBlockBytes)).some((byte) => byte !== 0)
  }

  /** @param damagedAt offset of a damaged header; the name may be unknown then */
  #add(name: string, start: number, size: number, cut: Break | undefined, damagedAt?: number): void {
    const plain = name.slice(name.lastIndexOf('/') + 1)
    const known = ownName.test(plain) ? plain : damagedAt === undefined ? undefined : `member at offset ${damagedAt}`
    if (known === undefined || this.byName.has(known)) return
    const source = this.#source
    this.byName.set(known, {
      name: known,
      size,
      cut,
      ...(damagedAt === undefined ? {} : { guessed: true }),
      open: async () => ({ source, start, close: async () => undefined }),
    })
  }
}

function badHeader(offset: number): Break {
  return { kind: 'damaged', offset, reason: `the tar header at offset ${offset} is damaged` }
}

function cutHeader(offset: number): Break {
  return { kind: 'cut', offset, reason: `the archive ends within a tar header, at offset ${offset}` }
}

function cutMember(name: string, offset: number): Break {
  return { kind: 'cut', offset, reason: `the archive ends within the member "${name}", at offset ${offset}` }
}
