import { pullOver } from '../io/pull.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { RandomAccess } from '../io/source.ts'
import { Windows } from '../io/windows.ts'
import type { DumpId } from '../toc/types.ts'
import { fileNames } from './directory-files.ts'
import type { TarTail } from './layout.ts'
import {
  checkPlainMember,
  isIgnored,
  missingMember,
  noTocMember,
  relativeTo,
  tocFolder,
  type FoundMember,
  type TarMembers,
} from './tar-members.ts'
import { AT_HAND_BYTES, type StoredAtHand } from './stored-data.ts'
import { tarBlockBytes } from './tar-header.ts'
import { TarWalker, truncatedMember, type TarMember } from './tar-walker.ts'
import { Turns } from './turns.ts'
import { WindowChunks } from './window-chunks.ts'

/** Two blocks of zeros. */
const markBytes = 2 * tarBlockBytes
/** Bytes read at a time after the end. */
const tailBytes = 64 * 1024

/**
 * The members of a tar file by name and in order. Headers are walked only as far as somebody looks, so that opening an
 * archive costs no more than its table of contents, and members may lie in any order.
 */
export class TarIndex implements TarMembers {
  readonly seekable = true
  readonly #source: RandomAccess
  readonly #signal: AbortSignal | undefined
  readonly #walker: TarWalker
  readonly #windows: Windows
  /** Members come past so far, by full name; of several with one name the first counts. */
  readonly #members: TarMember[] = []
  readonly #positions = new Map<string, number>()
  #folder = ''
  #complete = false
  #walking = false
  /** Whoever walks on takes turns. */
  readonly #turns = new Turns()

  constructor(source: RandomAccess, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
    this.#walker = new TarWalker(pullOver(source, { signal }))
    this.#windows = new Windows(source, signal)
  }

  async findToc(): Promise<FoundMember> {
    for (let position = 0; ; position++) {
      const member = await this.#at(position)
      if (member === undefined) throw noTocMember(this.#members.map(({ name }) => name))
      const folder = tocFolder(member)
      if (folder === undefined) continue
      this.#folder = folder
      const found = fileNames(`${folder}toc.dat`).find(([name]) => name === member.name)
      if (found !== undefined) return { member, container: found[1] }
    }
  }

  async find(name: string, action: string, dumpId: DumpId): Promise<FoundMember> {
    const names = fileNames(this.#folder + name)
    for (let position = this.#members.length; ; position++) {
      const found = this.#passed(names)
      if (found !== undefined) return { ...found, member: relativeTo(this.#folder, found.member) }
      if ((await this.#at(position)) === undefined) throw missingMember(name, action, dumpId)
    }
  }

  atHand(name: string): StoredAtHand | undefined {
    const names = fileNames(this.#folder + name)
    let found = this.#passed(names)
    while (found === undefined) {
      const member = this.#walking ? undefined : this.#walker.nextAtHand()
      if (member === undefined) return undefined
      this.#add(member)
      found = this.#passed(names)
    }
    const { member, container } = found
    if (member.kind !== 'file' || member.size > AT_HAND_BYTES) return undefined
    const pull = this.#windows.peek(member.start)
    if (pull === undefined || pull.available < member.size) return undefined
    const bytes = pull.buffer.subarray(pull.start, pull.start + member.size)
    return { bytes, container, take: () => pull.consume(bytes.length) }
  }

  /** One of the members come past. */
  #passed(names: ReturnType<typeof fileNames>): FoundMember | undefined {
    for (const [candidate, container] of names) {
      const member = this.#members[this.#positions.get(candidate) ?? -1]
      if (member !== undefined) return { member, container }
    }
    return undefined
  }

  async after(member: TarMember | undefined): Promise<TarMember | null> {
    for (let position = member === undefined ? 0 : this.#countUpTo(member.offset); ; position++) {
      const next = await this.#at(position)
      if (next === undefined) return null
      if (next.name.startsWith(this.#folder)) return relativeTo(this.#folder, next)
    }
  }

  async open(member: TarMember): Promise<ChunkSource> {
    checkPlainMember(member)
    const { start, size, name } = member
    const pull = this.#windows.open(start)
    const chunks = new WindowChunks(pull, size, () => truncatedMember(name, pull.position))
    let over = false
    return {
      next: async () => {
        const chunk = over ? null : await chunks.next()
        if (chunk === null && !over) this.#windows.giveBack(pull)
        over ||= chunk === null
        return chunk
      },
      cancel: async () => {
        over = true
      },
    }
  }

  async readHeader(member: TarMember): Promise<Uint8Array> {
    return await this.#source.read(member.offset, tarBlockBytes)
  }

  async tail(signal: AbortSignal | undefined): Promise<TarTail> {
    while (!this.#complete) await this.#at(this.#members.length)
    const end = this.#walker.pull.position
    const mark = await this.#source.read(Math.max(0, end - markBytes), Math.min(end, markBytes))
    const isMarked = mark.length === markBytes && mark.every((byte) => byte === 0)
    for (let at = end; at < this.#source.size; at += tailBytes) {
      signal?.throwIfAborted()
      const rest = await this.#source.read(at, Math.min(tailBytes, this.#source.size - at))
      const found = rest.findIndex((byte) => byte !== 0)
      if (found >= 0) return { isMarked, trailing: at + found }
    }
    return { isMarked, trailing: undefined }
  }

  verbatim(): ChunkSource {
    return new WindowChunks(pullOver(this.#source, { signal: this.#signal }))
  }

  expect(): void {
    // any order is good
  }

  async close(): Promise<void> {
    await this.#walker.pull.close()
  }

  /** Number of members up to the one at `offset`, which was come past: they are in order of offset. */
  #countUpTo(offset: number): number {
    let low = 0
    let high = this.#members.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#members[middle]?.offset ?? Infinity) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The member at a position in the archive, undefined after the last. */
  async #at(position: number): Promise<TarMember | undefined> {
    while (this.#members.length <= position && !this.#complete) {
      await this.#turns.run(() => this.#walk(position))
    }
    return this.#members[position]
  }

  async #walk(position: number): Promise<void> {
    this.#walking = true
    try {
      while (this.#members.length <= position && !this.#complete) {
        const member = await this.#walker.next()
        if (member === null) this.#complete = true
        else this.#add(member)
      }
    } finally {
      this.#walking = false
    }
  }

  #add(member: TarMember): void {
    if (isIgnored(member)) return
    if (!this.#positions.has(member.name)) this.#positions.set(member.name, this.#members.length)
    this.#members.push(member)
  }
}
