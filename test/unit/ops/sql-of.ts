import { decodeByteString, encodeByteString } from '../../../src/bytes/byte-string.ts'
import { ArchiveError } from '../../../src/errors.ts'
import { byteStream, chunksOf, type ByteStream } from '../../../src/io/byte-stream.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { SqlOptions } from '../../../src/ops/options.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import { toSql } from '../../../src/ops/to-sql.ts'
import type { ArchiveSettings, TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView, LargeObject } from '../../../src/view.ts'
import { entryOf, headerOf, viewOf, type EntryFields } from '../../helpers/entries.ts'

/*
 * Views made by hand, and the scripts that toSql() writes for them.
 */

const searchPath = "SELECT pg_catalog.set_config('search_path', '', false);\n"
const pseudo = [
  entryOf(1, { desc: 'ENCODING', tag: 'ENCODING', namespace: null, defn: "SET client_encoding = 'UTF8';\n" }),
  entryOf(2, { desc: 'SEARCHPATH', tag: 'SEARCHPATH', namespace: null, defn: searchPath }),
]

/** Fields of an entry with the data of a table. */
export const rows = {
  desc: 'TABLE DATA',
  section: 'data',
  hadDumper: true,
  defn: '',
  data: { state: 'not-set' },
} as const

/** A stream of these chunks. */
export const stream = (...chunks: readonly Uint8Array[]): ByteStream => byteStream(() => chunksOf(chunks))

/** The bytes of a byte string. */
export const bytes = (text: string): Uint8Array => encodeByteString(text)

/** What a view of {@link archiveOf} holds besides its entries. */
export interface Contents {
  readonly data?: Readonly<Record<number, ByteStream>>
  readonly objects?: readonly LargeObject[]
  readonly settings?: Partial<ArchiveSettings>
  readonly version?: number
  readonly plan?: (entries: readonly TocEntry[]) => void
}

/** A view of entries made by hand with data of its own. */
export function archiveOf(toc: readonly TocEntry[], contents: Contents = {}): ArchiveView {
  const header = headerOf({ version: { major: 1, minor: contents.version ?? 16, rev: 0 } })
  const view = viewOf([...pseudo, ...toc], { header })
  return {
    ...view,
    settings: { ...view.settings, searchPath, ...contents.settings },
    data: (entry) => contents.data?.[entry.dumpId] ?? stream(),
    async *largeObjects() {
      yield* contents.objects ?? []
    },
    plan: contents.plan ?? (() => undefined),
  }
}

/** The script for a view, with a known restrict key. */
export async function sqlOf(view: ArchiveView, options: SqlOptions = {}, selection: Selection = {}): Promise<string> {
  const filtered = filter(view, selection, options.compat === undefined ? {} : { compat: options.compat })
  return decodeByteString(await toSql(filtered, { restrictKey: 'key', ...options }).bytes())
}

/** The script without what stands around the entries. */
export async function bodyOf(view: ArchiveView, options: SqlOptions = {}, selection: Selection = {}): Promise<string> {
  const sql = await sqlOf(view, options, selection)
  return sql.slice(
    sql.indexOf('SET row_security') + 'SET row_security = off;\n\n'.length,
    sql.lastIndexOf('--\n-- PostgreSQL'),
  )
}

/** What a script gives out before it fails, and the error. */
export async function failureOf(
  view: ArchiveView,
  options: SqlOptions = {},
  selection: Selection = {},
): Promise<[string, ArchiveError]> {
  let text = ''
  try {
    for await (const chunk of toSql(filter(view, selection), { restrictKey: 'key', ...options }))
      text += decodeByteString(chunk)
  } catch (error) {
    if (error instanceof ArchiveError) return [text, error]
    throw error
  }
  throw new Error('did not fail')
}

/** The definition of a table. */
export const table = (fields: EntryFields = {}): TocEntry =>
  entryOf(10, { tag: 'a', defn: 'CREATE TABLE public.a (\n);\n', dropStmt: 'DROP TABLE public.a;\n', ...fields })
