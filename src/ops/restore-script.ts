import { encodeByteString } from '../bytes/byte-string.ts'
import { byteStream, chunksOf, type ByteStream } from '../io/byte-stream.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { filter, isFiltered } from './filter.ts'
import type { SqlOptions } from './options.ts'
import { majorOf } from './rewrite.ts'
import { scriptOf } from './to-sql.ts'

const note = `--
-- NOTE:
--
-- File paths need to be edited. Search for $$PATH$$ and
-- replace it with the path to the directory containing
-- the extracted data files.
--
`

/** How to write a {@link restoreScript}; `compat` is the release to write it as. */
export type RestoreScriptOptions = Pick<SqlOptions, 'compat' | 'signal'>

/**
 * The restore.sql that pg_dump puts into a tar archive (_CloseArchive, pg_backup_tar.c), for psql beside the extracted
 * members: with drops first, and with the names of the members in place of the data. It follows the release of pg_dump
 * that the archive names. Two of pg_dump's faults are not repeated: `\restrict (null)` around `\connect`, and `\i` of a
 * member that does not exist where large objects have their content.
 */
export function restoreScript(view: ArchiveView, options: RestoreScriptOptions = {}): ByteStream {
  const filtered = isFiltered(view) ? view : filter(view, { create: true })
  const scriptOptions: SqlOptions = {
    compat: String(majorOf(view.header.dumpVersion)),
    ...options,
    // there is nothing to drop then, and the two exclude each other
    clean: filtered.selection.dataOnly !== true,
    restrictKey: false,
  }
  const standIn = (entry: TocEntry): string =>
    entry.desc === 'BLOBS' ? contentOfObjects(filtered, entry) : rowsOf(entry)
  return byteStream(() => chunksOf(withNote(scriptOf(filtered, scriptOptions, { standIn }))))
}

async function* withNote(script: ByteStream): AsyncGenerator<Uint8Array, void, void> {
  yield encodeByteString(note)
  yield* script
}

/** Follows the COPY statement, which has been printed (_PrintTocData, pg_backup_tar.c). */
function rowsOf(entry: TocEntry): string {
  const file = `$$PATH$$/${entry.dumpId}.dat`
  const copy = entry.raw.byteString('copyStmt') ?? ''
  if (copy === '') return `\\i ${file}\n\n`
  const [, statement] = /^(COPY [^]+) FROM stdin;\n$/.exec(copy) ?? []
  // nobody knows how to say it of another statement: the rows stay in their file
  return statement === undefined ? `\\.\n-- ${file}\n\n` : `\\.\n${statement} FROM '${file}';\n\n`
}

/** Read by the server, as COPY does. */
function contentOfObjects(view: ArchiveView, entry: TocEntry): string {
  const commands = oidsOf(view, entry).map(
    (oid) => `SELECT pg_catalog.lo_put('${oid}', 0, pg_catalog.pg_read_binary_file('$$PATH$$/blob_${oid}.dat'));\n`,
  )
  return `${commands.join('')}\n`
}

/** The large objects of an entry: its group's, or all of an archive that has no groups. */
function oidsOf(view: ArchiveView, { dependencies }: TocEntry): readonly string[] {
  const group = dependencies.map((id) => view.entry(id)).find((needed) => needed?.desc === 'BLOB METADATA')
  if (group !== undefined) return (group.raw.byteString('defn') ?? '').match(/[0-9]+/g) ?? []
  return view.toc.flatMap(({ desc, tag }) => (desc === 'BLOB' && tag !== null ? [tag] : []))
}
