import type { DumpId, TocEntry } from '../../toc/types.ts'
import type { AuditCatalog, CatalogTable } from '../types.ts'

/** A graph to draw: boxes, some of them grouped, and arrows between them. */
export interface Drawing {
  readonly title: string
  readonly nodes: readonly DrawnNode[]
  readonly edges: readonly DrawnEdge[]
  /** What is left out of it, as a sentence. */
  readonly omitted?: string | undefined
}

/** A box. */
export interface DrawnNode {
  readonly id: string
  readonly lines: readonly string[]
}

/** An arrow from what needs to what is needed. */
export interface DrawnEdge {
  readonly from: string
  readonly to: string
  readonly label?: string | undefined
}

/** More boxes than this no picture shows usefully, and laying them out takes long. */
const maxNodes = 120
/** More arrows than this are a ball of wool: 120 boxes may have 14,400, and laying those out takes minutes. */
const maxEdges = 400
/** Schemas whose tables are drawn. */
const maxSchemas = 12

/** The schemas of an archive that need something of each other; undefined when there are none. */
export function drawSchemas(catalog: AuditCatalog): Drawing | undefined {
  const counts = new Map<string, number>()
  const needs = new Map<string, Map<string, number>>()
  const schemaOf = (entry: TocEntry | undefined): string | undefined => {
    if (entry === undefined) return undefined
    if (entry.desc === 'SCHEMA') return entry.tag ?? undefined
    return entry.namespace === null || entry.namespace === '' ? undefined : entry.namespace
  }
  for (const entry of catalog.entries) {
    const schema = schemaOf(entry)
    if (schema === undefined) continue
    counts.set(schema, (counts.get(schema) ?? 0) + (entry.desc === 'SCHEMA' ? 0 : 1))
    for (const other of neededSchemas(entry.dependencies, (id) => schemaOf(catalog.entry(id)))) {
      if (other === schema) continue
      const row = needs.get(schema) ?? new Map<string, number>()
      needs.set(schema, row.set(other, (row.get(other) ?? 0) + 1))
    }
  }
  const tied = new Set(needs.keys())
  for (const row of needs.values()) for (const to of row.keys()) tied.add(to)
  if (tied.size === 0) return undefined
  const drawn = largest([...tied], (schema) => counts.get(schema) ?? 0)
  const kept = new Set(drawn)
  const ties: { readonly from: string; readonly to: string; readonly count: number }[] = []
  for (const [from, row] of needs) {
    if (!kept.has(from)) continue
    for (const [to, count] of row) if (kept.has(to)) ties.push({ from, to, count })
  }
  const edges = ties.length <= maxEdges ? ties : ties.toSorted((a, b) => b.count - a.count).slice(0, maxEdges)
  return {
    title: 'Schemas, and how many objects of one need objects of another',
    nodes: drawn.map((id) => ({ id, lines: [id, plural(counts.get(id) ?? 0, 'entry', 'entries')] })),
    edges: edges.map(({ from, to, count }) => ({ from, to, label: String(count) })),
    omitted: sentences(
      omitted(tied.size - drawn.length, 'schemas', 'the smallest'),
      omitted(ties.length - edges.length, 'ties', 'those of the fewest objects'),
      counts.size > tied.size
        ? `${plural(counts.size - tied.size, 'schema has', 'schemas have')} no such ties.`
        : undefined,
    ),
  }
}

function neededSchemas(
  dependencies: readonly DumpId[],
  schemaOf: (id: DumpId) => string | undefined,
): ReadonlySet<string> {
  const schemas = new Set<string>()
  for (const id of dependencies) {
    const schema = schemaOf(id)
    if (schema !== undefined) schemas.add(schema)
  }
  return schemas
}

/** For each schema its tables and their foreign keys, with the tables of other schemas that these lead to. */
export function drawTables(catalog: AuditCatalog): readonly Drawing[] {
  const bySchema = new Map<string, CatalogTable[]>()
  for (const table of catalog.tables) {
    // partitions say nothing that their table does not
    if (table.partitionOf !== undefined) continue
    const tables = bySchema.get(table.schema)
    if (tables === undefined) bySchema.set(table.schema, [table])
    else tables.push(table)
  }
  return [...bySchema]
    .map(([schema, tables]) => drawSchema(catalog, schema, tables))
    .filter((drawing) => drawing.edges.length > 0)
    .sort((a, b) => b.edges.length - a.edges.length)
    .slice(0, maxSchemas)
}

function drawSchema(catalog: AuditCatalog, schema: string, tables: readonly CatalogTable[]): Drawing {
  const degree = new Map<string, number>()
  const edges: DrawnEdge[] = []
  for (const table of tables) {
    const from = catalog.quote(table.schema, table.name)
    for (const { kind, columns, references } of table.constraints) {
      if (kind !== 'foreign key' || references === undefined) continue
      const to = catalog.quote(references.schema, references.name)
      edges.push({ from, to, label: columns.join(', ') })
      for (const id of new Set([from, to])) degree.set(id, (degree.get(id) ?? 0) + 1)
    }
  }
  const drawn = largest([...degree.keys()], (id) => degree.get(id) ?? 0)
  const kept = new Set(drawn)
  const between = edges.filter(({ from, to }) => kept.has(from) && kept.has(to))
  return {
    title: `Tables of schema ${schema} with foreign keys`,
    nodes: drawn.map((id) => ({ id, lines: [id] })),
    edges: between.slice(0, maxEdges),
    omitted: sentences(
      omitted(degree.size - drawn.length, 'tables', 'those with the fewest foreign keys'),
      omitted(between.length - maxEdges, 'foreign keys', 'the last of the archive'),
    ),
  }
}

/** The names with the largest numbers, in their own order. */
function largest(names: readonly string[], size: (name: string) => number): readonly string[] {
  if (names.length <= maxNodes) return names
  const kept = new Set([...names].sort((a, b) => size(b) - size(a)).slice(0, maxNodes))
  return names.filter((name) => kept.has(name))
}

function sentences(...texts: readonly (string | undefined)[]): string | undefined {
  const said = texts.filter((text) => text !== undefined)
  return said.length === 0 ? undefined : said.join(' ')
}

function omitted(count: number, what: string, which: string): string | undefined {
  return count > 0 ? `${count} ${what} are not drawn, ${which}.` : undefined
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}
