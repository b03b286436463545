import { aFunction, aSignal, checkOptions } from '../check-options.ts'
import { createSha256 } from '../codec/sha256.ts'
import { ArchiveError } from '../errors.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView, DataOptions, LargeObject } from '../view.ts'
import { LargeObjectDigests } from './digest-objects.ts'
import { wholeDigest, type ArchiveDigest } from './digest-whole.ts'
import { isFiltered } from './filter.ts'
import { storesData } from './sql-plan.ts'

/** Options of `digest`. */
export interface DigestOptions {
  readonly signal?: AbortSignal
  /** Called as data is read: decompressed bytes so far, and the dump id of the entry that is being read. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly entry: DumpId }) => void
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
  checkOptions('digest', options, { signal: aSignal, onProgress: aFunction })
  options.signal?.throwIfAborted()
  const objects = new LargeObjectDigests(view.toc)
  const entries = objects.others()
  const wanted = view.toc.filter((entry) => storesData(entry) && (!isFiltered(view) || view.parts(entry).data))
  const data = await new DataDigests(view, objects, options).read(wanted)
  return wholeDigest(view.header, entries, data, objects)
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
