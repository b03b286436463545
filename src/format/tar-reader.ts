import { ArchiveError } from '../errors.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import { pullFrom } from '../io/pull.ts'
import type { EntryTable } from '../toc/table.ts'
import type { ParsedToc } from '../toc/toc.ts'
import type { ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { DecodeAhead, decodeWhole, iterate } from './decode-ahead.ts'
import { checkFileName, containerOfSuffix } from './directory-files.ts'
import { readLargeObjectList } from './large-object-list.ts'
import { OpenStreams } from './open-streams.ts'
import { readToc } from './read-toc.ts'
import type { FormatReader, ReadOptions, ReaderInput, ReaderOptions, StoredBlock, StoredLargeObject } from './reader.ts'
import { checkedData, dataContext, noData, objectContext, type StoredData } from './stored-data.ts'
import { TarStream } from './tar-forward.ts'
import { TarIndex } from './tar-index.ts'
import type { FoundMember, TarMembers } from './tar-members.ts'
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
  const members: TarMembers = source === undefined ? new TarStream(pull) : new TarIndex(source, options.signal)
  try {
    const toc = await members.findToc()
    const parsed = await readTocMember(members, toc, options)
    return new TarReader(parsed, members, options)
  } catch (error) {
    await members.close()
    throw error
  }
}

async function readTocMember(members: TarMembers, toc: FoundMember, options: ReaderOptions): Promise<ParsedToc> {
  const { member, container } = toc
  const context = { action: `read "${member.name}"`, file: member.name }
  const stored = { input: await members.open(member), container, context, storedBytes: member.size }
  const data = container === 'none' ? stored.input : decodeWhole(stored, options)
  // offsets in errors are the archive's, unless the member is compressed
  const position = container === 'none' ? member.start : 0
  const pull = pullFrom(iterate(data), { position, signal: options.signal })
  try {
    return await readToc(pull, { ...options, format: 'tar' })
  } finally {
    await pull.close()
    await data.cancel()
  }
}

const objectMember = /^blob_([0-9]+)\.dat(\.gz|\.lz4|\.zst)?$/
const suffixPattern = /\.(?:gz|lz4|zst)$/
const objectListName = /^blobs(?:_[0-9]+)?\.toc$/

/** Reader of tar archives (pg_backup_tar.c). */
class TarReader implements FormatReader {
  readonly format = 'tar'
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly #parsed: ParsedToc
  readonly #members: TarMembers
  readonly #options: ReaderOptions
  readonly #decoding: DecodeAhead
  readonly #streams = new OpenStreams()
  readonly #sizes = new Map<DumpId, number>()

  constructor(parsed: ParsedToc, members: TarMembers, options: ReaderOptions) {
    this.header = parsed.header
    this.settings = parsed.settings
    this.#parsed = parsed
    this.#members = members
    this.#options = options
    this.#decoding = new DecodeAhead(options, { open: (entry) => this.#openEntry(entry) })
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

  storedBytes(entry: TocEntry): number | undefined {
    return this.#sizes.get(entry.dumpId)
  }

  data(entry: TocEntry, options: ReadOptions): ByteStream {
    return this.#streams.stream(async () => {
      if (options.raw === true) return (await this.#openEntry(entry)).input
      return checkedData(entry, await this.#decoding.take(entry))
    }, options.signal)
  }

  async *largeObjects(entry: TocEntry, options: ReadOptions): AsyncGenerator<StoredLargeObject, void, void> {
    if (entry.data.state !== 'file') throw noData(entry.dumpId)
    const { filename } = entry.data
    const objects = objectListName.test(filename) ? this.#listedObjects(entry, filename) : this.#groupedObjects(entry)
    for await (const { oid, found } of objects) {
      this.#streams.check()
      options.signal?.throwIfAborted()
      yield { oid, data: this.#objectData(entry, oid, found, options) }
    }
  }

  async *blocks(options: ReadOptions): AsyncGenerator<StoredBlock, void, void> {
    const entryOf = this.#entriesByMember()
    const seen = new Set<DumpId>()
    for (
      let member = await this.#members.after(undefined);
      member !== null;
      member = await this.#members.after(member)
    ) {
      this.#streams.check()
      options.signal?.throwIfAborted()
      const entry = entryOf(member)
      if (entry === undefined || seen.has(entry.dumpId)) continue
      const { dumpId } = entry
      seen.add(dumpId)
      if (entry.desc === 'BLOBS') yield { kind: 'large-objects', dumpId, objects: this.largeObjects(entry, options) }
      else yield { kind: 'data', dumpId, data: this.data(entry, options) }
    }
  }

  async close(): Promise<void> {
    await this.#streams.close()
    await this.#decoding.close()
    await this.#members.close()
  }

  async #openEntry(entry: TocEntry): Promise<StoredData> {
    const { data, dumpId } = entry
    if (data.state !== 'file') throw noData(dumpId)
    const context = dataContext(entry, data.filename)
    const { member, container } = await this.#members.find(data.filename, context.action, dumpId)
    this.#sizes.set(dumpId, member.size)
    return { input: await this.#members.open(member), container, context, storedBytes: member.size }
  }

  #objectData(entry: TocEntry, oid: number, found: FoundMember, options: ReadOptions): ByteStream {
    return this.#streams.stream(async () => {
      const { member, container } = found
      const input = await this.#members.open(member)
      if (options.raw === true) return input
      const context = objectContext(entry.dumpId, oid, member.name)
      return this.#decoding.decode({ input, container, context, storedBytes: member.size })
    }, options.signal)
  }

  /**
   * The run of `blob_<oid>.dat` members that makes a group: it begins with the first OID in the entry's tag (before
   * 1.16 with the first such member at all) and ends at the first other member (_LoadLOs, pg_backup_tar.c).
   */
  async *#groupedObjects(entry: TocEntry): AsyncGenerator<FoundObject, void, void> {
    let member = await this.#firstOfGroup(entry)
    for (; member !== null; member = await this.#members.after(member)) {
      const found = objectOf(member)
      if (found === undefined) break
      yield found
    }
    // pg_restore does not look, and takes a group that was cut short for a whole one
    if (member === null || !isObjectList(member)) throw groupWithoutList(entry, member)
  }

  /** The first object of a group; before 1.16, where there is one group at most, its list if it has no objects. */
  async #firstOfGroup(entry: TocEntry): Promise<TarMember | null> {
    if (featuresOf(this.header.version).relkindAndBlobGroups) {
      const oid = Number.parseInt(entry.tag ?? '', 10)
      const action = `read the large objects of TOC entry ${entry.dumpId}`
      return (await this.#members.find(`blob_${oid}.dat`, action, entry.dumpId)).member
    }
    let member = await this.#members.after(undefined)
    while (member !== null && objectOf(member) === undefined && !isObjectList(member)) {
      member = await this.#members.after(member)
    }
    return member
  }

  /** The objects that a list names: in a packed directory archive the members of all groups lie anyhow. */
  async *#listedObjects(entry: TocEntry, name: string): AsyncGenerator<FoundObject, void, void> {
    const { dumpId } = entry
    const action = `read the large objects of TOC entry ${dumpId}`
    if (!this.seekable) {
      throw new ArchiveError(
        'DATA_OUT_OF_ORDER',
        `Cannot ${action}: the archive is a packed directory, and the input cannot go back`,
        {
          dumpId,
          hint: 'Open the archive by its path, or with the option spool, to read data in any order',
        },
      )
    }
    const { member, container } = await this.#members.find(name, action, dumpId)
    const stored = {
      input: await this.#members.open(member),
      container,
      context: { action, dumpId, file: name },
      storedBytes: member.size,
    }
    const lines = await this.#streams.source(async () => this.#decoding.decode(stored), undefined)
    try {
      for await (const { oid, file } of readLargeObjectList(lines, { dumpId, name, prefix: '' })) {
        checkFileName(file, dumpId, this.#options.limits.fileNameBytes)
        yield { oid, found: await this.#members.find(file, action, dumpId) }
      }
    } finally {
      await lines.cancel()
    }
  }

  /** Which entry's data begin with a member. */
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

/** A member that holds a large object. */
interface FoundObject {
  readonly oid: number
  readonly found: FoundMember
}

function objectOf(member: TarMember): FoundObject | undefined {
  const [, digits = '0', suffix] = objectMember.exec(member.name) ?? []
  const oid = Number(digits)
  if (oid === 0 || oid > 0xffff_ffff) return undefined
  return { oid, found: { member, container: containerOfSuffix(suffix) } }
}

function isObjectList({ name }: TarMember): boolean {
  return objectListName.test(name.replace(suffixPattern, ''))
}

function groupWithoutList(entry: TocEntry, member: TarMember | null): ArchiveError {
  const { dumpId } = entry
  const action = `Cannot read the large objects of TOC entry ${dumpId}`
  if (member === null) {
    return new ArchiveError('UNEXPECTED_EOF', `${action}: the archive ends before the list that follows them`, {
      dumpId,
      hint: 'The archive is incomplete: the dump or a copy of it was cut short',
    })
  }
  return new ArchiveError('BAD_TAR', `${action}: "${member.name}" comes after them, must be their list`, {
    dumpId,
    offset: member.offset,
    file: member.name,
    hint: 'The archive was packed again in another order: unpack it into a directory and open that',
  })
}
