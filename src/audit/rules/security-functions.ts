import { tokenize, type LexerOptions } from '../../sql/lexer.ts'
import { listElements } from '../reading.ts'
import { accessByReference, serverAccess, serverMarks, type ServerAccess } from '../server-access.ts'
import { addsToExtension } from '../statement.ts'
import type { MarkedRule } from '../marked-rule.ts'
import type { CatalogFunction, CatalogGrant, DefinitionStatement } from '../types.ts'

const createFunction = 'https://www.postgresql.org/docs/current/sql-createfunction.html'
const safety = `${createFunction}#SQL-CREATEFUNCTION-SECURITY`

/** Schemas of a `SET search_path TO` clause, without quotes. */
function schemasOf(value: string): readonly string[] {
  const parts = value.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\s,]+/g) ?? []
  return parts.map((part) => part.replace(/^(['"])(.*)\1$/s, '$2').replace(/^"(.*)"$/s, '$1'))
}

/** Names in a body that was parsed when the function was made are bound already; those of C are none. */
function looksNamesUp({ kind, language, body }: CatalogFunction): boolean {
  return kind !== 'aggregate' && language !== 'c' && language !== 'internal' && body !== undefined
}

/**
 * Languages that let whoever writes a function do what the server's operating system user can: by PostgreSQL's habit
 * their names end with a u.
 */
const untrustedLanguage = /^(?:pl[a-z0-9]+u|javau|plsh|plr|plgo|plrust)$/

/** Extensions that bring such a language. */
const untrustedExtension = /^(?:pl[a-z0-9]+u|pljava|plsh|plr|plgo|plrust)$/

/** Commands that are about functions and call none. */
const aboutObjects: ReadonlySet<string> = new Set([
  'COMMENT ON',
  'SECURITY LABEL',
  'ALTER EXTENSION',
  'ALTER FUNCTION',
  'DROP FUNCTION',
])

/** The text of a statement in which calls would be calls. */
function callingText(statement: DefinitionStatement): string {
  const { command, text, tokens, end } = statement
  if (aboutObjects.has(command)) return ''
  if (command !== 'CREATE FUNCTION' && command !== 'CREATE PROCEDURE' && command !== 'CREATE AGGREGATE') {
    return text.slice(statement.start, end)
  }
  // after the name of the function itself
  let open = 0
  while (open < statement.length && statement.mark(open) !== '(') open++
  return text.slice(tokens[open]?.start ?? end, end)
}

/** `GRANT CREATE ON SCHEMA … TO PUBLIC` */
function opensSchema({ grant, grantees, objectType, privileges, defaults }: CatalogGrant): boolean {
  if (!grant || objectType !== 'SCHEMA' || defaults !== undefined || !grantees.includes('PUBLIC')) return false
  return privileges.some((privilege) => /^(?:create|all)/i.test(privilege))
}

/** What stands before the arguments. */
const writtenNames = /^(?:[^"(]|"[^"]*")*/

/** `a integer, b text` of `a integer, b text DEFAULT 'x'::text`: the arguments as GRANT and REVOKE have them. */
function withoutDefaults(args: string, lexer: LexerOptions): string {
  let kept = ''
  let depth = 0
  let isDefault = false
  for (const { start, end } of tokenize(args, lexer)) {
    const text = args.slice(start, end)
    if (text === '(' || text === '[') depth++
    else if (text === ')' || text === ']') depth--
    if (depth === 0 && text === ',') isDefault = false
    if (depth === 0 && text.toLowerCase() === 'default') {
      isDefault = true
      kept = kept.trimEnd()
    }
    if (!isDefault) kept += text
  }
  return kept
}

/** Rules about functions, and about SQL that reaches beyond the database. */
export const functionRules: readonly MarkedRule[] = [
  {
    id: 'security-definer-search-path',
    severity: 'warning',
    category: 'security',
    message: 'A SECURITY DEFINER function does not fix its search_path',
    explanation:
      'Such a function runs with the rights of its owner, but finds names by the search_path of whoever calls it. A ' +
      'caller who can create objects in a schema of the path has the function use theirs, with the rights of the owner.',
    fix: 'ALTER FUNCTION … SET search_path = a trusted schema, pg_temp.',
    links: [safety],
    check({ catalog, report }) {
      for (const one of catalog.functions) {
        if (!one.securityDefiner || one.settings.has('search_path') || !looksNamesUp(one)) continue
        report({
          entry: one.entry,
          message: `${catalog.label(one.entry)} runs with the rights of its owner and the search_path of its caller`,
          fix: `ALTER ${one.kind.toUpperCase()} ${catalog.label(one.entry)} SET search_path = pg_catalog, pg_temp;`,
        })
      }
    },
  },
  {
    id: 'security-definer-open-path',
    severity: 'notice',
    category: 'security',
    message: 'The search_path of a SECURITY DEFINER function has a schema that others may write to',
    explanation:
      'Unless pg_temp is named, it is searched first of all for tables and types, and anybody can create objects there: ' +
      'it belongs at the end. A path with "$user" or public is as open as these schemas are, and so is one with a schema in ' +
      'which the archive lets everybody create objects.',
    fix: 'Name trusted schemas only, and pg_temp last.',
    links: [safety],
    check({ catalog, report }) {
      const writable = new Set(['$user', 'public'])
      for (const grant of catalog.grants) if (opensSchema(grant)) writable.add(grant.name ?? '')
      for (const one of catalog.functions) {
        const value = one.settings.get('search_path')
        if (!one.securityDefiner || value === undefined || !looksNamesUp(one)) continue
        const schemas = schemasOf(value)
        const open = schemas.filter((schema) => writable.has(schema))
        const wrong = [
          ...(schemas.at(-1) === 'pg_temp' ? [] : ['pg_temp is not its last schema']),
          ...open.map((schema) => `it has ${schema}`),
        ]
        if (wrong.length === 0) continue
        report({ entry: one.entry, message: `The search_path of ${catalog.label(one.entry)}: ${wrong.join('; ')}` })
      }
    },
  },
  {
    id: 'security-definer-for-everybody',
    severity: 'notice',
    category: 'security',
    message: 'Everybody may call a SECURITY DEFINER function',
    explanation:
      'EXECUTE on a new function is granted to PUBLIC unless that is revoked: anybody who can reach the schema can do ' +
      'what the function does, with the rights of its owner. Trigger functions cannot be called otherwise than by ' +
      'triggers, and are not counted.',
    fix: 'REVOKE ALL ON FUNCTION … FROM PUBLIC, and grant it to those who need it.',
    links: [safety],
    check({ view, catalog, report }) {
      // what is said last of each
      const open = new Map<string, boolean>()
      const keyOf = (schema: string | undefined, name: string | undefined, args: string): string =>
        [schema, name, args].join('\u0000')
      for (const { grant, grantees, schema, name, object, defaults } of catalog.grants) {
        if (defaults !== undefined || !grantees.includes('PUBLIC')) continue
        open.set(keyOf(schema, name, object.replace(writtenNames, '')), grant)
      }
      for (const { securityDefiner, schema, name, returns, entry, arguments: written } of catalog.functions) {
        if (!securityDefiner) continue
        const names = keyOf(schema, name, `(${catalog.decode(withoutDefaults(written, view.settings))})`)
        // releases before 8.4 revoke by the types alone, which is what tags have
        const types = keyOf(schema, name, (entry.tag ?? '').slice(name.length))
        if (open.get(names) === false || open.get(types) === false) continue
        if (/^(?:pg_catalog\.)?(?:event_)?trigger$/.test(returns)) continue
        report({ entry, message: `Everybody may call ${catalog.label(entry)} with the rights of its owner` })
      }
    },
  },
  {
    id: 'untrusted-language',
    severity: 'warning',
    category: 'security',
    message: 'A function is in a language that is not trusted, or such a language is created',
    explanation:
      'Functions in such languages can do whatever the operating system lets the server do: read and write files, run ' +
      'programs, open connections. Only superusers can create them, and a restore as superuser does.',
    fix: 'Read each of these functions before you restore it, or restore as a role that is no superuser.',
    links: ['https://www.postgresql.org/docs/current/xplang-install.html'],
    check({ catalog, report }) {
      const created = new Set<string>()
      for (const entry of catalog.ofType('PROCEDURAL LANGUAGE')) {
        for (const statement of catalog.statements(entry)) {
          const trusted = statement.has(1, 'or', 'replace') ? 3 : 1
          if (statement.word(0) !== 'create' || statement.word(trusted) === 'trusted') continue
          // with a handler of its own; without one, the language is an extension's, whose own script says what it is
          const handler = statement.find('handler')
          const name = entry.tag ?? ''
          if (handler === -1 && !untrustedLanguage.test(name)) continue
          created.add(name)
          report({ entry, message: `The language ${catalog.quote(name)} is created, and is not trusted` })
        }
      }
      for (const { entry, name } of catalog.extensions) {
        if (untrustedExtension.test(name))
          report({ entry, message: `The extension ${catalog.quote(name)} brings a language that is not trusted` })
      }
      for (const { entry, language } of catalog.functions) {
        if (!untrustedLanguage.test(language) && !created.has(language)) continue
        report({ entry, message: `${catalog.label(entry)} is in ${catalog.quote(language)}, which is not trusted` })
      }
    },
  },
  {
    id: 'function-in-c',
    severity: 'warning',
    category: 'security',
    message: 'A function is machine code of a library',
    explanation:
      'LANGUAGE c loads a library into the server, internal names a function within it: neither is checked against the ' +
      'arguments that SQL says it has. Either can crash the server or do anything that it can do; only superusers can ' +
      'create them. What extensions bring is not in a dump, so these belong to none. In an archive for pg_upgrade they ' +
      'may say that they do, which anybody can: of these a notice names each library.',
    fix: 'See that the library is there and is the right one; better, make an extension of these functions.',
    links: ['https://www.postgresql.org/docs/current/xfunc-c.html'],
    check({ catalog, report }) {
      const members = new Map<string, number>()
      for (const { entry, language, objectFile } of catalog.functions) {
        if (language !== 'c' && language !== 'internal') continue
        if (catalog.statements(entry).some((statement) => addsToExtension(statement))) {
          const library = objectFile === undefined ? language : catalog.decode(objectFile)
          members.set(library, (members.get(library) ?? 0) + 1)
        } else if (language === 'c') {
          const library = objectFile === undefined ? '' : ` of ${JSON.stringify(catalog.decode(objectFile))}`
          report({ entry, message: `${catalog.label(entry)} is code${library}` })
        } else {
          report({
            entry,
            message: `${catalog.label(entry)} is another name for a function within the server`,
            severity: 'notice',
          })
        }
      }
      for (const [library, count] of members) {
        const message = `${count} functions that say they belong to an extension are code of ${JSON.stringify(library)}`
        report({ object: library, message, severity: 'notice' })
      }
    },
  },
  {
    id: 'event-trigger',
    severity: 'warning',
    category: 'security',
    message: 'An event trigger runs a function whenever somebody changes or logs in to the database',
    explanation:
      'Its function runs with the rights of whoever gives the command, a superuser too, and at each such command from ' +
      'the end of the restore on.',
    fix: 'Read its function before you restore it; it can be left out (pg_restore -L), or disabled (ALTER EVENT TRIGGER).',
    links: ['https://www.postgresql.org/docs/current/event-triggers.html'],
    check({ catalog, report }) {
      for (const entry of catalog.ofType('EVENT TRIGGER')) {
        const create = catalog.statements(entry).find(({ command }) => command === 'CREATE EVENT TRIGGER')
        if (create === undefined) continue
        const on = create.find('on', 3)
        const run = create.find('execute', on)
        const event = on === -1 ? '' : ` on ${catalog.decode(create.name(on + 1) ?? '')}`
        const called = run === -1 ? '' : ` runs ${catalog.decode(create.source(run + 2))}`
        report({ entry, message: `${catalog.quote(entry.tag ?? '')}${called}${event}` })
      }
    },
  },
  {
    id: 'server-access',
    severity: 'warning',
    category: 'security',
    message: 'A definition or function reaches beyond the database',
    explanation:
      'COPY with a file or program, ALTER SYSTEM, functions that read and write files of the server, connect to other ' +
      'servers or control this one: nothing that data need. In a function it happens when the function is called, in ' +
      'other definitions it may during the restore.',
    fix: 'Read it before you restore it; without the rights of a superuser (or pg_read_server_files and its like) it fails.',
    links: [
      'https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE',
      'https://www.postgresql.org/docs/current/sql-copy.html',
    ],
    marks: { anywhere: serverMarks, inName: /(?:foreign|alter)$|^(?:table|system)/ },
    definition(entry, statements, { view, report, catalog }) {
      const [first] = statements
      if (first === undefined || !serverMarks.test(first.text)) return
      const told = new Set<string>()
      for (const statement of statements) {
        if (statement.command === 'GRANT' || statement.command === 'REVOKE') {
          grantedAccess(statement, (what) => {
            const to = catalog.decode(statement.source(statement.find('to') + 1))
            report({ entry, message: `${what} is granted to ${to}` })
          })
          continue
        }
        if (statement.command === 'CREATE FOREIGN TABLE') {
          for (const { what, does } of foreignAccess(statement))
            report({ entry, message: `It has ${what}, which ${does}` })
          continue
        }
        const called = serverAccess(callingText(statement), view.settings)
        for (const { what, does } of [...called, ...accessByReference(statement)]) {
          if (told.has(what)) continue
          told.add(what)
          report({ entry, message: `It has ${what}, which ${does}` })
        }
      }
    },
  },
]

/** `OPTIONS (program 'command')` of file_fdw: each query of the table runs it; other wrappers have `filename`, too. */
function foreignAccess(statement: DefinitionStatement): readonly ServerAccess[] {
  const found: ServerAccess[] = []
  for (let at = 2; at < statement.length; at++) {
    if (statement.word(at) !== 'options' || statement.depth(at) > 0 || statement.mark(at + 1) !== '(') continue
    for (const [from] of listElements(statement, at + 1).elements) {
      const option = statement.name(from)
      if (!statement.isString(from + 1)) continue
      if (option === 'program') found.push({ what: 'the option program', does: 'runs a program on the server' })
      if (option === 'filename') found.push({ what: 'the option filename', does: 'reads a file of the server' })
    }
  }
  return found
}

/** `GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO bob` */
function grantedAccess(statement: DefinitionStatement, tell: (what: string) => void): void {
  if (statement.command !== 'GRANT') return
  const on = statement.find('on')
  const to = statement.find('to', on)
  if (on === -1 || to === -1 || !statement.has(on + 1, 'function|routine')) return
  const written = statement.source(on + 2, to)
  for (const { what } of serverAccess(written, {})) tell(what)
}
