import type { FilterFileSelection, Selection, SqlOptions } from '../index.ts'
import {
  addName,
  byteStringOf,
  bytesOf,
  textOf,
  type GivenOptions,
  type RestoreOptionId,
} from './pg-restore-options.ts'

/** The options that select entries; the list of `-L` is the caller's to add. */
export function selectionOf({ given, names }: GivenOptions): Selection {
  const list = (id: RestoreOptionId) => (names.get(id) ?? []).map(bytesOf)
  return {
    schemas: list('schema'),
    excludeSchemas: list('exclude-schema'),
    tables: list('table'),
    indexes: list('index'),
    functions: list('function'),
    triggers: list('trigger'),
    schemaOnly: given.has('schema-only'),
    dataOnly: given.has('data-only'),
    statisticsOnly: given.has('statistics-only'),
    noData: given.has('no-data'),
    noSchema: given.has('no-schema'),
    noStatistics: given.has('no-statistics'),
    statistics: given.has('statistics'),
    // Checked when the option was taken in.
    sections: (names.get('section') ?? []) as ('pre-data' | 'data' | 'post-data')[],
    create: given.has('create'),
    noPrivileges: given.has('no-privileges'),
    noComments: given.has('no-comments'),
    noPolicies: given.has('no-policies'),
    noPublications: given.has('no-publications'),
    noSecurityLabels: given.has('no-security-labels'),
    noSubscriptions: given.has('no-subscriptions'),
    strictNames: given.has('strict-names'),
  }
}

/** The options that shape the SQL. */
export function sqlOptionsOf({ given, values, transactionSize, verbosity }: GivenOptions): SqlOptions {
  const text = (id: RestoreOptionId) => {
    const value = values.get(id)
    return value === undefined ? undefined : textOf(value)
  }
  const superuser = text('superuser')
  const role = text('role')
  const restrictKey = values.get('restrict-key')
  return {
    clean: given.has('clean'),
    ifExists: given.has('if-exists'),
    noOwner: given.has('no-owner'),
    ...(superuser === undefined ? {} : { superuser }),
    ...(role === undefined ? {} : { role }),
    useSetSessionAuthorization: given.has('use-set-session-authorization'),
    disableTriggers: given.has('disable-triggers'),
    noTablespaces: given.has('no-tablespaces'),
    noTableAccessMethod: given.has('no-table-access-method'),
    singleTransaction: given.has('single-transaction'),
    ...(transactionSize > 0 ? { transactionSize } : {}),
    enableRowSecurity: given.has('enable-row-security'),
    ...(restrictKey === undefined ? {} : { restrictKey }),
    verbose: verbosity > 0,
  }
}

const filterLists = {
  schemas: 'schema',
  excludeSchemas: 'exclude-schema',
  tables: 'table',
  indexes: 'index',
  functions: 'function',
  triggers: 'trigger',
} as const satisfies Readonly<Record<keyof FilterFileSelection, RestoreOptionId>>

/** Adds the names of a filter file to those of the options (read_restore_filters, pg_restore.c). */
export function addFilter(options: GivenOptions, filter: FilterFileSelection): void {
  for (const [list, id] of Object.entries(filterLists)) {
    // Object.entries forgets which keys there are.
    for (const name of filter[list as keyof FilterFileSelection] ?? []) {
      addName(options, id, typeof name === 'string' ? byteStringOf(name) : Buffer.from(name).toString('latin1'))
    }
  }
}
