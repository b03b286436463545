import { ArchiveError } from '../errors.ts'
import type { DataStream } from '../format/stored-data.ts'
import { byteStream, emptyStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Limits } from '../limits.ts'
import type { ArchiveHeader, ArchiveSettings, TocEntry } from '../toc/types.ts'
import type { ArchiveView, DataBlock, LargeObject } from '../view.ts'
import { PickedRows, type Kept } from './salvage-assess.ts'
import { TolerantSource, type Payload } from './salvage-payload.ts'

/** What a view of salvaged things shows. */
export interface SalvagedContent {
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly limits: Limits
  readonly toc: readonly TocEntry[]
  readonly kept: ReadonlyMap<TocEntry, Kept>
  readonly signal: AbortSignal | undefined
}

/**
 * Shows what was salvaged as an archive. Data that are whole are shown as they are stored, but for those with bytes
 * behind their stream.
 */
export function salvagedView({ header, settings, limits, toc, kept, signal }: SalvagedContent): ArchiveView {
  const byId = new Map(toc.map((entry) => [entry.dumpId, entry]))
  const find = (entry: TocEntry): Kept => {
    const found = kept.get(entry)
    if (found !== undefined) return found
    const { dumpId } = entry
    throw new ArchiveError('NO_DATA', `Cannot read data of TOC entry ${dumpId}: it has none`, { dumpId })
  }
  const decoded = (payload: Payload): DataStream => byteStream(() => new TolerantSource(payload, limits, signal))
  const whole = (payload: Payload): DataStream => ({
    ...decoded(payload),
    stored: async () => ({
      container: payload.container,
      chunks: await payload.open(),
      framing: undefined,
      memberHeader: undefined,
      bytes: undefined,
      repeatable: true,
    }),
  })
  const data = (entry: TocEntry): DataStream => {
    const found = find(entry)
    if (found.kind !== 'rows') throw new ArchiveError('NO_DATA', `Cannot read rows of TOC entry ${entry.dumpId}`)
    const { payload, state, picker, text, excess } = found
    const asText = text === 'insert' && entry.copyStmt !== null
    if ((state === 'whole' && !asText) || picker === undefined) {
      return excess === undefined ? whole(payload) : decoded(payload)
    }
    const encoding = asText ? settings.encoding : undefined
    return byteStream(
      (): ChunkSource => new PickedRows(new TolerantSource(payload, limits, signal), picker(), encoding),
    )
  }
  async function* largeObjects(entry: TocEntry): AsyncGenerator<LargeObject, void, void> {
    const found = find(entry)
    if (found.kind !== 'objects') return
    for (const { oid, payload, state, excess } of found.objects) {
      if (payload === undefined) yield { oid, data: emptyStream() }
      else if (state === 'whole' && excess === undefined) yield { oid, data: whole(payload) }
      else yield { oid, data: decoded(payload) }
    }
  }
  async function* blocks(): AsyncGenerator<DataBlock, void, void> {
    for (const [entry, { kind }] of kept) {
      const { dumpId } = entry
      if (kind === 'rows') yield { kind: 'data', dumpId, entry, data: data(entry) }
      else yield { kind: 'large-objects', dumpId, entry, objects: largeObjects(entry) }
    }
  }
  return {
    header,
    settings,
    limits,
    toc,
    storedEntryCount: toc.length,
    entry: (dumpId) => byId.get(dumpId),
    data,
    largeObjects,
    blocks,
    plan: () => undefined,
  }
}
