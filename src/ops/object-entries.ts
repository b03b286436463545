import { ArchiveError } from '../errors.ts'
import { decoderFor } from '../toc/encoding.ts'
import { featuresOf } from '../toc/version.ts'
import type { ArchiveView } from '../view.ts'
import { blobEntry, FreeDumpIds } from './blob-entry.ts'
import { mapEntries } from './map-entries.ts'
import { everyEntry } from './rewrite.ts'

/**
 * Gives an archive of before 1.12 the BLOB entries that later ones need: there pg_restore creates large objects as it
 * comes to their content. Asks the data for their OIDs; any other view comes back as it is.
 *
 * @throws ArchiveError DATA_OUT_OF_ORDER on forward-only input, where the data come after the table of contents
 */
export async function withObjectEntries(view: ArchiveView, signal: AbortSignal | undefined): Promise<ArchiveView> {
  if (featuresOf(view.header.version).blobEntries) return view
  const contents = view.toc.find(({ desc, hadDumper }) => desc === 'BLOBS' && hadDumper)
  if (contents === undefined) return view
  const { dumpId } = contents
  if (view.storage?.seekable === false) {
    throw new ArchiveError(
      'DATA_OUT_OF_ORDER',
      `Cannot write the large objects of TOC entry ${dumpId}: their OIDs must come before all data, and the input cannot go back`,
      { dumpId, hint: 'Open the archive by its path, or with the option spool, to read data in any order' },
    )
  }
  const oids: number[] = []
  for await (const { oid } of view.largeObjects(contents, signal === undefined ? {} : { signal })) oids.push(oid)
  const decode = decoderFor(view.settings.encoding)
  const ids = new FreeDumpIds(everyEntry(view))
  const entries = oids.map((oid) => blobEntry(contents, oid, ids.take(), decode))
  const first = view.toc.find(({ section }) => section === 'data') ?? contents
  return mapEntries(view, (entry) => (entry === first ? [...entries, entry] : entry))
}
