import { splitStatements } from '../../sql/split-statements.ts'
import type { TocEntry } from '../../toc/types.ts'
import { isCopyTarget } from '../copy-target.ts'
import { readingOf } from '../reading.ts'
import { isSpelled, mayBeSpelled } from '../spelled.ts'
import { addsToExtension } from '../statement.ts'
import {
  commandWordsOf,
  surprisesIn,
  surprisesInCopy,
  surprisesInDrop,
  surprisesInNumbers,
  type Surprise,
} from '../statement-check.ts'
import { neverPlain, type MarkedRule } from '../marked-rule.ts'
import { surveyOf } from '../survey.ts'
import type { AuditCatalog, AuditContext, AuditRule, DefinitionStatement } from '../types.ts'

const restoring = 'https://www.postgresql.org/docs/current/app-pgrestore.html'

const texts: Readonly<Record<Surprise['field'], string>> = {
  defn: 'Its definition',
  dropStmt: 'Its command for --clean',
  copyStmt: 'Its COPY command',
}

/** What was found, for the three rules that report it by turns. */
let inLast: { readonly statements: readonly DefinitionStatement[]; readonly found: readonly Surprise[] } | undefined
type Told = readonly [entry: TocEntry, surprise: Surprise]
const elsewhere = new WeakMap<AuditCatalog, readonly Told[]>()

function ofDefinition(entry: TocEntry, statements: readonly DefinitionStatement[]): readonly Surprise[] {
  if (inLast?.statements !== statements) inLast = { statements, found: [...surprisesIn(entry, statements)] }
  return inLast.found
}

function ofOtherTexts(context: AuditContext): readonly Told[] {
  const known = elsewhere.get(context.catalog)
  if (known !== undefined) return known
  const found = [...inOtherTexts(context)]
  elsewhere.set(context.catalog, found)
  return found
}

function* inOtherTexts({ view, catalog }: AuditContext): Generator<Told, void, void> {
  for (const entry of catalog.ofType('BLOB METADATA')) {
    for (const surprise of surprisesInNumbers(entry.raw.byteString('defn') ?? '')) yield [entry, surprise]
  }
  const rules = readingOf(view)
  for (const { entry, field, text } of surveyOf(view.toc).otherTexts) {
    const surprises =
      field === 'dropStmt'
        ? surprisesInDrop(entry, text, rules)
        : surprisesInCopy(entry, text, rules, (names) => isCopyTarget(catalog, entry, names))
    for (const surprise of surprises) yield [entry, surprise]
  }
}

/** What one rule reports of the surprises that a definition, or another text of an entry, holds. */
function rule(
  kind: Surprise['kind'],
  says: (text: string, surprise: Surprise, entry: TocEntry) => string,
): Pick<AuditRule, 'definition' | 'check'> {
  const tell = ({ report }: AuditContext, entry: TocEntry, surprise: Surprise): void => {
    if (surprise.kind !== kind) return
    const message = says(texts[surprise.field], surprise, entry)
    report({ entry, message, position: surprise.field === 'defn' ? surprise.start : undefined })
  }
  return {
    definition(entry, statements, context) {
      for (const surprise of ofDefinition(entry, statements)) tell(context, entry, surprise)
    },
    check(context) {
      for (const [entry, surprise] of ofOtherTexts(context)) tell(context, entry, surprise)
    },
  }
}

function callsUpgrade(statement: DefinitionStatement): boolean {
  return (
    statement.word(0) === 'select' &&
    statement.word(1) === 'pg_catalog' &&
    statement.word(3).startsWith('binary_upgrade_')
  )
}

/** Entries of the archive that are as pg_upgrade wants them. */
const upgrades = new WeakMap<AuditCatalog, { calls: number; members: number }>()

/** Rules about definitions that are not what their entries say. */
export const statementRules: readonly MarkedRule[] = [
  {
    id: 'definition-does-more',
    severity: 'error',
    category: 'security',
    message: 'A definition does more than its entry says',
    explanation:
      'pg_restore sends definitions to the server as they are, whatever the entry is called: one called TABLE may also ' +
      'drop, grant, or create functions. Lists and selections show and judge the label, not the SQL. pg_dump writes ' +
      'only certain statements for each type of entry; this one has another, so pg_dump did not write it.',
    fix: 'Do not restore the archive before you know where it comes from; leave the entry out with a list (-L).',
    links: [restoring],
    marks: neverPlain,
    ...rule('statement', (text, { command }, { desc }) =>
      command === ''
        ? `${text} has a line that is no statement for an entry ${desc}`
        : `${text} has ${command}, which pg_dump does not write like this for an entry ${desc}`,
    ),
  },
  {
    id: 'definition-of-other-object',
    severity: 'error',
    category: 'security',
    message: 'A definition is about another object than its entry',
    explanation:
      'The statement is of the kind that the entry is for, but it names another object: what lists and selections show ' +
      'is not what is restored. pg_dump writes both from the same name.',
    fix: 'Do not restore the archive before you know where it comes from; leave the entry out with a list (-L).',
    links: [restoring],
    marks: neverPlain,
    ...rule('object', (text, { command }) => `${text} has ${command} of an object that is not the entry's own`),
  },
  {
    id: 'definition-not-ended',
    severity: 'error',
    category: 'security',
    message: 'A definition goes on in what is restored next',
    explanation:
      'The text ends within a statement, without a semicolon. In a script the next definition would become a part of ' +
      'it, so that both mean something else. pg_dump ends every statement.',
    fix: 'Restore with pg_restore -d rather than by a script, or leave the entry out with a list (-L).',
    links: [restoring],
    marks: neverPlain,
    ...rule('unended', (text, { command }) => `${text} ends within ${command || 'a statement'}`),
  },
  {
    id: 'definition-spelled-by-number',
    severity: 'error',
    category: 'security',
    message: 'A definition spells names or constants by the numbers of their characters',
    explanation:
      'U&"\\0063" is c, and so is E\'\\x63\': whoever reads the definition, or looks through it for a word, does not see ' +
      'what it says. pg_dump writes every character as it is; what the source of a function has in its own text does not count.',
    fix: 'Do not restore the archive before you know where it comes from; leave the entry out with a list (-L).',
    links: ['https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-UESCAPE'],
    marks: { anywhere: /u&["']|\\/ },
    definition(entry, [first, ...others], { view, report }) {
      if (first === undefined || !mayBeSpelled.test(first.text)) return
      for (const { tokens, text } of [first, ...others]) {
        const spelled = tokens.find((token) => isSpelled(text, token, view.settings))
        if (spelled === undefined) continue
        const message = `Its definition has a ${spelled.kind === 'name' ? 'name' : 'constant'} that is spelled by numbers`
        report({ entry, message, position: spelled.start })
        return
      }
    },
  },
  {
    id: 'definition-read-two-ways',
    severity: 'error',
    category: 'security',
    message: 'psql and the server do not agree where the statements of a definition end',
    explanation:
      'The body of an SQL-standard function ends at END, which psql finds by counting words and the server by its ' +
      'grammar. Here the counts differ: what is part of the function to the server is a statement of its own to psql, ' +
      'or the other way round. That happens where BEGIN, CASE or END is used as a name.',
    fix: 'Restore with pg_restore -d, which sends definitions whole, not by a script through psql.',
    links: ['https://www.postgresql.org/docs/current/sql-createfunction.html'],
    marks: neverPlain,
    definition(entry, statements, { view, report }) {
      const [first] = statements
      if (first === undefined || !/begin/i.test(first.text)) return
      if (!statements.some(({ command }) => command === 'CREATE FUNCTION' || command === 'CREATE PROCEDURE')) return
      const bypsql = [...splitStatements(first.text, { ...view.settings, asPsql: true })]
      const same = bypsql.length === statements.length && bypsql.every(({ end }, at) => end === statements[at]?.end)
      if (same) return
      const { length } = statements
      report({ entry, message: `psql finds ${bypsql.length} statements in its definition, the server ${length}` })
    },
  },
  {
    id: 'unknown-entry-type',
    severity: 'warning',
    category: 'security',
    message: 'An entry is of a type that pg_dump does not write',
    explanation:
      'pg_restore runs the definition of an entry of any type. For a type that no release of PostgreSQL writes there is ' +
      'nothing to check its statements against.',
    fix: 'Look at the definition before you restore it, or leave the entry out with a list (-L).',
    links: [restoring],
    check({ view, report }) {
      const rules = readingOf(view)
      for (const entry of surveyOf(view.toc).ofUnknownType) {
        const does = commandWordsOf(entry.raw.byteString('defn') ?? '', rules)
        report({ entry, message: `pg_dump writes no entries ${entry.desc}; this one has ${does || 'no SQL'}` })
      }
    },
  },
  {
    id: 'binary-upgrade-archive',
    severity: 'warning',
    category: 'security',
    message: 'The archive was made for pg_upgrade',
    explanation:
      'With --binary-upgrade pg_dump writes calls that only a server started by pg_upgrade takes, changes of system ' +
      'catalogs that any superuser can make, and the members of extensions one by one, which are code that extensions ' +
      'bring, or look like it. Such an archive is of no use for anything else.',
    fix: 'Dump again without --binary-upgrade.',
    links: ['https://www.postgresql.org/docs/current/pgupgrade.html'],
    marks: { anywhere: /binary_upgrade_/ },
    definition(_entry, statements, { catalog }) {
      const calls = statements.some((statement) => callsUpgrade(statement))
      if (!calls && !statements.some((statement) => addsToExtension(statement))) return
      const count = upgrades.get(catalog) ?? { calls: 0, members: 0 }
      upgrades.set(catalog, count)
      if (calls) count.calls++
      else count.members++
    },
    check({ catalog, report }) {
      const { calls = 0, members = 0 } = upgrades.get(catalog) ?? {}
      if (calls > 0) report({ message: `${calls} entries call functions of binary upgrades`, object: '' })
      else if (members > 0) report({ message: `${members} entries make objects members of extensions`, object: '' })
    },
  },
]
