import type { AuditCatalog, CatalogColumn, CatalogSequence } from './types.ts'

/** Values that a column of a type takes, where those are fewer than a sequence may have. */
const ranges: ReadonlyMap<string, readonly [min: bigint, max: bigint]> = new Map([
  ['smallint', [-32_768n, 32_767n]],
  ['integer', [-2_147_483_648n, 2_147_483_647n]],
])

/** The smallest and largest value that a sequence gives and its column takes. */
export function rangeOf(
  { min, max }: CatalogSequence,
  type: string | undefined,
): { readonly min: bigint; readonly max: bigint } {
  const [least, most] = ranges.get(type ?? '') ?? [min, max]
  return { min: least > min ? least : min, max: most < max ? most : max }
}

/** How much of a sequence is used, 0 to 1; 1 where the next value is beyond its end. */
export function usedShare(
  { increment, value }: CatalogSequence,
  { min, max }: { readonly min: bigint; readonly max: bigint },
): number {
  if (value === undefined || max <= min) return 0
  const next = value.isCalled ? value.last + increment : value.last
  if (next > max || next < min) return 1
  const span = Number(max - min)
  return increment > 0n ? Number(value.last - min) / span : Number(max - value.last) / span
}

function ownerOf(catalog: AuditCatalog, { ownedBy }: CatalogSequence): CatalogColumn | undefined {
  if (ownedBy === undefined) return undefined
  return catalog.table(ownedBy.schema, ownedBy.name)?.columns.find(({ name }) => name === ownedBy.column)
}

/** Whether the column that owns a sequence has its values from one by a default, as a serial column has. */
export function isFilledBy(catalog: AuditCatalog, sequence: CatalogSequence): boolean {
  return !sequence.identity && /\bnextval"?\(/.test(ownerOf(catalog, sequence)?.default ?? '')
}

/** `nextval('schema.name'::regclass)`, with `--quote-all-identifiers` `"nextval"('…'::"regclass")` */
const nextValue = /\bnextval"?\('((?:[^']|'')+)'::"?regclass"?\)/

const nameParts = /"(?:[^"]|"")+"|[^."]+/g

/** Schema and name of the sequence that a default, a byte string, asks for its next value. */
export function sequenceOfDefault(catalog: AuditCatalog, value: string): readonly string[] | undefined {
  const name = value.includes('nextval') ? nextValue.exec(value)?.[1] : undefined
  const parts = name === undefined ? undefined : catalog.decode(name.replaceAll("''", "'")).match(nameParts)
  return parts?.map((part) => (part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part))
}

/** A sequence that has not come so far has values left for every type. */
const NEAR_END_OF_SMALLEST = 26_000n

/** Finds the columns that sequences fill: those that own them, and those whose default names one. */
export class ColumnsOfSequences {
  readonly #catalog: AuditCatalog
  #byName: ReadonlyMap<string, string> | undefined

  constructor(catalog: AuditCatalog) {
    this.#catalog = catalog
  }

  /** The type of the column. */
  typeOf(sequence: CatalogSequence): string | undefined {
    const { schema, name, ownedBy, value } = sequence
    if (ownedBy !== undefined) return ownerOf(this.#catalog, sequence)?.type
    const last = value?.last ?? 0n
    if (last < NEAR_END_OF_SMALLEST && last > -NEAR_END_OF_SMALLEST) return undefined
    this.#byName ??= this.#typesByName()
    return this.#byName.get(`${schema}\u0000${name}`)
  }

  /** Of two columns that one sequence fills, the narrower counts. */
  #typesByName(): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const { columns } of this.#catalog.tables) {
      for (const { default: value, type } of columns) {
        const names = value === undefined || !ranges.has(type) ? undefined : sequenceOfDefault(this.#catalog, value)
        if (names === undefined) continue
        const known = names.join('\u0000')
        if (found.get(known) !== 'smallint') found.set(known, type)
      }
    }
    return found
  }
}
