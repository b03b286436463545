import { decodeByteString } from '../bytes/byte-string.ts'
import { isArchiveError } from '../errors.ts'
import {
  readPaxRecords,
  readTarHeader,
  tarBlockBytes,
  tarDialect,
  tarPadding,
  type TarHeader,
} from '../format/tar-header.ts'
import type { RandomAccess } from '../io/source.ts'
import { ByteWindow } from './salvage-bytes.ts'
import { ownName, type FoundFile, type FoundFiles } from './salvage-files.ts'
import type { Break } from './salvage-payload.ts'
import { looksLikeTarHeader, startOfData, TarSearch, zerosBefore } from './salvage-tar-search.ts'

/**
 * Finds the members of a tar archive. While each header is where the one before says, it is believed. Where there is
 * none, bytes of the member before were lost or added, or a header is damaged; the next header is looked for at any
 * offset then, since damage may have moved it.
 */
export async function filesOfTar(source: RandomAccess, signal: AbortSignal | undefined): Promise<FoundFiles> {
  const scan = new TarScan(source, signal)
  await scan.run()
  return scan.files()
}

/** A member as it was found. */
interface Member {
  /** Empty: its header does not tell. */
  readonly name: string
  /** Offset of its data. */
  readonly start: number
  /** Bytes that its header says; undefined where that is not known. */
  readonly told: number | undefined
  /** Bytes that are there. */
  size: number
  /** Bytes up to the next header, where the size is not certain. */
  most?: number
  /** The size that its header says, where that is another, and text ends there as pg_dump ends it. */
  textSize?: number | undefined
  cut: Break | undefined
  /** Its header is whole. */
  readonly sound: boolean
}

/** Zeros that are rather padding than data. */
const surePadding = 16

class TarScan {
  readonly #source: RandomAccess
  readonly #window: ByteWindow
  readonly #search: TarSearch
  readonly #signal: AbortSignal | undefined
  readonly #members: Member[] = []
  readonly #breaks: Break[] = []
  /** The member whose end leads to the place that is looked at; undefined where that is not known. */
  #last: Member | undefined
  #hasToc = false
  #path: string | undefined
  #size: number | undefined

  constructor(source: RandomAccess, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
    this.#window = new ByteWindow(source, signal)
    this.#search = new TarSearch(this.#window)
  }

  async run(): Promise<void> {
    const { size } = this.#source
    let zeros: number | undefined
    let at = 0
    for (;;) {
      this.#signal?.throwIfAborted()
      if (at >= size) {
        const next = await this.#beforeEnd()
        if (next === undefined) return
        at = next
        continue
      }
      const header = (await this.#window.load(at, tarBlockBytes)) ? this.#header(at) : undefined
      if (header === null) {
        zeros ??= at
        at += tarBlockBytes
        continue
      }
      if (header === undefined) {
        at = await this.#lost(zeros ?? at, at)
      } else if (this.#isOther(header)) {
        this.#breaks.push(otherArchive(at))
        return
      } else {
        at = await this.#member(header, at)
      }
      zeros = undefined
    }
  }

  /** Names that headers which are whole have go before those of damaged ones. */
  files(): FoundFiles {
    const byName = new Map<string, FoundFile>()
    const sound = new Set(this.#members.flatMap(({ name, sound: is }) => (is ? name : [])))
    const nameless: FoundFile[] = []
    for (const member of this.#members) {
      const { name } = member
      if (member.sound ? byName.has(name) : name === '' || sound.has(name) || byName.has(name)) {
        if (!member.sound) nameless.push(this.#file(member, `member at offset ${member.start}`))
      } else byName.set(name, this.#file(member, name))
    }
    return { byName, nameless, breaks: this.#breaks, inOneFile: true }
  }

  #file({ start, size, most, textSize, cut }: Member, name: string): FoundFile {
    const source = this.#source
    const open = async (): ReturnType<FoundFile['open']> => ({ source, start, close: async () => undefined })
    return { name, size, told: textSize, most, cut, offset: start, open }
  }

  /** Undefined for a header that is damaged, null for a block of zeros. */
  #header(at: number): TarHeader | null | undefined {
    const from = at - this.#window.base
    try {
      const header = readTarHeader(this.#window.bytes, from, at)
      // one that lies a byte further on has the same check sum
      const isSound = tarDialect(this.#window.bytes.subarray(from, from + tarBlockBytes)) !== undefined
      return header === null || isSound ? header : undefined
    } catch (error) {
      if (isArchiveError(error)) return undefined
      throw error
    }
  }

  /** Whether a header begins another archive: behind this one, or in a large object. */
  #isOther({ name, type }: TarHeader): boolean {
    return this.#hasToc && isFile(type) && plainName(name) === 'toc.dat'
  }

  /** Takes a member with a sound header; gives the offset of the next. */
  async #member(header: TarHeader, at: number): Promise<number> {
    const isExtension = header.type === 'x' || header.type === 'L'
    const size = isExtension ? header.size : (this.#size ?? header.size)
    const start = at + tarBlockBytes
    const there = Math.max(0, Math.min(size, this.#source.size - start))
    if (isExtension) {
      await this.#extension(header, start, there)
      this.#last = undefined
    } else {
      const name = plainName(this.#path ?? header.name)
      this.#path = this.#size = undefined
      const cut = there < size ? cutMember(name, this.#source.size) : undefined
      const member: Member = { name, start, told: size, size: there, cut, sound: true }
      this.#last = member
      this.#hasToc ||= name === 'toc.dat'
      if (isFile(header.type) && ownName.test(name)) this.#members.push(member)
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

  /** The header that lies within what the last member claims, where that reaches beyond the end. */
  async #beforeEnd(): Promise<number | undefined> {
    const last = this.#last
    if (last?.told === undefined || last.start + last.told <= this.#source.size) return undefined
    return await this.#within(last, this.#source.size)
  }

  /** The header that lies within what a member claims, since bytes of it are gone. */
  async #within(last: Member, end: number): Promise<number | undefined> {
    const found = await this.#next(last.start, end)
    if (found === undefined) return undefined
    await this.#settle(last, found)
    return found
  }

  /** The next header from `from` up to `to`, but for those of an archive in a large object. */
  async #next(from: number, to: number): Promise<number | undefined> {
    for (let at = from; ;) {
      const found = await this.#search.next(at, to)
      if (found === undefined || !this.#isOther(found.header)) return found?.offset
      at = found.offset
      for (let passed = true; passed;) {
        const header = (await this.#window.load(at, tarBlockBytes)) ? this.#header(at) : undefined
        passed = header != null
        if (header != null) at += tarBlockBytes + header.size + tarPadding(header.size)
      }
    }
  }

  /**
   * What is where a header should be, and is none; gives the offset of the next header.
   * @param from where zeros begin that lead to `at`, or `at`
   */
  async #lost(from: number, at: number): Promise<number> {
    const { size } = this.#source
    await this.#window.load(at, Math.min(tarBlockBytes, size - at))
    const block = this.#window.bytes.subarray(at - this.#window.base, at - this.#window.base + tarBlockBytes)
    const seen = looksLikeTarHeader(block)
    const start = at + tarBlockBytes
    const told = seen?.size
    if (from === at && told !== undefined && (await this.#isHeaderAt(start + told + tarPadding(told)))) {
      this.#breaks.push(badHeader(at))
      this.#unsure({ name: seen?.name ?? '', start, told, size: told, cut: undefined, sound: false })
      return start + told + tarPadding(told)
    }
    const last = this.#last
    if (last !== undefined) {
      const within = await this.#within(last, from)
      if (within !== undefined) return within
    }
    const next = await this.#next(at + 1, size)
    const end = next ?? (await this.#endOfContent(at))
    // a header that begins within the block is what the block looks like
    const isHeader = seen !== undefined && !(next !== undefined && next < start)
    if (last !== undefined && from === at && !isHeader && !(await this.#isPadded(last))) {
      if (block.length < tarBlockBytes && mayBeCutHeader(block)) this.#breaks.push(cutHeader(size))
      else await this.#settle(last, end)
    } else {
      await this.#headless(from, end, seen?.name ?? '')
    }
    return next ?? size
  }

  /** A member whose header is damaged, and whose size nothing tells. */
  async #headless(from: number, end: number, name: string): Promise<void> {
    this.#breaks.push(badHeader(from))
    const start = await startOfData(this.#window, from, end)
    const size = end - start - (await zerosBefore(this.#window, end, Math.min(tarBlockBytes - 1, end - start)))
    // rows tell by themselves whether they are whole
    const cut = name.startsWith('blob_') ? unknownSize(start) : undefined
    this.#unsure({ name, start, told: undefined, size, most: end - start, cut, sound: false })
  }

  #unsure(member: Member): void {
    this.#hasToc ||= member.name === 'toc.dat'
    this.#members.push(member)
    this.#last = undefined
  }

  /**
   * A member that is followed by a header where its size does not lead to: bytes of it were lost or added. If that was in
   * its padding, which is zeros, its data are whole.
   */
  async #settle(member: Member, next: number): Promise<void> {
    const { start, told = 0, name } = member
    const padding = tarPadding(told)
    const gap = next - start - told
    const zeros = await zerosBefore(this.#window, next, Math.min(2 * tarBlockBytes, next - start))
    const first = (await this.#window.load(start + told, 1)) ? this.#window.byte(start + told) : 0
    const isWhole = gap >= 0 && zeros < padding && (gap < padding ? zeros === gap : first === 0)
    member.cut = undefined
    if (isWhole) {
      member.size = told
      return
    }
    const there = next - start - Math.min(zeros, tarBlockBytes - 1)
    member.most = next - start
    member.size = Math.max(0, name.startsWith('blob_') ? Math.min(told, there) : there)
    member.textSize = (await this.#endsText(start + told)) ? told : undefined
    member.cut = otherSize(name, start, next - start - padding, told)
  }

  /** Whether the padding of a member is where it should be: then what follows is none of it. */
  async #isPadded({ start, told = 0 }: Member): Promise<boolean> {
    const padding = tarPadding(told)
    if (padding < surePadding) return false
    return (await zerosBefore(this.#window, start + told + padding, padding)) === padding
  }

  /** Whether the end of a table's data is right before `at`, and nothing more of it behind. */
  async #endsText(at: number): Promise<boolean> {
    if (at < 4 || !(await this.#window.load(at - 4, 5))) return false
    return /^[.;]\n{3}[^\n]$/.test(
      decodeByteString(this.#window.bytes, at - 4 - this.#window.base, at + 1 - this.#window.base),
    )
  }

  async #isHeaderAt(at: number): Promise<boolean> {
    if (at >= this.#source.size) return at === this.#source.size
    if (!(await this.#window.load(at, tarBlockBytes))) return false
    const from = at - this.#window.base
    const block = this.#window.bytes.subarray(from, from + tarBlockBytes)
    return tarDialect(block) !== undefined || block.every((byte) => byte === 0)
  }

  /** Offset after the last byte from `at` on that is not zero. */
  async #endOfContent(at: number): Promise<number> {
    const { size } = this.#source
    return size - (await zerosBefore(this.#window, size, size - at))
  }
}

function isFile(type: string): boolean {
  return type === '0' || type === '7'
}

/** The name of a member without the folder that another tool has put it into. */
function plainName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

/** Whether less than a block is the begin of a header: a name, and nothing that cannot be there. */
function mayBeCutHeader(bytes: Uint8Array): boolean {
  return /^[a-z0-9_.]+(?:\0+(?:$|[0-7 ]{4}))?/.test(decodeByteString(bytes))
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

function otherSize(name: string, offset: number, size: number, told: number): Break {
  const reason = `the member "${name}" has about ${Math.max(0, size)} bytes, its header says ${told}`
  return { kind: 'damaged', offset, reason }
}

function unknownSize(offset: number): Break {
  return { kind: 'damaged', offset, reason: 'its tar header is damaged, and does not tell how long it is' }
}

function otherArchive(offset: number): Break {
  const reason = `another archive begins at offset ${offset}: nothing of it is taken`
  return { kind: 'damaged', offset, reason, isLeft: true }
}
