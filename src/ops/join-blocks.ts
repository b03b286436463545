import { ArchiveError } from '../errors.ts'
import type { TocEntry } from '../toc/types.ts'
import type { DataBlock, LargeObject } from '../view.ts'

/** Entries whose large objects are shown as those of the first. */
export type JoinedEntries = readonly [TocEntry, ...TocEntry[]]

/**
 * Shows the blocks of several entries as one of the first entry, where the first of them comes.
 *
 * @param read reads the large objects of all of them, in any place; undefined on forward-only input, where their blocks
 *   must follow each other
 * @throws ArchiveError DATA_OUT_OF_ORDER on forward-only input, when other data stand between them
 */
export async function* joinBlocks(
  blocks: AsyncIterable<DataBlock>,
  entries: JoinedEntries,
  read: (() => AsyncIterable<LargeObject>) | undefined,
): AsyncGenerator<DataBlock, void, void> {
  const members: ReadonlySet<TocEntry | undefined> = new Set(entries)
  const [entry] = entries
  const { dumpId } = entry
  const joined = (objects: AsyncIterable<LargeObject>): DataBlock => ({ kind: 'large-objects', dumpId, entry, objects })
  const iterator = blocks[Symbol.asyncIterator]()
  let given = false
  try {
    for (let next = await iterator.next(); next.done !== true;) {
      const block = next.value
      if (block.kind === 'data' || !members.has(block.entry)) {
        yield block
        next = await iterator.next()
        continue
      }
      if (given && read === undefined) throw apart(block.dumpId, dumpId)
      const run = new Run(iterator, members, block)
      if (!given) yield joined(read?.() ?? run.objects())
      given = true
      next = await run.end()
    }
  } finally {
    await iterator.return?.()
  }
}

function apart(dumpId: number, first: number): ArchiveError {
  return new ArchiveError(
    'DATA_OUT_OF_ORDER',
    `Cannot join the large objects of TOC entry ${dumpId} to those of entry ${first}: other data stand between them, and the input cannot go back`,
    { dumpId, hint: 'Open the archive by its path, or with the option spool, to read data in any order' },
  )
}

type GroupBlock = DataBlock & { readonly kind: 'large-objects' }

/** Blocks of large objects that follow each other, read one after the other. */
class Run {
  readonly #iterator: AsyncIterator<DataBlock>
  readonly #members: ReadonlySet<TocEntry | undefined>
  #block: GroupBlock
  /** What follows the run, once it is known. */
  #next: IteratorResult<DataBlock, unknown> | undefined

  constructor(iterator: AsyncIterator<DataBlock>, members: ReadonlySet<TocEntry | undefined>, first: GroupBlock) {
    this.#iterator = iterator
    this.#members = members
    this.#block = first
  }

  async *objects(): AsyncGenerator<LargeObject, void, void> {
    do yield* this.#block.objects
    while (await this.#advance())
  }

  /** Passes over what has not been asked for. */
  async end(): Promise<IteratorResult<DataBlock, unknown>> {
    for (;;) {
      if (this.#next !== undefined) return this.#next
      await this.#advance()
    }
  }

  /** @returns false when the run is over */
  async #advance(): Promise<boolean> {
    if (this.#next !== undefined) return false
    const next = await this.#iterator.next()
    if (next.done !== true && next.value.kind === 'large-objects' && this.#members.has(next.value.entry)) {
      this.#block = next.value
      return true
    }
    this.#next = next
    return false
  }
}
