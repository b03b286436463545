import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Pull } from '../io/pull.ts'
import type { DumpId } from '../toc/types.ts'
import { hints } from './hints.ts'
import type { TarTail } from './layout.ts'
import {
  checkPlainMember,
  containerFor,
  isIgnored,
  missingMember,
  noTocMember,
  relativeTo,
  tocFolder,
  type FoundMember,
  type TarMembers,
} from './tar-members.ts'
import { tarPadding } from './tar-header.ts'
import { Turns } from './turns.ts'
import { TarWalker, truncatedMember, type TarMember } from './tar-walker.ts'
import { WindowChunks } from './window-chunks.ts'

/**
 * What is read of a stream behind the end of the archive: other tools fill up their last record with zeros, of 10 KiB or
 * as long as a tape's block, and a stream may have no end.
 */
export const mostBytesBehind = 16 * 1024 * 1024

/** The members of a tar archive that is read once: asking for one moves past everything before it (_tarPositionTo). */
export class TarStream implements TarMembers {
  readonly seekable = false
  readonly #pull: Pull
  readonly #walker: TarWalker
  readonly #passed = new Set<string>()
  #folder = ''
  /** The member whose header was read last. */
  #head: TarMember | undefined
  /** It was given to somebody who wanted it. */
  #taken = false
  /** Where pg_restore stands in the file: members it opens it reads to their end, and no further (tarFHpos). */
  #stand = 0
  readonly #onPosition: ((note: string) => void) | undefined
  #data: WindowChunks | undefined
  #expected: ReadonlySet<DumpId> | undefined
  /** Whoever moves on takes turns. */
  readonly #turns = new Turns()

  /** @param onPosition see OpenOptions */
  constructor(pull: Pull, onPosition?: (note: string) => void) {
    this.#pull = pull
    this.#onPosition = onPosition
    this.#walker = new TarWalker(pull, onPosition)
  }

  async findToc(): Promise<FoundMember> {
    this.#notePosition()
    const member = await this.#advance()
    if (member === null) throw noTocMember([])
    const folder = tocFolder(member)
    if (folder === undefined) throw tocNotFirst(member)
    this.#folder = folder
    this.#taken = true
    const found = relativeTo(folder, member)
    return { member: found, container: containerFor(found.name, 'toc.dat') ?? 'none' }
  }

  async find(name: string, action: string, dumpId: DumpId): Promise<FoundMember> {
    return await this.#turns.run(async () => {
      // one that after() gave: pg_restore has opened it, and does not pass it on its way
      const opened = this.#taken ? undefined : this.#head
      if (opened === undefined) this.#notePosition()
      for (let member = opened ?? (await this.#advance()); member !== null; member = await this.#advance()) {
        const container = containerFor(member.name, name)
        if (container !== undefined) {
          this.#taken = true
          return { member, container }
        }
        if (member === opened) this.#notePosition()
        else this.#onPosition?.(`skipping tar member ${member.name}`)
        this.#checkSkipped(member, name, dumpId)
      }
      if (this.#passed.has(name)) throw memberBehind(name, action, dumpId, this.#pull.position)
      throw missingMember(name, action, dumpId)
    })
  }

  async after(member: TarMember | undefined): Promise<TarMember | null> {
    return await this.#turns.run(async () => {
      const head = this.#head
      if (head !== undefined && head !== member && !this.#taken) return head
      this.#notePosition()
      return await this.#advance()
    })
  }

  async open(member: TarMember): Promise<ChunkSource> {
    checkPlainMember(member)
    const { size, name } = member
    const { position } = this.#pull
    if (position !== member.start) throw memberBehind(name, `read tar member "${name}"`, undefined, position)
    this.#taken = true
    this.#stand = position + size
    this.#data = new WindowChunks(this.#pull, size, () => truncatedMember(name, this.#pull.position))
    return this.#data
  }

  async tail(signal: AbortSignal | undefined): Promise<TarTail> {
    return await this.#turns.run(async () => {
      while ((await this.#advance()) !== null) signal?.throwIfAborted()
      const pull = this.#pull
      const { isMarked } = this.#walker
      const end = pull.position
      while (pull.available > 0 || (await pull.fill(1))) {
        signal?.throwIfAborted()
        const found = pull.buffer.subarray(pull.start, pull.end).findIndex((byte) => byte !== 0)
        if (found >= 0) return { isMarked, trailing: pull.position + found }
        pull.consume(pull.available)
        if (pull.position - end > mostBytesBehind) return { isMarked, trailing: undefined, unread: end }
      }
      return { isMarked, trailing: undefined }
    })
  }

  async readHeader(): Promise<undefined> {
    return undefined
  }

  expect(dumpIds: ReadonlySet<DumpId>): void {
    this.#expected = dumpIds
  }

  async close(): Promise<void> {
    await this.#pull.close()
  }

  /** A member that is wanted later must not be passed: it would be missing then. */
  #checkSkipped(member: TarMember, wanted: string, dumpId: DumpId): void {
    const id = Number.parseInt(member.name, 10)
    if (this.#expected?.has(id) !== true) return
    throw new ArchiveError(
      'DATA_OUT_OF_ORDER',
      `Cannot read "${wanted}": "${member.name}" is wanted too, but comes before it in the archive, and the input cannot go back`,
      {
        dumpId,
        offset: member.offset,
        file: wanted,
        hint: hints.anyOrder,
        details: {
          dumpId,
          found: member.name,
          wanted,
          pgRestore: `restoring data out of order is not supported in this archive format: "${member.name}" is required, but comes before "${wanted}" in the archive file.`,
        },
      },
    )
  }

  /** What _tarPositionTo, pg_backup_tar.c, says before it reads a header. */
  #notePosition(): void {
    const head = this.#head
    if (this.#onPosition === undefined) return
    if (head === undefined) {
      this.#onPosition('now at file position 0')
      return
    }
    const next = head.start + head.size + tarPadding(head.size)
    // the end of a list of large objects, whose content pg_restore does not read
    const stand = Math.max(this.#stand, head.start)
    this.#onPosition(`moving from position ${stand} to next member at file position ${next}`)
    this.#onPosition(`now at file position ${next}`)
  }

  /** Leaves the current member and comes to the next one in the archive's folder. */
  async #advance(): Promise<TarMember | null> {
    await this.#data?.finish()
    this.#data = undefined
    this.#taken = false
    for (;;) {
      const member = await this.#walker.next()
      this.#head = undefined
      if (member === null) return null
      if (isIgnored(member) || !member.name.startsWith(this.#folder)) continue
      this.#head = relativeTo(this.#folder, member)
      this.#passed.add(this.#head.name)
      return this.#head
    }
  }
}

function tocNotFirst({ name, offset }: TarMember): ArchiveError {
  return new ArchiveError(
    'DATA_OUT_OF_ORDER',
    `Cannot open the tar archive: its first member is "${name}", must be toc.dat on input that cannot go back`,
    { offset, file: name, hint: hints.anyOrder, details: { found: name, wanted: 'toc.dat' } },
  )
}

function memberBehind(name: string, action: string, dumpId: DumpId | undefined, position: number): ArchiveError {
  return new ArchiveError(
    'DATA_OUT_OF_ORDER',
    `Cannot ${action}: "${name}" lies before offset ${position}, and the input cannot go back`,
    {
      dumpId,
      offset: position,
      file: name,
      hint: hints.anyOrder,
      details: { wanted: name, pgRestore: `could not find header for file "${name}" in tar archive` },
    },
  )
}
