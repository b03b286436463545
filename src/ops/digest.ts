import { checkOptions } from '../check-options.ts'
import { createSha256, toHex } from '../codec/sha256.ts'
import { ArchiveError } from '../errors.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView, DataOptions, LargeObject } from '../view.ts'
import { digestRecord, entryDigest, headerDigest } from './digest-fields.ts'
import { LargeObjectDigests } from './digest-objects.ts'
import { isFiltered } from './filter.ts'
import { storesData } from './sql-plan.ts'

/** Options of `digest`. */
export interface DigestOptions {
  readonly signal?: AbortSignal
  /** Called as data is read: decompressed bytes so far, and the dump id of the entry that is being read. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly entry: DumpId }) => void
}

/** What `digest` gives; every digest is SHA-256 in lower-case hexadecimal digits (spec/digest.md). */
export interface ArchiveDigest {
  /** Of header and content. */
  readonly sha256: string
  /** Of the header's database name, versions and date. */
  readonly header: string
  /** Of all entries and large objects: the same for two dumps of one state of a database, if pg_dump wrote the same. */
  readonly content: string
  /** Entries in the order of the view, those about large objects alone excepted. */
  readonly entries: readonly EntryDigest[]
  readonly largeObjects: {
    /** Of them all together. */
    readonly sha256: string
    /** By OID. */
    readonly objects: readonly { readonly oid: number; readonly sha256: string }[]
  }
}

/** The digest of one entry. */
export interface EntryDigest {
  readonly dumpId: DumpId
  /** Of its fields and its data. */
  readonly sha256: string
  /** Of its data alone, decompressed; null without. */
  readonly data: string | null
}

/**
 * Digests what an archive contains, whatever way it is stored: container, compression, chunks, offsets and, as far as
 * nothing is lost, archive version do not matter. So it is the same before and after every conversion that loses
 * nothing. All data is read once, in one pass over input that can be read only once; memory is that of the table of
 * contents and of a small state for each large object. A filtered view digests what it shows.
 *
 * @example
 * const same = (await digest(before)).sha256 === (await digest(after)).sha256
 *
 * @throws ArchiveError MISSING_BLOCK when data of an entry is not there, and what reading data throws;
 * `signal.reason` unwrapped
 */
export async function digest(view: ArchiveView, options: DigestOptions = {}): Promise<ArchiveDigest> {
  checkOptions('digest', options, { signal: true, onProgress: true })
  options.signal?.throwIfAborted()
  const objects = new LargeObjectDigests(view.toc)
  const entries = view.toc.filter((entry) => !objects.has(entry))
  const wanted = view.toc.filter((entry) => storesData(entry) && (!isFiltered(view) || view.parts(entry).data))
  const data = await new DataDigests(view, objects, options).read(wanted)
  const entryDigests = entries.map((entry) => {
    const ofData = data.get(entry.dumpId) ?? null
    return { entry, ofData, all: entryDigest(entry, ofData) }
  })
  const objectDigests = objects.digests()
  const header = headerDigest(view.header)
  const largeObjects = digestRecord('pgdmp large objects 1', [
    objectDigests.length,
    ...objectDigests.map((object) => object.digest),
  ])
  const content = digestRecord('pgdmp content 1', [
    entryDigests.length,
    ...entryDigests.map(({ all }) => all),
    largeObjects,
  ])
  return {
    sha256: toHex(digestRecord('pgdmp archive 1', [header, content])),
    header: toHex(header),
    content: toHex(content),
    entries: entryDigests.map(({ entry, ofData, all }) => ({
      dumpId: entry.dumpId,
      sha256: toHex(all),
      data: ofData === null ? null : toHex(ofData),
    })),
    largeObjects: {
      sha256: toHex(largeObjects),
      objects: objectDigests.map((object) => ({ oid: object.oid, sha256: toHex(object.digest) })),
    },
  }
}

/** Reads and digests data: in the order of the view, or as it comes where it can be read only once. */
class DataDigests {
  readonly #view: ArchiveView
  readonly #objects: LargeObjectDigests
  readonly #options: DigestOptions
  readonly #byId = new Map<DumpId, Uint8Array>()
  #bytes = 0

  constructor(view: ArchiveView, objects: LargeObjectDigests, options: DigestOptions) {
    this.#view = view
    this.#objects = objects
    this.#options = options
  }

  /** @returns digests by dump id; those of large objects go to their state */
  async read(wanted: readonly TocEntry[]): Promise<ReadonlyMap<DumpId, Uint8Array>> {
    const view = this.#view
    const { signal } = this.#options
    const options = signal === undefined ? {} : { signal }
    if (view.storage?.seekable === false) {
      await this.#readBlocks(wanted, options)
      return this.#byId
    }
    view.plan(wanted)
    for (const entry of wanted) {
      if (holdsObjects(entry)) await this.#digestObjects(view.largeObjects(entry, options), entry.dumpId)
      else this.#byId.set(entry.dumpId, await this.#digest(view.data(entry, options), entry.dumpId))
    }
    return this.#byId
  }

  async #readBlocks(wanted: readonly TocEntry[], options: DataOptions): Promise<void> {
    const missing = new Set(wanted.map(({ dumpId }) => dumpId))
    for await (const block of this.#view.blocks(options)) {
      if (!missing.delete(block.dumpId)) continue
      if (block.kind === 'large-objects') await this.#digestObjects(block.objects, block.dumpId)
      else this.#byId.set(block.dumpId, await this.#digest(block.data, block.dumpId))
    }
    const [dumpId] = missing
    if (dumpId === undefined) return
    throw new ArchiveError('MISSING_BLOCK', `Cannot digest entry ${dumpId}: the archive ends without its data`, {
      dumpId,
    })
  }

  async #digestObjects(objects: AsyncIterable<LargeObject>, dumpId: DumpId): Promise<void> {
    for await (const { oid, data } of objects) this.#objects.addContent(oid, await this.#digest(data, dumpId))
  }

  async #digest(stream: ByteStream, entry: DumpId): Promise<Uint8Array> {
    const { signal, onProgress } = this.#options
    const hash = createSha256()
    const source = stream.borrow()
    try {
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
        signal?.throwIfAborted()
        hash.update(chunk)
        this.#bytes += chunk.length
        onProgress?.({ bytes: this.#bytes, entry })
      }
    } finally {
      await source.cancel()
    }
    return hash.digest()
  }
}

function holdsObjects(entry: TocEntry): boolean {
  return entry.raw.byteString('desc') === 'BLOBS'
}
