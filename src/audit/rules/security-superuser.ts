import { areBuiltIn, castTypes } from '../built-in-types.ts'
import { isOfBuiltIn, superuserSettings } from '../privileged.ts'
import { addsToExtension } from '../statement.ts'
import { neverPlain, type MarkedRule } from '../marked-rule.ts'
import { superuserOptionOf } from '../user-mapping.ts'
import type { AuditCatalog, DefinitionStatement } from '../types.ts'

/** Settings that load a library into every session. */
const preload = /^(?:session|local|shared)_preload_libraries$|^dynamic_library_path$/

const always = new Map<string, string>([
  ['CREATE EVENT TRIGGER', 'event triggers'],
  ['CREATE FOREIGN DATA WRAPPER', 'foreign data wrappers'],
  ['CREATE ACCESS METHOD', 'access methods'],
  ['CREATE TEXT SEARCH PARSER', 'text search parsers'],
  ['CREATE TEXT SEARCH TEMPLATE', 'text search templates'],
  ['CREATE OPERATOR CLASS', 'operator classes'],
  ['CREATE OPERATOR FAMILY', 'operator families'],
  ['ALTER OPERATOR FAMILY', 'operator families'],
  ['CREATE TABLESPACE', 'tablespaces'],
  ['ALTER SYSTEM', 'the configuration of the server'],
  ['LOAD', 'libraries'],
])

/** What of a statement only a superuser may do; undefined where anybody may who owns what it is about. */
function needsSuperuser(statement: DefinitionStatement, catalog: AuditCatalog): string | undefined {
  const { command } = statement
  const known = always.get(command)
  if (known !== undefined) return known
  switch (command) {
    case 'CREATE LANGUAGE':
      return statement.find('handler') === -1 ? undefined : 'languages'
    case 'CREATE TYPE':
      return hasInput(statement) ? 'base types' : undefined
    case 'CREATE PUBLICATION':
      return statement.has(3, 'for', 'all') ? 'publications of all tables' : undefined
    case 'ALTER PUBLICATION':
      return statement.has(3, 'add', 'tables', 'in', 'schema') ? 'publications of all tables in a schema' : undefined
    case 'CREATE SUBSCRIPTION':
      return 'subscriptions (from PostgreSQL 16 on members of pg_create_subscription, too)'
    case 'CREATE CAST':
      if (statement.find('without') !== -1) return 'casts without a function'
      return areBuiltIn(castTypes(statement)) ? 'casts between built-in types' : undefined
    case 'CREATE TRANSFORM':
      return isOfBuiltIn(statement) ? 'transforms of built-in types, or by built-in functions' : undefined
    case 'CREATE FUNCTION':
    case 'CREATE PROCEDURE':
      return ofFunction(statement)
    case 'CREATE AGGREGATE':
      return hasInternalState(statement) ? 'aggregates whose state is internal' : undefined
    case 'CREATE USER MAPPING': {
      const option = superuserOptionOf(statement, catalog)
      return option === undefined ? undefined : `user mappings with the option ${option}`
    }
    case 'ALTER DATABASE':
    case 'ALTER ROLE': {
      const setting = settingOf(statement)
      return setting !== undefined && superuserSettings.has(setting) ? `the setting ${setting}` : undefined
    }
    default:
      return undefined
  }
}

/** `(INPUT = f, OUTPUT = g, …)` */
function hasInput(statement: DefinitionStatement): boolean {
  for (let at = 2; at < statement.length; at++) {
    if (statement.word(at) === 'input' && statement.mark(at + 1) === '=') return true
  }
  return false
}

function ofFunction(statement: DefinitionStatement): string | undefined {
  // the function itself may be called as the clauses are
  let at = 0
  while (at < statement.length && statement.mark(at) !== '(') at++
  const end = statement.bodyStart
  for (; at < end; at++) {
    if (statement.depth(at) > 0) continue
    const word = statement.word(at)
    const next = statement.literal(at + 1) ?? statement.name(at + 1)?.toLowerCase()
    if (word === 'language' && (next === 'c' || next === 'internal')) return 'functions in C'
    if (word === 'leakproof' && statement.word(at - 1) !== 'not') return 'functions that are LEAKPROOF'
    if (word === 'support' && statement.isName(at + 1) && statement.word(at - 1) !== 'returns')
      return 'functions with SUPPORT'
    if (word === 'set' && next !== undefined && superuserSettings.has(next)) return `functions with the setting ${next}`
  }
  return undefined
}

/** `STYPE = internal` */
function hasInternalState(statement: DefinitionStatement): boolean {
  for (let at = 2; at < statement.length; at++) {
    if (statement.has(at, 'stype|mstype') && statement.mark(at + 1) === '=' && statement.name(at + 2) === 'internal')
      return true
  }
  return false
}

/** The setting of `ALTER DATABASE d SET name …`, `ALTER ROLE r IN DATABASE d SET name …`. */
function settingOf(statement: DefinitionStatement): string | undefined {
  // a database may be called `set`
  const at = statement.find('set', statement.has(3, 'in', 'database') ? 6 : 3)
  const name = at === -1 ? undefined : statement.name(at + 1)
  return name === undefined || statement.mark(at + 2) === '.' ? undefined : name.toLowerCase()
}

/** How many entries say that they belong to an extension, by what they make: archives for pg_upgrade have hundreds. */
const members = new WeakMap<AuditCatalog, Map<string, number>>()

function countMember(catalog: AuditCatalog, what: string): void {
  const counts = members.get(catalog) ?? new Map<string, number>()
  members.set(catalog, counts)
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

/** Rules about what only superusers may do. */
export const superuserRules: readonly MarkedRule[] = [
  {
    id: 'superuser-statement',
    severity: 'notice',
    category: 'security',
    message: 'A definition needs a superuser',
    explanation:
      'PostgreSQL lets only superusers do this, because it can be used to do anything on the server, or is everybody’s ' +
      'concern. Restored by another role, the statement fails, and what needs it; restored by a superuser, everything in ' +
      'the archive runs with these rights.',
    fix: 'Restore as a role that is no superuser where you can, and these entries separately, after you have read them.',
    links: ['https://www.postgresql.org/docs/current/role-attributes.html'],
    marks: neverPlain,
    definition(entry, statements, { catalog, report }) {
      const isMember = statements.some((statement) => addsToExtension(statement))
      const told = new Set<string>()
      for (const statement of statements) {
        const what = needsSuperuser(statement, catalog)
        if (what === undefined || told.has(what)) continue
        told.add(what)
        if (isMember) countMember(catalog, what)
        else report({ entry, message: `Only a superuser may make or change ${what}`, position: statement.start })
      }
    },
    check({ catalog, report }) {
      for (const [what, count] of members.get(catalog) ?? []) {
        const message = `Only a superuser may make or change ${what}: ${count} entries that say they belong to an extension`
        report({ object: what, message })
      }
    },
  },
  {
    id: 'preloaded-library',
    severity: 'error',
    category: 'security',
    message: 'Sessions are made to load a library',
    explanation:
      'A library that a setting names runs in the server in every session of the database or role, with all that the ' +
      'server can do, from the first connection after the restore on.',
    fix: 'Restore without --create, or reset the setting: ALTER DATABASE … RESET session_preload_libraries.',
    links: ['https://www.postgresql.org/docs/current/runtime-config-client.html#RUNTIME-CONFIG-CLIENT-PRELOAD'],
    marks: neverPlain,
    definition(entry, statements, { report, catalog }) {
      for (const statement of statements) {
        if (statement.command !== 'ALTER DATABASE' && statement.command !== 'ALTER ROLE') continue
        const setting = settingOf(statement)
        if (setting === undefined || !preload.test(setting)) continue
        const value = catalog.decode(statement.source(statement.find('set', 3) + 3))
        report({ entry, message: `${setting} is set to ${value}`, position: statement.start })
      }
    },
  },
]
