import { connectionOf } from '../connection-string.ts'
import { hasPassword, secretMarks, secretsIn } from '../secrets.ts'
import { neverPlain, type MarkedRule } from '../marked-rule.ts'
import type { DefinitionStatement } from '../types.ts'

/** Options of foreign servers, wrappers, tables and user mappings whose values are secrets: how their names end. */
const secretOption =
  /(?:^|[_-])(?:pass|password|passwd|passphrase|sslpassword|secret|secret_?key|secret_?access_?key|access_?key(?:_id)?|api_?key|api-key|token|credentials?|private_?key|service_account|sa_key|account_key|storage_key|pwd|conn_str)$/i

/** Commands that have OPTIONS with such values. */
const withOptions: ReadonlySet<string> = new Set([
  'CREATE SERVER',
  'ALTER SERVER',
  'CREATE USER MAPPING',
  'ALTER USER MAPPING',
  'CREATE FOREIGN DATA WRAPPER',
  'CREATE FOREIGN TABLE',
  'ALTER FOREIGN TABLE',
])

/** Rules about passwords and other secrets. */
export const secretRules: readonly MarkedRule[] = [
  {
    id: 'password-in-options',
    severity: 'error',
    category: 'security',
    message: 'A foreign server, table or user mapping has a password in clear',
    explanation:
      'Options of foreign data wrappers are kept and dumped in clear: whoever has the archive has the password. Servers, ' +
      'wrappers and tables show their options to everybody in the database.',
    fix: 'Change the password; keep it out of the archive (pg_restore -L without the entry) and set it after the restore.',
    links: ['https://www.postgresql.org/docs/current/sql-createusermapping.html'],
    marks: neverPlain,
    definition(entry, statements, { catalog, report }) {
      for (const statement of statements) {
        if (!withOptions.has(statement.command)) continue
        for (const name of secretOptions(statement)) {
          report({ entry, message: `${catalog.decode(name)} '****'`, position: statement.start })
        }
      }
    },
  },
  {
    id: 'subscription-connection',
    severity: 'warning',
    category: 'security',
    message: 'A subscription says how to connect to another server',
    explanation:
      'The connection string of a subscription is dumped in clear, with its password if it has one. Restored and enabled, ' +
      'the subscription would connect to that server and take what it sends; pg_dump leaves it disabled.',
    fix: 'Restore with --no-subscriptions, or change the connection before you enable it; change a password that is in it.',
    links: ['https://www.postgresql.org/docs/current/sql-createsubscription.html'],
    marks: neverPlain,
    definition(entry, statements, { catalog, report }) {
      for (const statement of statements) {
        if (statement.command !== 'CREATE SUBSCRIPTION' && statement.command !== 'ALTER SUBSCRIPTION') continue
        const at = statement.find('connection')
        const string = at === -1 ? undefined : statement.literal(at + 1)
        if (at === -1 || !statement.isString(at + 1)) continue
        const { shown, hasSecret } = connectionOf(catalog.decode(string ?? ''))
        report({
          entry,
          message: `It connects with ${shown || (string === '' ? 'an empty string' : 'what names no server')}`,
          severity: hasSecret ? 'error' : undefined,
          position: statement.start,
        })
      }
    },
  },
  {
    id: 'secret-in-definition',
    severity: 'warning',
    category: 'security',
    message: 'A definition, default or comment seems to have a secret in it',
    explanation:
      'Whoever can read the archive or the catalogs has it: the source of functions, defaults and comments are open to ' +
      'everybody in the database. Found by the shape of well-known keys and tokens, and by what is given to names like ' +
      'password or api_key.',
    fix: 'Change the secret, and keep it where the program gets it from, not in the schema.',
    links: ['https://www.postgresql.org/docs/current/catalog-pg-proc.html'],
    marks: { inStringOrComment: secretMarks, inName: /begin$/ },
    definition(entry, statements, { view, catalog, report }) {
      const [first] = statements
      if (first === undefined || !secretMarks.test(first.text)) return
      // rules of their own look at these
      if (statements.some(({ command }) => withOptions.has(command) || command.endsWith(' SUBSCRIPTION'))) return
      const told = new Set<string>()
      const search = { lexer: view.settings, decode: (text: string) => catalog.decode(text) }
      for (const { shown, position } of secretsIn(first.text, search)) {
        if (told.has(shown)) continue
        told.add(shown)
        report({ entry, message: `It seems to have a secret: ${shown}`, position })
      }
    },
  },
]

/** Names of the options of a statement that are secret and have a value. */
function secretOptions(statement: DefinitionStatement): string[] {
  const found: string[] = []
  for (let at = 1; at < statement.length; at++) {
    if (!statement.isString(at) || statement.depth(at) === 0) continue
    const name = statement.name(at - 1)
    if (name === undefined) continue
    const value = statement.literal(at)
    if (value !== '' && (secretOption.test(name) || hasPassword(value ?? ''))) found.push(name)
  }
  return found
}
