import type { AuditCatalog, AuditRule, AuditSeverity, CatalogGrant } from '../types.ts'

const grantPage = 'https://www.postgresql.org/docs/current/sql-grant.html'
const privileges = 'https://www.postgresql.org/docs/current/ddl-priv.html'

const toEverybody = ({ grant, grantees, defaults }: CatalogGrant): boolean =>
  grant && defaults === undefined && grantees.includes('PUBLIC')

/** Privileges without the columns they are for. */
const kindsOf = ({ privileges: listed }: CatalogGrant): readonly string[] =>
  listed.map((privilege) => privilege.replace(/\s*\(.*$/s, '').toUpperCase())

const writing: ReadonlySet<string> = new Set([
  'ALL',
  'ALL PRIVILEGES',
  'INSERT',
  'UPDATE',
  'DELETE',
  'TRUNCATE',
  'TRIGGER',
  'MAINTAIN',
])

/** What PUBLIC has by default of objects of these types: to grant it again opens nothing. */
const openByDefault: ReadonlySet<string> = new Set([
  'FUNCTION',
  'PROCEDURE',
  'ROUTINE',
  'TYPE',
  'DOMAIN',
  'LANGUAGE',
  'DATABASE',
  'FUNCTIONS',
  'ROUTINES',
  'TYPES',
])

/** Rules about what is granted to everybody. */
export const grantRules: readonly AuditRule[] = [
  {
    id: 'grant-on-table-to-public',
    severity: 'warning',
    category: 'security',
    message: 'Everybody is granted something on a table or sequence',
    explanation:
      'A grant to PUBLIC is one to every role of the server, those that come later too. Of reading alone it is often ' +
      'meant; whatever changes rows, puts triggers on the table or locks it (MAINTAIN), seldom is.',
    fix: 'REVOKE … FROM PUBLIC, and grant to a role that others are members of.',
    links: [grantPage, privileges],
    check({ catalog, report }) {
      for (const grant of catalog.grants) {
        if (!toEverybody(grant) || !/^(?:TABLE|SEQUENCE|VIEW|)$/.test(grant.objectType)) continue
        const reads = !kindsOf(grant).some((kind) => writing.has(kind))
        report({
          entry: grant.entry,
          message: `PUBLIC has ${grant.privileges.join(', ')} on ${grant.object}`,
          severity: reads ? 'notice' : undefined,
        })
      }
    },
  },
  {
    id: 'grant-on-schema-to-public',
    severity: 'warning',
    category: 'security',
    message: 'Everybody may create objects in a schema',
    explanation:
      'Whoever can create objects in a schema that others have in their search_path can have them call functions of ' +
      'theirs (CVE-2018-1058). Up to 14 the schema public is open to everybody by default, and dumps do not say so; ' +
      'where one says so, it is a grant that newer servers would not have. USAGE alone lets everybody look for names.',
    fix: 'REVOKE CREATE ON SCHEMA … FROM PUBLIC.',
    links: [
      'https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-PATTERNS',
      'https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058:_Protect_Your_Search_Path',
    ],
    check({ catalog, report }) {
      for (const grant of catalog.grants) {
        if (!toEverybody(grant) || grant.objectType !== 'SCHEMA') continue
        const creates = kindsOf(grant).some((kind) => kind === 'CREATE' || kind.startsWith('ALL'))
        // that everybody may use it is the default of this one
        if (!creates && grant.name === 'public') continue
        const object = grant.object
        report({
          entry: grant.entry,
          message: creates ? `Everybody may create objects in ${object}` : `Everybody may use ${object}`,
          fix: creates
            ? `REVOKE CREATE ON SCHEMA ${object} FROM PUBLIC;`
            : `REVOKE USAGE ON SCHEMA ${object} FROM PUBLIC;`,
          severity: creates ? undefined : 'notice',
        })
      }
    },
  },
  {
    id: 'grant-on-object-to-public',
    severity: 'notice',
    category: 'security',
    message: 'Everybody is granted something on a function, server or other object',
    explanation:
      'A grant to PUBLIC that a dump has is one that somebody made: what everybody has by default is not in it, unless it ' +
      'was revoked from others. Servers and wrappers lead to other machines, large objects have no schema to keep ' +
      'anybody out, and CREATE on a database makes schemas.',
    fix: 'REVOKE … FROM PUBLIC, and grant to a role that others are members of.',
    links: [grantPage, privileges],
    check({ catalog, report }) {
      for (const grant of catalog.grants) {
        if (!toEverybody(grant) || /^(?:TABLE|SEQUENCE|VIEW|SCHEMA|)$/.test(grant.objectType)) continue
        const kinds = kindsOf(grant)
        if (grant.objectType === 'DATABASE' && !kinds.some((kind) => kind === 'CREATE' || kind.startsWith('ALL')))
          continue
        const severity: AuditSeverity | undefined = openByDefault.has(grant.objectType) ? undefined : 'warning'
        const what = `${grant.objectType} ${grant.object}`
        report({ entry: grant.entry, message: `PUBLIC has ${grant.privileges.join(', ')} on ${what}`, severity })
      }
    },
  },
  {
    id: 'default-privileges-to-public',
    severity: 'warning',
    category: 'security',
    message: 'Objects that are yet to be created are open to everybody',
    explanation:
      'ALTER DEFAULT PRIVILEGES … GRANT … TO PUBLIC opens every object that the role creates from then on, also those that ' +
      'are created after the restore for something else. Functions and types are open without it, unless the default ' +
      'privileges of all schemas revoke that: a grant in one schema is then an exception to it.',
    fix: 'ALTER DEFAULT PRIVILEGES … REVOKE … FROM PUBLIC.',
    links: ['https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html'],
    check({ catalog, report }) {
      const closed = closedByDefault(catalog)
      for (const { entry, grant, grantees, defaults, privileges: listed, objectType } of catalog.grants) {
        if (!grant || defaults === undefined || !grantees.includes('PUBLIC')) continue
        const role = defaults.role === undefined ? 'the role that restores' : catalog.quote(defaults.role)
        const where = defaults.schema === undefined ? '' : ` in ${catalog.quote(defaults.schema)}`
        report({
          entry,
          object: [entry.tag ?? '', defaults.role ?? '', defaults.schema ?? '', objectType].join(' ').trim(),
          message: `PUBLIC will have ${listed.join(', ')} on ${objectType} that ${role} creates${where}`,
          severity:
            openByDefault.has(objectType) && !closed.has(keyOf(defaults.role, objectType)) ? 'notice' : undefined,
        })
      }
    },
  },
]

const keyOf = (role: string | undefined, objectType: string): string => `${role ?? ''}\u0000${objectType}`

/**
 * Of which types what a role creates is not open by default any more. Default privileges of a schema are added to those
 * of all schemas (get_user_default_acl): there a grant opens what is closed elsewhere.
 */
function closedByDefault({ grants }: AuditCatalog): ReadonlySet<string> {
  const closed = new Set<string>()
  for (const { grant, grantees, defaults, objectType } of grants) {
    if (grant || defaults === undefined || defaults.schema !== undefined || !grantees.includes('PUBLIC')) continue
    closed.add(keyOf(defaults.role, objectType))
  }
  return closed
}
