import type { TocEntry } from '../../toc/types.ts'
import { trustOfExtension } from '../privileged.ts'
import type { MarkedRule } from '../marked-rule.ts'
import { useCountsOf } from '../read-roles.ts'
import { surveyOf } from '../survey.ts'
import type { AuditCatalog, AuditContext, CatalogRole, DefinitionStatement } from '../types.ts'

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

const usesInWords: Readonly<Record<CatalogRole['uses'][number]['as'], string>> = {
  owner: 'owner of',
  grantee: 'named in privileges of',
  grantor: 'grantor in',
  policy: 'in policies of',
  mapping: 'in user mappings:',
  defaults: 'in default privileges:',
  other: 'named in',
}

/** `owner of 3 objects, grantor in 1 object` */
export function usesOfRole(role: CatalogRole): string {
  const counts = [...useCountsOf(role)]
  return counts.map(([as, count]) => `${usesInWords[as]} ${plural(count, 'object')}`).join(', ')
}

/** Whether a role is one that somebody must make: none of the server's own, and one that can be ("PUBLIC" can). */
export function mustBeMade({ name }: CatalogRole): boolean {
  return name !== '' && name !== 'public' && name !== 'none' && !name.startsWith('pg_')
}

/** Collations that every server has, whatever its operating system. */
const collationsOfAll: ReadonlySet<string> = new Set([
  'C',
  'POSIX',
  'default',
  'pg_c_utf8',
  'pg_unicode_fast',
  'ucs_basic',
  'unicode',
])

const languagesOfAll: ReadonlySet<string> = new Set(['', 'c', 'internal', 'plpgsql', 'sql'])

/** Options of text search dictionaries that name files on the server. */
const dictionaryFiles: ReadonlySet<string> = new Set(['afffile', 'dictfile', 'rules', 'stopwords', 'synonyms'])

/** Stop words that come with PostgreSQL. */
const stopWordsOfAll =
  /^(?:danish|dutch|english|finnish|french|german|hungarian|italian|nepali|norwegian|portuguese|russian|spanish|swedish|turkish)$/

/** One finding for each name, at the entry that names it first. */
function reportEach(
  found: ReadonlyMap<string, readonly TocEntry[]>,
  context: AuditContext,
  say: (name: string, entries: readonly TocEntry[]) => { readonly message: string; readonly fix?: string },
): void {
  for (const [name, entries] of found) context.report({ entry: entries[0], object: name, ...say(name, entries) })
}

function addTo(found: Map<string, TocEntry[]>, name: string, entry: TocEntry): void {
  const known = found.get(name)
  if (known === undefined) found.set(name, [entry])
  else known.push(entry)
}

/** Entries by what a field of theirs names. */
function byName(
  catalog: AuditCatalog,
  entries: readonly TocEntry[],
  field: 'tablespace' | 'tableam',
): ReadonlyMap<string, readonly TocEntry[]> {
  const found = new Map<string, TocEntry[]>()
  for (const entry of entries) addTo(found, entry.raw.byteString(field) ?? '', entry)
  return new Map([...found].map(([name, ofName]) => [catalog.decode(name), ofName]))
}

/** What must be on a server before the archive is restored into it. */
export const needsRules: readonly MarkedRule[] = [
  {
    id: 'needs-role',
    severity: 'notice',
    category: 'restorability',
    message: 'A role must be there before the archive is restored',
    explanation:
      'Roles belong to the cluster, not to a database, so no archive of pg_dump creates them. Without a role pg_restore ' +
      'cannot give it its objects and privileges, and goes on after an error.',
    fix: 'Create the role first: pgdmp audit --roles-sql prints a script. Or restore with --no-owner and --no-privileges.',
    links: [
      'https://www.postgresql.org/docs/current/app-pgdump.html',
      'https://www.postgresql.org/docs/current/sql-createrole.html',
    ],
    check({ catalog, report }) {
      for (const role of catalog.roles) {
        if (!mustBeMade(role)) continue
        const name = catalog.quote(role.name)
        report({
          object: role.name,
          message: `Role ${name} must be there: ${usesOfRole(role)}`,
          fix: `CREATE ROLE ${name};`,
        })
      }
    },
  },
  {
    id: 'owner-absent',
    severity: 'warning',
    category: 'restorability',
    message: 'An object has no owner in the archive',
    explanation:
      'pg_dump writes no owner where the catalog names a role that is gone. The object then belongs to whoever restores, ' +
      'perhaps a superuser.',
    fix: 'Give the object an owner after the restore: ALTER … OWNER TO.',
    links: ['https://www.postgresql.org/docs/current/role-removal.html'],
    check({ catalog, report }) {
      for (const entry of surveyOf(catalog.entries).withoutOwner) {
        if (!ownedTypes.has(entry.desc)) continue
        report({ entry, message: `${entry.desc} ${catalog.label(entry)} has no owner` })
      }
    },
  },
  {
    id: 'needs-extension',
    severity: 'notice',
    category: 'restorability',
    message: 'An extension must be installed on the server',
    explanation:
      'An archive has the CREATE EXTENSION, not what the extension is made of. Its files must lie on the server, in a ' +
      'version that has what the archive uses.',
    fix: 'Install the package of the extension on the server.',
    links: ['https://www.postgresql.org/docs/current/sql-createextension.html'],
    check({ catalog, report }) {
      for (const { entry, name } of catalog.extensions) {
        if (name === 'plpgsql') continue
        const trust = trustOfExtension(name)
        const who = trust === 'trusted' ? 'whoever may create in the database' : 'a superuser'
        const known = trust === undefined ? '' : `; it comes with PostgreSQL, and ${who} can create it`
        report({ entry, message: `Extension ${catalog.quote(name)} must be installed on the server${known}` })
      }
    },
  },
  {
    id: 'needs-language',
    severity: 'warning',
    category: 'restorability',
    message: 'A function is in a language that the archive does not create',
    explanation: 'CREATE FUNCTION fails for a language that the database does not have.',
    fix: 'Create the extension of the language in the database before the restore.',
    links: ['https://www.postgresql.org/docs/current/xplang-install.html'],
    check(context) {
      const { catalog } = context
      const made = new Set(catalog.extensions.map(({ name }) => name))
      for (const { tag } of catalog.ofType('PROCEDURAL LANGUAGE')) made.add(tag ?? '')
      const used = new Map<string, TocEntry[]>()
      for (const { language, entry } of catalog.functions) {
        if (!languagesOfAll.has(language) && !made.has(language)) addTo(used, language, entry)
      }
      reportEach(used, context, (name, entries) => ({
        message: `Language ${catalog.quote(name)} must be there: ${plural(entries.length, 'function')}, and the archive does not create it`,
        fix: `CREATE EXTENSION ${catalog.quote(name)};`,
      }))
    },
  },
  {
    id: 'needs-tablespace',
    severity: 'warning',
    category: 'restorability',
    message: 'A tablespace must be there before the archive is restored',
    explanation:
      'A tablespace is a directory of the server and belongs to the cluster. Where it is not there, the objects in it ' +
      'are not created.',
    fix: 'Create the tablespace first, or restore with --no-tablespaces.',
    links: ['https://www.postgresql.org/docs/current/manage-ag-tablespaces.html'],
    check(context) {
      const { catalog } = context
      const { withTablespace } = surveyOf(catalog.entries)
      reportEach(byName(catalog, withTablespace, 'tablespace'), context, (name, entries) => ({
        message: `Tablespace ${catalog.quote(name)} must be there: ${plural(entries.length, 'object')}`,
      }))
    },
  },
  {
    id: 'needs-access-method',
    severity: 'warning',
    category: 'restorability',
    message: 'A table uses an access method other than heap',
    explanation: 'Access methods are code of an extension; without it the table cannot be created.',
    fix: 'Install the extension that brings the access method, or restore with --no-table-access-method.',
    links: ['https://www.postgresql.org/docs/current/tableam.html'],
    check(context) {
      const { catalog } = context
      const there = new Set(catalog.ofType('ACCESS METHOD').map(({ raw }) => raw.byteString('tag')))
      const others = surveyOf(catalog.entries).withAccessMethod.filter(
        ({ raw }) => !there.has(raw.byteString('tableam')),
      )
      reportEach(byName(catalog, others, 'tableam'), context, (name, entries) => ({
        message: `Access method ${catalog.quote(name)} must be there: ${plural(entries.length, 'object')}`,
      }))
    },
  },
  {
    id: 'needs-collation',
    severity: 'notice',
    category: 'restorability',
    message: 'A collation depends on the operating system or on ICU',
    explanation:
      'Collations of the system come from its locales: another system may lack one, or sort by another version of it, ' +
      'which changes the order of indexes.',
    fix: 'Look that the locale is there: SELECT * FROM pg_collation. Indexes are built anew by the restore.',
    links: ['https://www.postgresql.org/docs/current/collation.html'],
    marks: { anywhere: /collat/ },
    definition(entry, statements, context) {
      const known = collationsSeen.get(context.catalog) ?? new Set<string>()
      collationsSeen.set(context.catalog, known)
      // most definitions have none: that is seen faster than token by token
      if (!/collat/i.test(statements[0]?.text ?? '')) return
      for (const statement of statements) {
        for (let at = 1; at < statement.length; at++) {
          if (statement.word(at) !== 'collate') continue
          const isBuiltIn = statement.word(at + 1) === 'pg_catalog' && statement.mark(at + 2) === '.'
          const name = isBuiltIn ? context.catalog.decode(statement.name(at + 3) ?? '') : ''
          if (name === '' || collationsOfAll.has(name) || known.has(name)) continue
          known.add(name)
          const message = `Collation ${context.catalog.quote(name)} must be there: ${entry.desc} ${context.catalog.label(entry)} uses it`
          context.report({ entry, object: name, message })
        }
        if (statement.command !== 'CREATE COLLATION' || statement.find('from') !== -1) continue
        if (!isOfAll(statement)) {
          context.report({ entry, message: `Collation ${context.catalog.label(entry)} needs its locale on the server` })
        }
      }
    },
  },
  {
    id: 'needs-text-search-file',
    severity: 'warning',
    category: 'restorability',
    message: 'A text search dictionary reads a file of the server',
    explanation:
      'Dictionaries name files in the directory tsearch_data of the installation. Without the file the dictionary cannot ' +
      'be created.',
    fix: 'Copy the file into tsearch_data of the new server.',
    links: ['https://www.postgresql.org/docs/current/textsearch-dictionaries.html'],
    check({ catalog, report }) {
      for (const entry of catalog.ofType('TEXT SEARCH DICTIONARY')) {
        for (const statement of catalog.statements(entry)) {
          for (let at = 2; at < statement.length; at++) {
            if (!dictionaryFiles.has(statement.word(at)) || statement.mark(at + 1) !== '=') continue
            const file = catalog.decode(statement.literal(at + 2) ?? statement.name(at + 2) ?? '')
            if (statement.word(at) === 'stopwords' && stopWordsOfAll.test(file)) continue
            report({
              entry,
              object: `${catalog.label(entry)} ${file}`,
              message: `Dictionary ${catalog.label(entry)} reads the file ${JSON.stringify(file)} (${statement.word(at)})`,
            })
          }
        }
      }
    },
  },
  {
    id: 'needs-library',
    severity: 'warning',
    category: 'restorability',
    message: 'A function in C needs a library on the server',
    explanation:
      'An archive has the name of the library, not the library. CREATE FUNCTION fails where it is not there.',
    fix: 'Install the library, built for the release of the server.',
    links: ['https://www.postgresql.org/docs/current/xfunc-c.html'],
    check(context) {
      const used = new Map<string, TocEntry[]>()
      for (const { objectFile, entry } of context.catalog.functions) {
        if (objectFile === undefined || objectFile === '$libdir/plpgsql') continue
        addTo(used, context.catalog.decode(objectFile), entry)
      }
      reportEach(used, context, (name, entries) => ({
        message: `Library ${JSON.stringify(name)} must be on the server: ${plural(entries.length, 'function')}`,
      }))
    },
  },
]

/** Whether a collation is of the provider builtin, or of a locale that is no matter of the system. */
function isOfAll(statement: DefinitionStatement): boolean {
  for (let at = 2; at < statement.length; at++) {
    if (statement.mark(at + 1) !== '=') continue
    if (statement.has(at, 'provider') && statement.word(at + 2) === 'builtin') return true
    if (statement.has(at, 'locale|lc_collate') && /^(?:C|POSIX)$/.test(statement.literal(at + 2) ?? '')) return true
  }
  return false
}

const collationsSeen = new WeakMap<object, Set<string>>()

/** Types of entries that pg_dump gives an owner. */
const ownedTypes: ReadonlySet<string> = new Set([
  'AGGREGATE',
  'COLLATION',
  'CONVERSION',
  'DOMAIN',
  'EVENT TRIGGER',
  'FOREIGN DATA WRAPPER',
  'FOREIGN TABLE',
  'FUNCTION',
  'MATERIALIZED VIEW',
  'OPERATOR',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'PROCEDURE',
  'PUBLICATION',
  'SCHEMA',
  'SEQUENCE',
  'SERVER',
  'STATISTICS',
  'SUBSCRIPTION',
  'TABLE',
  'TEXT SEARCH CONFIGURATION',
  'TEXT SEARCH DICTIONARY',
  'TYPE',
  'VIEW',
])
