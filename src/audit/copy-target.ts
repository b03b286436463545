import type { TocEntry } from '../toc/types.ts'
import type { OwnNames } from './statement-pattern.ts'
import type { AuditCatalog, QualifiedName } from './types.ts'

/** Schemas of the server's own: no rows of anybody's are in their tables. */
const systemSchema = /^(?:pg_catalog|information_schema|pg_toast|pg_temp\w*|pg_toast_temp\w*)$/

/** A chain of partitions longer than that is none that anybody has made. */
const MOST_LEVELS = 100

/**
 * Whether the COPY of an entry is into its own table, or, with `--load-via-partition-root`, into one that it is a
 * partition of. Where the archive does not say what that is, it may be any but one of the server's own.
 */
export function isCopyTarget(catalog: AuditCatalog, entry: TocEntry, { schema, object }: OwnNames): boolean {
  const namespace = entry.raw.byteString('namespace') ?? undefined
  const isOwnName = object === entry.raw.byteString('tag')
  // without a schema it is looked for by search_path, which finds the server's own first where that is empty
  if (schema === undefined) return isOwnName && catalog.ofType('SEARCHPATH').length === 0
  if (isOwnName && (namespace === undefined || schema === namespace)) return true
  if (systemSchema.test(schema)) return false
  const target = { schema: catalog.decode(schema), name: catalog.decode(object ?? '') }
  return mayBeAbove(catalog, target, { schema: entry.namespace ?? '', name: entry.tag ?? '' })
}

function mayBeAbove(catalog: AuditCatalog, target: QualifiedName, own: QualifiedName): boolean {
  let table = catalog.table(own.schema, own.name)
  // data alone
  if (table === undefined) return catalog.tables.length === 0
  for (let level = 0; level < MOST_LEVELS && table !== undefined; level++) {
    const above: QualifiedName | undefined = table.partitionOf
    if (above === undefined) return false
    if (above.schema === target.schema && above.name === target.name) return true
    table = catalog.table(above.schema, above.name)
  }
  // the archive ends before the root does
  return table === undefined
}
