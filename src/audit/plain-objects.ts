import type { TocEntry } from '../toc/types.ts'
import type { CatalogConstraint, CatalogGrant, CatalogIndex } from './types.ts'

// What plain definitions create is alike but for the names: each of many refers to what it is like.

/** A constraint whose name is the end of its entry's tag. */
export class PlainConstraint implements CatalogConstraint {
  readonly entry: TocEntry
  readonly references: CatalogConstraint['references']
  readonly #like: CatalogConstraint

  constructor(entry: TocEntry, like: CatalogConstraint, references: CatalogConstraint['references']) {
    this.entry = entry
    this.references = references
    this.#like = like
  }

  get name(): string {
    const tag = this.entry.tag ?? ''
    return tag.slice(tag.indexOf(' ') + 1)
  }

  get kind(): CatalogConstraint['kind'] {
    return this.#like.kind
  }

  get columns(): readonly string[] {
    return this.#like.columns
  }

  get notValid(): boolean {
    return this.#like.notValid
  }

  get notEnforced(): boolean {
    return this.#like.notEnforced
  }

  get deferrable(): boolean {
    return this.#like.deferrable
  }

  get nullsNotDistinct(): boolean {
    return this.#like.nullsNotDistinct
  }

  get matchFull(): boolean {
    return this.#like.matchFull
  }
}

/** An index whose name is the tag of its entry. */
export class PlainIndex implements CatalogIndex {
  readonly entry: TocEntry
  readonly schema: string
  readonly table: string
  readonly #like: CatalogIndex

  constructor(entry: TocEntry, like: CatalogIndex, schema: string, table: string) {
    this.entry = entry
    this.schema = schema
    this.table = table
    this.#like = like
  }

  get name(): string {
    return this.entry.tag ?? ''
  }

  get method(): string {
    return this.#like.method
  }

  get unique(): boolean {
    return this.#like.unique
  }

  get nullsNotDistinct(): boolean {
    return this.#like.nullsNotDistinct
  }

  get constraint(): CatalogConstraint | undefined {
    return this.#like.constraint
  }

  get keys(): readonly string[] {
    return this.#like.keys
  }

  get include(): readonly string[] {
    return this.#like.include
  }

  get where(): string | undefined {
    return this.#like.where
  }

  get only(): boolean {
    return this.#like.only
  }
}

/** The index of a constraint. */
export class ConstraintIndex implements CatalogIndex {
  readonly schema: string
  readonly table: string
  readonly constraint: CatalogConstraint

  constructor(schema: string, table: string, constraint: CatalogConstraint) {
    this.schema = schema
    this.table = table
    this.constraint = constraint
  }

  get entry(): TocEntry {
    return this.constraint.entry
  }

  get name(): string {
    return this.constraint.name ?? ''
  }

  get method(): string {
    return this.constraint.kind === 'exclude' ? '' : 'btree'
  }

  get unique(): boolean {
    return this.constraint.kind !== 'exclude'
  }

  get nullsNotDistinct(): boolean {
    return this.constraint.nullsNotDistinct
  }

  get keys(): readonly string[] {
    return this.constraint.columns
  }

  get include(): readonly string[] {
    return nothing
  }

  get where(): undefined {
    return undefined
  }

  get only(): boolean {
    return false
  }
}

const nothing: readonly string[] = []

/** What is granted on the table or sequence of an entry. */
export class PlainGrant implements CatalogGrant {
  readonly entry: TocEntry
  readonly schema: string
  readonly name: string
  readonly #like: CatalogGrant

  constructor(entry: TocEntry, like: CatalogGrant, schema: string, name: string) {
    this.entry = entry
    this.schema = schema
    this.name = name
    this.#like = like
  }

  get grant(): boolean {
    return this.#like.grant
  }

  get privileges(): readonly string[] {
    return this.#like.privileges
  }

  get objectType(): string {
    return this.#like.objectType
  }

  get object(): string {
    return `${this.schema}.${this.name}`
  }

  get grantees(): readonly string[] {
    return this.#like.grantees
  }

  get grantOption(): boolean {
    return this.#like.grantOption
  }

  get grantor(): string | undefined {
    return this.#like.grantor
  }

  get defaults(): undefined {
    return undefined
  }
}
