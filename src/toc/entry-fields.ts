import type { DataLocation, DumpId, Section, TocEntry } from './types.ts'

/** Everything that an entry says, as plain data; a field that the archive version does not have is undefined. */
export interface TocEntryFields {
  readonly dumpId: DumpId
  readonly desc: string
  readonly namespace: string | null
  readonly tag: string | null
  readonly owner: string | null
  readonly section: Section
  readonly hadDumper: boolean
  readonly catalogId: { readonly tableoid: number; readonly oid: number }
  readonly tablespace: string | null | undefined
  readonly tableam: string | null | undefined
  readonly relkind: string | undefined
  readonly dependencies: readonly DumpId[]
  readonly data: DataLocation
  readonly defn: string | null
  readonly dropStmt: string | null
  readonly copyStmt: string | null
}

/** What `JSON.stringify(entry)` gives: an entry has getters only, of which JSON sees nothing. */
export function entryFields(entry: TocEntry): TocEntryFields {
  const { dumpId, desc, namespace, tag, owner, section, hadDumper, catalogId } = entry
  const { tablespace, tableam, relkind, dependencies, data, defn, dropStmt, copyStmt } = entry
  const names = { dumpId, desc, namespace, tag, owner, section, hadDumper, catalogId }
  return { ...names, tablespace, tableam, relkind, dependencies, data, defn, dropStmt, copyStmt }
}

/** The name under which Node.js's console looks for a method; no other runtime minds it. */
export const inspectSymbol: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** What Node.js calls that method with: the depth that is left, its options, and `util.inspect`. */
export type InspectArguments = readonly [
  depth: number,
  options: object,
  inspect: (value: unknown, options?: object) => string,
]

/** Longer texts are cut in the console. */
const SHOWN_TEXT = 60
const SHOWN_DEPENDENCIES = 6

/**
 * What the console shows of an entry: which one it is and what there is of it, on a few lines however long its
 * definition; within other things (`depth` used up) its line in a listing.
 */
export function inspectEntry(entry: TocEntry, ...[depth, options, inspect]: InspectArguments): string {
  const { dumpId, desc, namespace, tag, owner, section, dependencies, data, defn, copyStmt } = entry
  if (depth < 0) return `[TocEntry ${dumpId} ${desc}]`
  const shown: Record<string, unknown> = { dumpId, desc, namespace, tag, owner, section }
  if (defn !== null && defn !== '') shown['defn'] = cut(defn)
  if (copyStmt !== null && copyStmt !== '') shown['copyStmt'] = cut(copyStmt)
  if (dependencies.length > 0) shown['dependencies'] = dependencies.slice(0, SHOWN_DEPENDENCIES)
  if (dependencies.length > SHOWN_DEPENDENCIES) shown['moreDependencies'] = dependencies.length - SHOWN_DEPENDENCIES
  if (data.state !== 'no-data') shown['data'] = data
  return `TocEntry ${inspect(shown, options)}`
}

function cut(text: string): string {
  return text.length > SHOWN_TEXT ? `${text.slice(0, SHOWN_TEXT)}…` : text
}
