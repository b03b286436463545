import type { TocEntry } from '../toc/types.ts'
import type {
  CatalogColumn,
  CatalogConstraint,
  CatalogGrant,
  CatalogIndex,
  CatalogRole,
  CatalogSequence,
  QualifiedName,
} from './types.ts'

/** Takes what plain definitions say. */
export interface PlainFacts {
  table(entry: TocEntry, place: QualifiedName, columns: CatalogColumn[]): void
  constraint(table: QualifiedName, constraint: CatalogConstraint): void
  columnDefault(table: QualifiedName, column: string, value: string): void
  partition(child: QualifiedName, parent: QualifiedName): void
  index(index: CatalogIndex): void
  sequence(sequence: CatalogSequence): void
  ownedBy(sequence: QualifiedName, column: QualifiedName & { readonly column: string }): void
  sequenceValue(sequence: QualifiedName, value: { readonly last: bigint; readonly isCalled: boolean }): void
  grant(grant: CatalogGrant): void
  /** @param role that the definition names, a byte string */
  role(role: string, as: CatalogRole['uses'][number]['as']): void
}
