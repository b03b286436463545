import type { DecodeContext } from '../codec/codec.ts'
import { ArchiveError, isArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import { pullFrom } from '../io/pull.ts'
import type { EntryTable } from '../toc/table.ts'
import type { ParsedToc } from '../toc/toc.ts'
import type { ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { DataStreams } from './data-streams.ts'
import { decodeWhole, iterate } from './decode-ahead.ts'
import { checkFileName, containerOfSuffix } from './directory-files.ts'
import { ObjectsOfToc } from './expected-objects.ts'
import { hints } from './hints.ts'
import type { ArchiveLayout, TarTail } from './layout.ts'
import { readToc } from './read-toc.ts'
import type { FormatReader, ReadOptions, ReaderInput, ReaderOptions, StoredBlock, StoredLargeObject } from './reader.ts'
import {
  dataContext,
  dataFileOf,
  listContext,
  noData,
  objectContext,
  type DataStream,
  type StoredData,
} from './stored-data.ts'
import { ifReadable, type StoredSizes } from './stored-sizes.ts'
import { TarStream } from './tar-forward.ts'
import { TarIndex } from './tar-index.ts'
import type { FoundMember, TarMembers } from './tar-members.ts'
import { checkPresence, type VerbatimArchive } from './verbatim.ts'
import type { TarMember } from './tar-walker.ts'

/**
 * Opens a tar archive (InitArchiveFmt_Tar, pg_backup_tar.c), also one that was packed again by other programs, and a
 * directory archive that was packed.
 *
 * @throws ArchiveError NOT_AN_ARCHIVE without a toc.dat, DATA_OUT_OF_ORDER when it is not the first member of
 *   forward-only input, BAD_TAR, UNEXPECTED_EOF, and what reading toc.dat throws
 */
export async function openTar(input: ReaderInput, options: ReaderOptions): Promise<FormatReader> {
  const { pull, source } = input
  const members: TarMembers =
    source === undefined ? new TarStream(pull, options.onPosition) : new TarIndex(source, options.signal)
  try {
    const toc = await members.findToc()
    const parsed = await readTocMember(members, toc, { ...options, storedBytes: input.storedBytes })
    return new TarReader(parsed, members, source?.size, options)
  } catch (error) {
    await members.close()
    throw error
  }
}

async function readTocMember(
  members: TarMembers,
  toc: FoundMember,
  options: ReaderOptions & Omit<ReaderInput, 'pull' | 'source'>,
): Promise<ParsedToc> {
  const { member, container } = toc
  const context = { action: `read "${member.name}"`, file: member.name }
  const stored = { input: await members.open(member), container, context, storedBytes: member.size }
  const whole = container === 'none' ? undefined : decodeWhole(stored, options)
  const data = whole ?? stored.input
  // offsets in errors are the archive's, unless the member is compressed
  const position = container === 'none' ? member.start : 0
  const pull = pullFrom(iterate(data), { position, signal: options.signal })
  try {
    const storedBytes = whole?.storedBytes ?? options.storedBytes
    return await readToc(pull, { ...options, format: 'tar', storedBytes })
  } finally {
    await pull.close()
    await data.cancel()
  }
}

const objectMember = /^blob_([0-9]+)\.dat(?:\.gz|\.lz4|\.zst)?$/
const suffixPattern = /\.(?:gz|lz4|zst)$/
const objectListName = /^blobs(?:_[0-9]+)?\.toc$/

/** Reader of tar archives (pg_backup_tar.c). */
class TarReader implements FormatReader {
  readonly format = 'tar'
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly #parsed: ParsedToc
  readonly #members: TarMembers
  readonly #archiveBytes: number | undefined
  readonly #options: ReaderOptions
  readonly #objects: ObjectsOfToc
  readonly #streams: DataStreams
  #byMember: ((member: TarMember) => TocEntry | undefined) | undefined

  constructor(parsed: ParsedToc, members: TarMembers, archiveBytes: number | undefined, options: ReaderOptions) {
    this.header = parsed.header
    this.settings = parsed.settings
    this.#parsed = parsed
    this.#objects = new ObjectsOfToc(parsed.table, parsed.header.version)
    this.#members = members
    this.#archiveBytes = archiveBytes
    this.#options = options
    this.#streams = new DataStreams(options, {
      open: (entry) => this.#openEntry(entry),
      atHand: ({ data }) => (data.state === 'file' ? members.atHand?.(data.filename) : undefined),
    })
  }

  get seekable(): boolean {
    return this.#members.seekable
  }

  get toc(): readonly TocEntry[] {
    return this.#parsed.toc
  }

  get table(): EntryTable {
    return this.#parsed.table
  }

  plan(entries: readonly TocEntry[]): void {
    const withData = entries.filter((entry) => entry.data.state === 'file')
    this.#members.expect(new Set(withData.map((entry) => entry.dumpId)))
  }

  async storedSizes(signal: AbortSignal | undefined): Promise<StoredSizes> {
    this.#streams.check()
    const dataBytes = new Map<DumpId, number>()
    for (const entry of this.seekable ? this.toc : []) {
      if (entry.data.state !== 'file') continue
      const bytes = await untilAborted(ifReadable(this.#sizeOf(entry, signal)), signal)
      if (bytes !== undefined) dataBytes.set(entry.dumpId, bytes)
    }
    return { archiveBytes: this.#archiveBytes, dataBytes }
  }

  data(entry: TocEntry, options: ReadOptions): DataStream {
    return this.#streams.ofEntry(entry, options)
  }

  async *largeObjects(entry: TocEntry, options: ReadOptions): AsyncGenerator<StoredLargeObject, void, void> {
    for await (const { oid, found } of this.#groupMembers(entry, options.signal)) {
      this.#streams.check()
      options.signal?.throwIfAborted()
      if (oid === null) continue
      const open = (): Promise<StoredData> =>
        this.#openFound(found, objectContext(entry.dumpId, oid, found.member.name))
      yield { oid, data: this.#streams.of(open, options) }
    }
  }

  async *blocks(options: ReadOptions): AsyncGenerator<StoredBlock, void, void> {
    const seen = new Set<DumpId>()
    let passed: TarMember | undefined
    for (
      let member = await this.#members.after(undefined);
      member !== null;
      member = await this.#members.after(member)
    ) {
      this.#streams.check()
      options.signal?.throwIfAborted()
      const entry = this.#entryOf(member)
      if (entry === undefined || seen.has(entry.dumpId)) {
        passed ??= this.#isLostObject(member) ? member : undefined
        continue
      }
      const { dumpId } = entry
      seen.add(dumpId)
      if (entry.desc === 'BLOBS') yield { kind: 'large-objects', dumpId, objects: this.largeObjects(entry, options) }
      else yield { kind: 'data', dumpId, data: this.data(entry, options) }
    }
    if (passed !== undefined) throw objectBehind(passed)
  }

  /** A large object of a group that was passed outside of it, and cannot be gone back to. */
  #isLostObject(member: TarMember): boolean {
    const oid = this.seekable ? undefined : oidOf(member)
    return oid !== undefined && this.#objects.declares(oid)
  }

  async verbatim(signal: AbortSignal | undefined): Promise<VerbatimArchive | undefined> {
    const source = this.#members.verbatim?.()
    if (source === undefined) return undefined
    await checkPresence(this, signal)
    // comes past all members: an archive that was cut short is noticed
    for (let member = await this.#members.after(undefined); member !== null;) member = await this.#members.after(member)
    return { kind: 'file', chunks: await this.#streams.source(async () => source, signal) }
  }

  layout(signal: AbortSignal | undefined): ArchiveLayout | undefined {
    const members = this.#members
    if (!members.seekable) return undefined
    return { kind: 'tar', members: () => eachMember(members, signal), tail: () => members.tail(signal) }
  }

  tail(signal: AbortSignal | undefined): Promise<TarTail> {
    return this.#members.tail(signal)
  }

  async close(): Promise<void> {
    await this.#streams.close()
    await this.#members.close()
  }

  async #openEntry(entry: TocEntry): Promise<StoredData> {
    return await this.#openFound(await this.#findData(entry), dataContext(entry, dataFileOf(entry)))
  }

  async #findData(entry: TocEntry): Promise<FoundMember> {
    const name = dataFileOf(entry)
    return await this.#members.find(name, dataContext(entry, name).action, entry.dumpId)
  }

  async #openFound({ member, container }: FoundMember, context: DecodeContext): Promise<StoredData> {
    return {
      input: await this.#members.open(member),
      container,
      context,
      storedBytes: member.size,
      memberHeader: () => this.#members.readHeader(member),
      repeatable: this.seekable,
    }
  }

  /** Bytes of the members that make up an entry's data. */
  async #sizeOf(entry: TocEntry, signal: AbortSignal | undefined): Promise<number> {
    if (entry.desc !== 'BLOBS') return (await this.#findData(entry)).member.size
    let bytes = 0
    for await (const { found } of this.#groupMembers(entry, signal)) bytes += found.member.size
    return bytes
  }

  /** The members of a BLOBS entry, its list among them. */
  async *#groupMembers(entry: TocEntry, signal: AbortSignal | undefined): AsyncGenerator<GroupMember, void, void> {
    if (entry.data.state !== 'file') throw noData(entry.dumpId)
    const list = await this.#listOf(entry.dumpId, entry.data.filename)
    yield* list === undefined ? this.#runOfMembers(entry) : this.#listedMembers(entry, list, signal)
  }

  /**
   * The name of the list to go by: that of a packed directory, or the one that pg_dump writes after the objects of a
   * group where it can be looked up, since in an archive that was packed again the members lie in any order.
   */
  async #listOf(dumpId: DumpId, recorded: string): Promise<string | undefined> {
    if (objectListName.test(recorded)) return recorded
    if (!this.seekable) return undefined
    const name = this.#listNameOf(dumpId)
    try {
      await this.#members.find(name, listContext(dumpId).action, dumpId)
      return name
    } catch (error) {
      if (isArchiveError(error)) return undefined
      throw error
    }
  }

  /** As pg_dump calls it. */
  #listNameOf(dumpId: DumpId): string {
    return featuresOf(this.header.version).relkindAndBlobGroups ? `blobs_${dumpId}.toc` : 'blobs.toc'
  }

  /**
   * The run of `blob_<oid>.dat` members that makes a group: it begins with the first OID in the entry's tag (before
   * 1.16 with the first such member at all) and ends at the first other member (_LoadLOs, pg_backup_tar.c), its list.
   */
  async *#runOfMembers(entry: TocEntry): AsyncGenerator<GroupMember, void, void> {
    const grouped = featuresOf(this.header.version).relkindAndBlobGroups
    let member = await this.#firstOfGroup(entry)
    for (; member !== null; member = await this.#members.after(member)) {
      const oid = oidOf(member)
      // where another group begins, the list of this one lies elsewhere
      if (oid === undefined || (grouped && (this.#entryOf(member) ?? entry) !== entry)) break
      yield { oid, found: asFound(member) }
    }
    // pg_restore does not look, and takes a group that was cut short for a whole one
    const list = this.#listNameOf(entry.dumpId)
    if (member === null || !isObjectList(member) || (grouped && member.name.replace(suffixPattern, '') !== list)) {
      // it was looked for, in all of the archive: says that it is missing, or why that cannot be told
      if (member !== null && this.seekable)
        await this.#members.find(list, listContext(entry.dumpId).action, entry.dumpId)
      throw groupWithoutList(list, entry, member)
    }
    yield { oid: null, found: asFound(member) }
  }

  /** The first object of a group; before 1.16, where there is one group at most, its list if it has no objects. */
  async #firstOfGroup(entry: TocEntry): Promise<TarMember | null> {
    if (featuresOf(this.header.version).relkindAndBlobGroups) {
      const oid = Number.parseInt(entry.tag ?? '', 10)
      return (await this.#members.find(`blob_${oid}.dat`, listContext(entry.dumpId).action, entry.dumpId)).member
    }
    let member = await this.#members.after(undefined)
    while (member !== null && oidOf(member) === undefined && !isObjectList(member)) {
      member = await this.#members.after(member)
    }
    return member
  }

  /** A list and the objects it names: in a packed directory archive the members of all groups lie anyhow. */
  async *#listedMembers(
    entry: TocEntry,
    name: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<GroupMember, void, void> {
    const { dumpId } = entry
    const context = listContext(dumpId, name)
    if (!this.seekable) {
      throw new ArchiveError(
        'DATA_OUT_OF_ORDER',
        `Cannot ${context.action}: the archive is a packed directory, and the input cannot go back`,
        { dumpId, hint: hints.anyOrder },
      )
    }
    const list = await this.#members.find(name, context.action, dumpId)
    yield { oid: null, found: list }
    const open = (): Promise<StoredData> => this.#openFound(list, context)
    const origin = { dumpId, name, prefix: '', expected: this.#objects.of(entry) }
    for await (const { oid, file } of this.#streams.linesOf(open, origin, signal)) {
      checkFileName(file, dumpId, this.#options.limits.fileNameBytes)
      yield { oid, found: await this.#members.find(file, context.action, dumpId) }
    }
  }

  /** The entry whose data begin with a member. */
  #entryOf(member: TarMember): TocEntry | undefined {
    this.#byMember ??= this.#entriesByMember()
    return this.#byMember(member)
  }

  #entriesByMember(): (member: TarMember) => TocEntry | undefined {
    const grouped = featuresOf(this.header.version).relkindAndBlobGroups
    const byName = new Map<string, TocEntry>()
    let anyObject: TocEntry | undefined
    for (const entry of this.toc) {
      if (entry.data.state !== 'file') continue
      if (entry.desc !== 'BLOBS' || objectListName.test(entry.data.filename)) byName.set(entry.data.filename, entry)
      else if (grouped) byName.set(`blob_${Number.parseInt(entry.tag ?? '', 10)}.dat`, entry)
      else anyObject = entry
    }
    return ({ name }) =>
      byName.get(name.replace(suffixPattern, '')) ?? (objectMember.test(name) ? anyObject : undefined)
  }
}

async function* eachMember(
  members: TarMembers,
  signal: AbortSignal | undefined,
): AsyncGenerator<TarMember, void, void> {
  for (let member = await members.after(undefined); member !== null; member = await members.after(member)) {
    signal?.throwIfAborted()
    yield member
  }
}

/** A member that holds a large object, or the list of a group's (null). */
interface GroupMember {
  readonly oid: number | null
  readonly found: FoundMember
}

/** OID of the large object that a member holds; undefined for other members. */
function oidOf({ name }: TarMember): number | undefined {
  const oid = Number(objectMember.exec(name)?.[1] ?? 0)
  return oid === 0 || oid > 0xffff_ffff ? undefined : oid
}

function asFound(member: TarMember): FoundMember {
  return { member, container: containerOfSuffix(suffixPattern.exec(member.name)?.[0]) }
}

function isObjectList({ name }: TarMember): boolean {
  return objectListName.test(name.replace(suffixPattern, ''))
}

function groupWithoutList(list: string, entry: TocEntry, member: TarMember | null): ArchiveError {
  const { dumpId } = entry
  const action = `Cannot ${listContext(dumpId).action}`
  if (member === null) {
    return new ArchiveError('UNEXPECTED_EOF', `${action}: the archive ends before the list that follows them`, {
      dumpId,
      hint: hints.incomplete,
    })
  }
  return new ArchiveError(
    'DATA_OUT_OF_ORDER',
    `${action}: "${member.name}" comes after them, must be their list "${list}", and the input cannot go back`,
    { dumpId, offset: member.offset, file: member.name, hint: hints.anyOrder },
  )
}

function objectBehind({ name, offset }: TarMember): ArchiveError {
  return new ArchiveError(
    'DATA_OUT_OF_ORDER',
    `Cannot read the large objects: "${name}" does not lie with the others of its group, and the input cannot go back`,
    { offset, file: name, hint: hints.anyOrder },
  )
}
