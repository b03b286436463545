import { aBoolean, anyOf, aString, aText, listOf, oneOf, type OptionKinds } from '../check-options.ts'
import type { ArchiveView } from '../view.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { Release } from '../sql/compat.ts'

/**
 * A name to select by, as the listing shows it: no quotes, no schema in front, case as stored. A string is compared with
 * the decoded name; bytes are compared with the stored bytes, as pg_restore does with its arguments.
 */
export type Name = string | Uint8Array

/** A line of a list file that is neither blank nor a comment. */
export interface ListLine {
  /** Number of the line in its file, from 1. */
  readonly line: number
  /** The number the line begins with, as strtol(3) reads it into an int; null when it begins with none. */
  readonly id: number | null
  /** The line, cut at the first `;`. */
  readonly text: string
}

/** A list file (`-L`), as `parseList` gives it: which entries to take, and in what order. */
export interface ListSelection {
  readonly lines: readonly ListLine[]
  /** The lines as releases before 14 read them, where that makes a difference. */
  readonly shortLines?: readonly ListLine[] | undefined
}

/**
 * What to take from an archive: pg_restore's own options (spec/selection.md), all optional; an empty array is the same
 * as none. Names of one kind are ORed; `tables`, `indexes`, `functions` and `triggers` each need their own entry type;
 * schemas are ANDed to them. An option that the followed release does not have does here what it does in the first
 * release that has it.
 */
export interface Selection {
  /** -n */ readonly schemas?: readonly Name[]
  /** -N */ readonly excludeSchemas?: readonly Name[]
  /** -t: tables, views, matviews, foreign tables, sequences */ readonly tables?: readonly Name[]
  /** -I */ readonly indexes?: readonly Name[]
  /** -P: `name(argtype, argtype)` as in the list */ readonly functions?: readonly Name[]
  /** -T: `table trigger` as in the list */ readonly triggers?: readonly Name[]
  /**
   * Beyond pg_restore: psql-style patterns of relations to leave out, with everything that the TOC ties to them: data,
   * statistics, indexes, constraints, defaults, triggers, rules, policies, privileges, comments, labels, owned
   * sequences, and foreign keys of other tables that refer to them. Views, functions and child tables that use them
   * stay; both the dropped foreign keys and what stays without what it needs are reported through `onWarning`.
   */
  readonly excludeTables?: readonly string[]
  /** Beyond pg_restore: psql-style patterns of relations whose data (rows, sequence value, REFRESH) is left out. */
  readonly excludeTableData?: readonly string[]
  /**
   * Beyond pg_restore: everything that the objects named by `schemas`, `tables`, `indexes`, `functions`, `triggers` or
   * `list` need, and what that needs in turn, as far as the table of contents knows: schemas, extensions, types,
   * functions, sequences, parents of partitions, tables that selected foreign keys refer to; tables with their defaults
   * and their rows. `excludeSchemas` and the other exclusions, and all options that are not about names, still hold for
   * what is added (spec/selection.md).
   */
  readonly withDependencies?: boolean
  /**
   * Beyond pg_restore: all that belongs to the tables named by `tables`, `schemas` or `list`: data, defaults, owned
   * sequences, indexes, constraints, triggers, rules, policies, extended statistics, places in publications, and
   * partitions with theirs. A foreign key is taken only if the table that it refers to is selected or comes along
   * (`withDependencies`), else reported through `onWarning`; so are places in publications and under a parent table.
   */
  readonly withDependents?: boolean
  /**
   * Beyond pg_restore: of what names select, leave out the entries that only tie objects together where one of these is
   * not selected: a table's place in a publication or subscription, under its parent table or index, a foreign key to
   * another table, the owner of a sequence. Restoring them alone would fail. They are reported through `onWarning`.
   * `withDependencies` and `withDependents` do so in any case, a `list` never.
   */
  readonly completeLinks?: boolean
  /**
   * `exact` (default) as pg_restore; `pattern`: every name is a psql-style pattern, for all but schemas with an
   * optional schema in front (`app.ev*`). A function's pattern is matched with name and arguments as in the list, or
   * with the name alone when it has no `(`; a trigger's with the trigger's own name or with `table trigger`.
   */
  readonly match?: 'exact' | 'pattern'
  /** -L: the entries to take, in this order; others move to the front, unselected. */
  readonly list?: ListSelection | readonly DumpId[]
  /** -s */ readonly schemaOnly?: boolean
  /** -a */ readonly dataOnly?: boolean
  /** --statistics-only (18) */ readonly statisticsOnly?: boolean
  readonly noData?: boolean
  readonly noSchema?: boolean
  readonly noStatistics?: boolean
  readonly statistics?: boolean
  /** --section: empty or absent = all. */ readonly sections?: readonly ('pre-data' | 'data' | 'post-data')[]
  /** -C */ readonly create?: boolean
  /** -x */ readonly noPrivileges?: boolean
  readonly noComments?: boolean
  readonly noPolicies?: boolean
  readonly noPublications?: boolean
  readonly noSecurityLabels?: boolean
  readonly noSubscriptions?: boolean
  /** Fail with NAME_NOT_FOUND when an include name matches nothing. */
  readonly strictNames?: boolean
}

/** Which parts of an entry a view keeps (REQ_SCHEMA, REQ_DATA, REQ_STATS of pg_backup_archiver.h). */
export interface EntryParts {
  readonly schema: boolean
  readonly data: boolean
  readonly statistics: boolean
}

/** Why `withDependencies`, `withDependents` and `completeLinks` made an entry part of a view, or not. */
export interface SelectionReason {
  /**
   * `selected` by the options about names; `dependency`: `of` needs it; `dependent`: it belongs to `of`; `left-out`: a
   * foreign key or the like that would need `of`.
   */
  readonly why: 'selected' | 'dependency' | 'dependent' | 'left-out'
  /** One of the entries that it is there for; absent for `selected`. */
  readonly of?: TocEntry
}

/** A name that matched nothing; lists of them are in the order in which pg_restore --strict-names looks at names. */
export interface UnmatchedName {
  readonly kind: 'schema' | 'table' | 'index' | 'function' | 'trigger'
  readonly name: string
}

/** What `filter` gives: a view that knows why each entry is in it. */
export interface FilteredView extends ArchiveView {
  /**
   * Entries with a part in this view, in restore order, and the pseudo entries ENCODING, STDSTRINGS and SEARCHPATH,
   * which every archive needs and which have no parts.
   */
  readonly toc: readonly TocEntry[]
  /** The view that was filtered. */
  readonly base: ArchiveView
  readonly selection: Selection
  /** The release whose selection rules were applied. */
  readonly release: Release
  scan?(visit: (entry: TocEntry, index: number, parts: EntryParts) => void): void
  /** Which parts of an entry are kept; all false for an entry that is not in this view. */
  parts(entry: TocEntry): EntryParts
  /** Every entry of the base in this view's order (a list moves listed entries to the end), for `list` with `verbose`. */
  readonly allEntries: readonly TocEntry[]
  /**
   * Why an entry is in this view; undefined for what nothing selects. Of entries that come along for several reasons it
   * tells one.
   */
  reason(entry: TocEntry): SelectionReason | undefined
  /** Names to include that matched nothing. */
  readonly unmatched: readonly UnmatchedName[]
}

const someNames = listOf(aText, 'an array of strings or bytes')
const somePatterns = listOf(aString, 'an array of strings')
const aList = anyOf<ListSelection | readonly DumpId[]>('what parseList() gives, or an array of dump ids', isList)

function isList(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(Number.isInteger)
  return typeof value === 'object' && value !== null && 'lines' in value && Array.isArray(value.lines)
}

/** All of {@link Selection}. */
export const selectionKinds: OptionKinds<Selection> = {
  schemas: someNames,
  excludeSchemas: someNames,
  tables: someNames,
  indexes: someNames,
  functions: someNames,
  triggers: someNames,
  excludeTables: somePatterns,
  excludeTableData: somePatterns,
  withDependencies: aBoolean,
  withDependents: aBoolean,
  completeLinks: aBoolean,
  match: oneOf('exact', 'pattern'),
  list: aList,
  schemaOnly: aBoolean,
  dataOnly: aBoolean,
  statisticsOnly: aBoolean,
  noData: aBoolean,
  noSchema: aBoolean,
  noStatistics: aBoolean,
  statistics: aBoolean,
  sections: true,
  create: aBoolean,
  noPrivileges: aBoolean,
  noComments: aBoolean,
  noPolicies: aBoolean,
  noPublications: aBoolean,
  noSecurityLabels: aBoolean,
  noSubscriptions: aBoolean,
  strictNames: aBoolean,
}
