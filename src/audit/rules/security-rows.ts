import { identifierOf, tokenize } from '../../sql/lexer.ts'
import { isAlwaysTrue } from '../always-true.ts'
import type { AuditContext, AuditRule, CatalogTable, CatalogView } from '../types.ts'

const documentation = 'https://www.postgresql.org/docs/current/ddl-rowsecurity.html'

/** The relations of `among` that a query names, by `schema.name`. */
function namedIn<T>(
  { catalog, view }: AuditContext,
  { query, schema }: CatalogView,
  among: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>()
  const names: (string | undefined)[] = []
  // where the search path is empty, a name without a schema is one of the query's own
  const saysNoSchemas = catalog.ofType('SEARCHPATH').length === 0
  for (const token of tokenize(query, view.settings)) {
    if (token.kind === 'space' || token.kind === 'comment') continue
    const isDot = token.kind === 'symbol' && query.charAt(token.start) === '.'
    names.push(isDot ? '.' : token.kind === 'word' || token.kind === 'name' ? identifierOf(query, token) : undefined)
    const [before, dot, last] = names.slice(-3)
    if (last === undefined || last === '.') continue
    // archives of old have names without a schema, found in that of the entry
    const key =
      dot === '.' && before !== undefined
        ? `${catalog.decode(before)}\u0000${catalog.decode(last)}`
        : `${schema}\u0000${catalog.decode(last)}`
    const relation = among.get(key)
    const isTable = dot === '.' || (saysNoSchemas && precedesTable(names))
    if (relation !== undefined && isTable) found.set(key, relation)
  }
  return found
}

const isInvoker = ({ options }: CatalogView): boolean =>
  /^(?:true|on|yes|1|)$/i.test(options.get('security_invoker') ?? 'false')

/**
 * Tables with row security whose rows a view shows by the rights of its owner. A view with security_invoker is read by
 * those of whoever asks, whatever view it is named in; who asks where rows are kept is the owner of the materialized view.
 */
function shownByOwner(
  context: AuditContext,
  view: CatalogView,
  tables: ReadonlyMap<string, CatalogTable>,
  invokers: ReadonlyMap<string, CatalogView>,
): readonly CatalogTable[] {
  const found = new Map(namedIn(context, view, tables))
  const followed = new Set<CatalogView>([view])
  if (view.materialized) {
    for (const each of followed) {
      for (const [key, table] of namedIn(context, each, tables)) found.set(key, table)
      for (const invoker of namedIn(context, each, invokers).values()) followed.add(invoker)
    }
  }
  return [...found.values()]
}

/** Whether the last of these names, which has no schema, stands where a table can. */
function precedesTable(names: readonly (string | undefined)[]): boolean {
  return /^(?:from|join|only|lateral)$/i.test(names.at(-2) ?? '')
}

/** Rules about row security. */
export const rowRules: readonly AuditRule[] = [
  {
    id: 'row-security-without-policy',
    severity: 'warning',
    category: 'security',
    message: 'A table has row security and no policy',
    explanation:
      'Without a permissive policy nobody sees or changes a row but the owner of the table, superusers and roles with BYPASSRLS. ' +
      'Either policies were left out of the archive, or access is not what it seems.',
    fix: 'Create policies, or ALTER TABLE … DISABLE ROW LEVEL SECURITY.',
    links: [documentation],
    check({ catalog, report }) {
      const named = new Map<string, 'permissive' | 'restrictive'>()
      for (const { schema, table, permissive } of catalog.policies) {
        const key = `${schema}\u0000${table}`
        if (permissive || !named.has(key)) named.set(key, permissive ? 'permissive' : 'restrictive')
      }
      for (const { entry, schema, name, rowSecurity } of catalog.tables) {
        if (!rowSecurity) continue
        const has = named.get(`${schema}\u0000${name}`)
        if (has === 'permissive') continue
        const what =
          has === undefined ? 'no policy' : 'only restrictive policies, which let nothing through by themselves'
        report({ entry, message: `${catalog.quote(schema, name)} has row security and ${what}` })
      }
    },
  },
  {
    id: 'policy-without-row-security',
    severity: 'warning',
    category: 'security',
    message: 'A table has policies, but row security is off',
    explanation: 'Policies do nothing before row security is enabled: everybody who may read the table sees all rows.',
    fix: 'ALTER TABLE … ENABLE ROW LEVEL SECURITY, or drop the policies.',
    links: [documentation],
    check({ catalog, report }) {
      const told = new Set<CatalogTable>()
      for (const { schema, table: name } of catalog.policies) {
        const table = catalog.table(schema, name)
        if (table === undefined || table.rowSecurity || told.has(table)) continue
        told.add(table)
        const label = catalog.quote(schema, name)
        report({
          entry: table.entry,
          message: `${label} has policies, which do nothing while row security is off`,
          fix: `ALTER TABLE ${label} ENABLE ROW LEVEL SECURITY;`,
        })
      }
    },
  },
  {
    id: 'row-security-not-forced',
    severity: 'notice',
    category: 'security',
    message: 'Row security does not hold for the owner of a table',
    explanation:
      'Without FORCE the owner of a table sees and changes all its rows. Where a program connects as the owner, its ' +
      'policies do nothing.',
    fix: 'ALTER TABLE … FORCE ROW LEVEL SECURITY, or have programs connect as another role.',
    links: [documentation],
    check({ catalog, report }) {
      for (const { entry, schema, name, rowSecurity, forceRowSecurity } of catalog.tables) {
        if (!rowSecurity || forceRowSecurity) continue
        const label = catalog.quote(schema, name)
        report({
          entry,
          message: `The owner of ${label} is not held by its policies`,
          fix: `ALTER TABLE ${label} FORCE ROW LEVEL SECURITY;`,
        })
      }
    },
  },
  {
    id: 'policy-always-true',
    severity: 'warning',
    category: 'security',
    message: 'A policy lets every row through',
    explanation:
      'USING (true) shows all rows, WITH CHECK (true) takes any. Permissive policies add up: one of them is enough to ' +
      'undo what others for the same role and command restrict. Of a policy for SELECT alone it may be meant.',
    fix: 'Say in the policy which rows are meant, or name the roles it is for.',
    links: [documentation, 'https://www.postgresql.org/docs/current/sql-createpolicy.html'],
    check({ view, catalog, report }) {
      for (const { entry, permissive, using, check, command, roles, schema, table, name } of catalog.policies) {
        if (!permissive) continue
        const clauses = [
          ...(using !== undefined && isAlwaysTrue(using, view.settings) ? ['USING (true)'] : []),
          ...(check !== undefined && isAlwaysTrue(check, view.settings) ? ['WITH CHECK (true)'] : []),
        ]
        if (clauses.length === 0) continue
        const whom = roles.length === 0 ? 'PUBLIC' : roles.join(', ')
        report({
          entry,
          message: `${name} on ${catalog.quote(schema, table)} is ${clauses.join(' ')} of ${command.toUpperCase()} for ${whom}`,
          severity: command.toUpperCase() === 'SELECT' ? 'notice' : undefined,
        })
      }
    },
  },
  {
    id: 'view-over-row-security',
    severity: 'warning',
    category: 'security',
    message: 'A view shows rows of a table with row security by the rights of its owner',
    explanation:
      'A view without security_invoker (which there is from PostgreSQL 15 on) reads its tables as its owner: the policies ' +
      'for the owner count, not those for whoever asks, and where it owns the table too, none. A materialized view keeps ' +
      'the rows that its owner saw for everybody who may read it.',
    fix: 'ALTER VIEW … SET (security_invoker = true); of a materialized view, restrict who may read it.',
    links: ['https://www.postgresql.org/docs/current/sql-createview.html'],
    check(context) {
      const { catalog, report } = context
      const tables = new Map<string, CatalogTable>()
      for (const table of catalog.tables) {
        if (table.rowSecurity) tables.set(`${table.schema}\u0000${table.name}`, table)
      }
      if (tables.size === 0) return
      const invokers = new Map<string, CatalogView>()
      for (const each of catalog.views) if (isInvoker(each)) invokers.set(`${each.schema}\u0000${each.name}`, each)
      for (const view of catalog.views) {
        if (isInvoker(view)) continue
        const found = shownByOwner(context, view, tables, invokers)
        if (found.length === 0) continue
        const label = catalog.quote(view.schema, view.name)
        const which = found.map(({ schema, name }) => catalog.quote(schema, name)).join(', ')
        report({
          entry: view.entry,
          message: `${label} shows rows of ${which} by the rights of its owner`,
          fix: view.materialized ? undefined : `ALTER VIEW ${label} SET (security_invoker = true);`,
        })
      }
    },
  },
]
