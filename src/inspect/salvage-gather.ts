import { blockContainerOf, type Algorithm, type Container } from '../codec/codec.ts'
import { blockLayout } from '../format/custom-blocks.ts'
import { SecondToc } from '../format/second-toc.ts'
import { pullOver } from '../io/pull.ts'
import type { RandomAccess } from '../io/source.ts'
import type { Limits } from '../limits.ts'
import type { ArchiveHeader, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { containerOfMagic, findBlocks, type FoundBlock, type FoundObject } from './salvage-blocks.ts'
import { BlockBytes, ChainSource, type ChunkChain } from './salvage-chunks.ts'
import { findStored, payloadOfFile, splitSuffix, type FoundFile, type FoundFiles } from './salvage-files.ts'
import { ObjectFiles, type ObjectList } from './salvage-object-files.ts'
import type { Break, Payload } from './salvage-payload.ts'
import type { FoundToc } from './salvage-toc.ts'
import { declaredObjects, expectedOids } from './verify-objects.ts'

/** A large object as it was found. */
export interface GatheredObject {
  readonly oid: number
  readonly payload: Payload
}

/** The data that were found of one entry, or that no entry is known for. */
export type GatheredData =
  | { readonly kind: 'rows'; readonly payload: Payload }
  | {
      readonly kind: 'objects'
      readonly objects: readonly GatheredObject[]
      /** OIDs that a list has, without data. */
      readonly absent?: readonly number[]
      readonly broken: Break | undefined
    }

/** Everything that was found of an archive. */
export interface Gathered {
  readonly algorithm: Algorithm
  readonly data: ReadonlyMap<TocEntry, GatheredData>
  /** Why nothing was found of an entry. */
  readonly missing: ReadonlyMap<TocEntry, Break & { readonly file?: string }>
  /** Data without an entry. */
  readonly strays: readonly { readonly dumpId: DumpId | undefined; readonly data: GatheredData }[]
  readonly breaks: readonly Break[]
}

/** Entries that should have data. */
export function entriesWithData(entries: readonly TocEntry[]): readonly TocEntry[] {
  return entries.filter(({ hadDumper, data }) => hadDumper && data.state !== 'no-data')
}

/** OIDs of large objects that the entries make; empty where they do not tell. */
export function oidsOf(entries: readonly TocEntry[]): ReadonlySet<number> {
  const oids = new Set<number>()
  for (const { desc, tag, defn } of entries) {
    if (desc === 'BLOB' && /^[0-9]{1,10}$/.test(tag ?? '')) oids.add(Number(tag))
    if (desc === 'BLOB METADATA') for (const oid of defn?.match(/[0-9]{1,10}/g) ?? []) oids.add(Number(oid))
  }
  return oids
}

/** Finds the data of a custom archive. */
export async function gatherCustom(
  whole: RandomAccess,
  toc: FoundToc | undefined,
  header: ArchiveHeader,
  signal: AbortSignal | undefined,
): Promise<Gathered> {
  // behind the data nothing but the copy of the table of contents is looked for
  const source = toc?.copy === undefined ? whole : startOf(whole, toc.copy)
  const bytes = new BlockBytes(source, blockLayout(header, source.size), signal)
  const entries = entriesWithData(toc?.entries ?? [])
  const tocWhole = toc !== undefined && toc.breaks.length === 0
  const { blocks, gaps } = await findBlocks({
    bytes,
    entries,
    oids: oidsOf(toc?.entries ?? []),
    anyId: !tocWhole,
    start: toc?.end ?? 0,
    signal,
  })
  const algorithm = await algorithmOf(header, tocWhole, blocks, bytes)
  const open = opener(source, header, algorithm, signal)
  const { data, strays } = assign(entries, blocks, tocWhole, open)
  const breaks: Break[] = []
  const secondToc = new SecondToc(header, () => toc?.entries ?? [])
  for (const { start, end } of tocWhole ? gaps : []) {
    if (end === source.size && (await followsAt(secondToc, source, start, signal))) continue
    const reason = `${end - start} bytes from offset ${start} on belong to no data that could be read`
    breaks.push({ kind: 'damaged', offset: start, reason })
  }
  const missing = new Map<TocEntry, Break>()
  for (const entry of entries) {
    if (data.has(entry)) continue
    const at = entry.data.state === 'set' ? entry.data.offset : undefined
    const beyond = at !== undefined && at >= source.size
    missing.set(entry, {
      kind: 'cut',
      offset: Math.min(at ?? source.size, source.size),
      reason: beyond ? 'the archive ends before its data' : 'the archive has no data block for it that could be found',
    })
  }
  return { algorithm, data, missing, strays, breaks }
}

async function followsAt(
  secondToc: SecondToc,
  source: RandomAccess,
  start: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const pull = pullOver(source, { start, signal })
  try {
    return await secondToc.follows(pull)
  } finally {
    await pull.close()
  }
}

function startOf(source: RandomAccess, size: number): RandomAccess {
  return { size, read: (offset, length) => source.read(offset, Math.min(length, Math.max(0, size - offset))) }
}

type OpenChain = (chain: ChunkChain) => Payload

function opener(
  source: RandomAccess,
  header: ArchiveHeader,
  algorithm: Algorithm,
  signal: AbortSignal | undefined,
): OpenChain {
  const layout = blockLayout(header, source.size)
  const origin = {
    container: blockContainerOf(algorithm),
    bytes: () => new BlockBytes(source, layout, signal),
  }
  return (chain) => new ChainPayload(origin, chain)
}

/** A chain of chunks as a stream; there is one for each large object, so they share what they can. */
class ChainPayload implements Payload {
  readonly #origin: { readonly container: Container; readonly bytes: () => BlockBytes }
  readonly #chain: ChunkChain

  constructor(origin: { readonly container: Container; readonly bytes: () => BlockBytes }, chain: ChunkChain) {
    this.#origin = origin
    this.#chain = chain
  }

  get container(): Container {
    return this.#origin.container
  }

  get offset(): number {
    return this.#chain.start
  }

  get mended(): Break | undefined {
    return mendedIn(this.#chain)
  }

  async open(): Promise<ChainSource> {
    return new ChainSource(this.#origin.bytes(), this.#chain)
  }
}

function mendedIn({ repairs }: ChunkChain): Break | undefined {
  const [offset] = repairs.keys()
  if (offset === undefined) return undefined
  return { kind: 'damaged', offset, reason: `the chunk length at offset ${offset} is damaged` }
}

function dataOf({ content }: FoundBlock, open: OpenChain): GatheredData {
  if (content.kind === 'data') return { kind: 'rows', payload: open(content.chain) }
  const objects = content.objects.map(({ oid, chain }) => ({ oid, payload: open(chain) }))
  const last = content.objects.at(-1)
  const broken: Break | undefined = content.whole ? undefined : (last?.chain.broken ?? endOfObjects(last))
  return { kind: 'objects', objects, broken }
}

function endOfObjects(last: FoundObject | undefined): Break {
  const offset = last?.chain.end ?? 0
  return { kind: 'cut', offset, reason: `the list of large objects breaks off at offset ${offset}` }
}

/** Gives blocks to entries by their ids, and one without to the only entry that can have it. */
function assign(
  entries: readonly TocEntry[],
  blocks: readonly FoundBlock[],
  tocWhole: boolean,
  open: OpenChain,
): Pick<Gathered, 'data' | 'strays'> {
  const byId = new Map(entries.map((entry) => [entry.dumpId, entry]))
  const owners = blocks.map(({ dumpId }) => (dumpId === undefined ? undefined : byId.get(dumpId)))
  const found = new Set(owners)
  const data = new Map<TocEntry, GatheredData>()
  const strays: { readonly dumpId: DumpId | undefined; readonly data: GatheredData }[] = []
  blocks.forEach((block, index) => {
    const owner = owners[index] ?? (tocWhole ? between(entries, owners, index, found) : undefined)
    if (owner === undefined) strays.push({ dumpId: block.dumpId, data: dataOf(block, open) })
    else data.set(owner, dataOf(block, open))
  })
  return { data, strays }
}

/** The entry whose block is missing where this one lies, if it is the only one: blocks are in the order of the TOC. */
function between(
  entries: readonly TocEntry[],
  owners: readonly (TocEntry | undefined)[],
  index: number,
  found: ReadonlySet<TocEntry | undefined>,
): TocEntry | undefined {
  const before = owners.slice(0, index).findLast((owner) => owner !== undefined)
  const after = owners.slice(index + 1).find((owner) => owner !== undefined)
  const from = before === undefined ? 0 : entries.indexOf(before) + 1
  const to = after === undefined ? entries.length : entries.indexOf(after)
  const candidates = entries.slice(from, to).filter((entry) => !found.has(entry))
  const strangers = owners.slice(
    from > 0 ? owners.indexOf(before) + 1 : 0,
    after === undefined ? undefined : owners.indexOf(after),
  )
  const [only] = candidates
  return candidates.length === 1 && strangers.length === 1 && only?.desc === 'TABLE DATA' ? only : undefined
}

const algorithms: Partial<Record<Container, Algorithm>> = { zlib: 'gzip', lz4: 'lz4', zstd: 'zstd' }

/** How the data are compressed: what the header says, unless the data say something else. */
async function algorithmOf(
  header: ArchiveHeader,
  trusted: boolean,
  blocks: readonly FoundBlock[],
  bytes: BlockBytes,
): Promise<Algorithm> {
  const told = header.compression.algorithm
  const votes = new Map<Algorithm, number>()
  let streams = 0
  for (const { content } of blocks.slice(0, 100)) {
    const chains = content.kind === 'data' ? [content.chain] : content.objects.slice(0, 10).map(({ chain }) => chain)
    for (const { start } of chains) {
      const first = start + bytes.intBytes
      if (!(await bytes.window.load(first, 4))) continue
      const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((index) => bytes.window.byte(first + index))
      const container = containerOfMagic(a, b, c, d)
      const algorithm: Algorithm = container === undefined ? 'none' : (algorithms[container] ?? 'none')
      votes.set(algorithm, (votes.get(algorithm) ?? 0) + 1)
      streams++
    }
  }
  const [most] = [...votes].sort((x, y) => y[1] - x[1])
  if (most === undefined) return told === 'unknown' ? 'none' : told
  if (told !== 'unknown' && (votes.get(told) ?? 0) * 2 >= streams) return told
  // text of one table may look like a stream, that of most does not
  const sure = most[1] * 2 > streams && (most[0] !== 'none' || !trusted || told === 'unknown')
  return sure || told === 'unknown' ? most[0] : told
}

/** Finds the data of a directory or tar archive. */
export async function gatherFiles(
  files: FoundFiles,
  toc: FoundToc | undefined,
  algorithm: Algorithm,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<Gathered> {
  const data = new Map<TocEntry, GatheredData>()
  const missing = new Map<TocEntry, Break & { readonly file?: string }>()
  const used = new Set<string>()
  const entries = entriesWithData(toc?.entries ?? [])
  const tables = entries.filter(({ desc }) => desc !== 'BLOBS')
  const nameless = namelessOf(tables, files, toc?.file)
  for (const entry of tables) {
    const name = fileOf(entry)
    const unnamed = nameless.get(entry)
    const found = findStored(files, name) ?? (unnamed && { file: unnamed, container: 'none' })
    if (found !== undefined) {
      used.add(found.file.name)
      data.set(entry, { kind: 'rows', payload: payloadOfFile(found.file, found.container, signal) })
    } else {
      missing.set(entry, { kind: 'cut', offset: 0, file: name, reason: `there is no file "${name}"` })
    }
  }
  const objects = new ObjectFiles(files, new Set((toc?.entries ?? []).flatMap(declaredObjects)), limits, signal)
  const groups = entries.filter(({ desc }) => desc === 'BLOBS')
  const lists: { readonly entry: TocEntry; readonly file: string; readonly list: ObjectList }[] = []
  for (const entry of groups) {
    const file = listOf(entry, files, toc)
    lists.push({ entry, file, list: await objects.listed(file) })
  }
  // What lists and entries say goes before what tags make likely: the OIDs of groups lie between those of others.
  if (toc !== undefined) {
    for (const { entry, list } of lists) objects.addOwn(list, expectedOids(entry, toc.entries, toc.header.version))
  }
  for (const { entry, file, list } of lists) {
    const found = objects.of(entry, list, groups.length === 1)
    if (found === undefined) {
      missing.set(entry, { kind: 'cut', offset: 0, file, reason: 'there are no files of its large objects' })
    } else data.set(entry, found)
  }
  const strays = toc === undefined || toc.breaks.length > 0 ? straysOf(files, used, objects, groups.length, signal) : []
  return { algorithm, data, missing, strays, breaks: files.breaks }
}

/**
 * Members without a name, for the entries whose data they must be: members lie in the order of the entries, so between
 * those that are known only one may be missing.
 */
function namelessOf(
  entries: readonly TocEntry[],
  files: FoundFiles,
  toc: FoundFile | undefined,
): ReadonlyMap<TocEntry, FoundFile> {
  const owners = new Map<TocEntry, FoundFile>()
  const nameless = files.nameless.filter((file) => file !== toc)
  // another tool may have put the members into an order of its own
  const offsets = entries.flatMap((entry) => findStored(files, fileOf(entry))?.file.offset ?? [])
  if (offsets.some((offset, index) => offset < (offsets[index - 1] ?? 0))) return owners
  let absent: TocEntry[] = []
  let from = 0
  const give = (to: number): void => {
    const inside = nameless.filter(({ offset }) => offset > from && offset < to)
    const [entry] = absent
    const [file] = inside
    if (absent.length === 1 && inside.length === 1 && entry !== undefined && file !== undefined) owners.set(entry, file)
    absent = []
    from = to
  }
  for (const entry of entries) {
    const found = findStored(files, fileOf(entry))
    if (found === undefined) absent.push(entry)
    else give(found.file.offset)
  }
  give(Infinity)
  return owners
}

function fileOf({ data, dumpId }: TocEntry): string {
  const name = data.state === 'file' ? data.filename : ''
  // names that pg_dump does not give lead elsewhere
  return /^(?:[0-9]{1,10}\.dat|blobs(?:_[0-9]{1,10})?\.toc)$/.test(name) ? name : `${dumpId}.dat`
}

/** Name of the list of an entry's large objects: a tar archive does not record it. */
function listOf(entry: TocEntry, files: FoundFiles, toc: FoundToc | undefined): string {
  const grouped = toc !== undefined && featuresOf(toc.header.version).relkindAndBlobGroups
  if (!files.inOneFile && fileOf(entry).startsWith('blobs')) return fileOf(entry)
  return grouped ? `blobs_${entry.dumpId}.toc` : 'blobs.toc'
}

function straysOf(
  files: FoundFiles,
  used: ReadonlySet<string>,
  objects: ObjectFiles,
  groups: number,
  signal: AbortSignal | undefined,
): Gathered['strays'] {
  const strays: { readonly dumpId: DumpId | undefined; readonly data: GatheredData }[] = []
  for (const [name, file] of files.byName) {
    const { recorded, container } = splitSuffix(name)
    const id = /^([0-9]+)\.dat$/.exec(recorded)?.[1]
    if (id === undefined || used.has(name)) continue
    strays.push({ dumpId: Number(id), data: { kind: 'rows', payload: payloadOfFile(file, container, signal) } })
  }
  strays.sort((a, b) => (a.dumpId ?? 0) - (b.dumpId ?? 0))
  const left = groups === 0 ? objects.rest() : []
  if (left.length > 0) strays.push({ dumpId: undefined, data: { kind: 'objects', objects: left, broken: undefined } })
  return strays
}
