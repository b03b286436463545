import { isArchiveError } from '../../errors.ts'
import { downgrade, type DowngradeLoss } from '../../ops/downgrade.ts'
import { releaseNotes, removedFeatures } from '../removed-features.ts'
import { targetProblems, type TargetProblem, type TargetProblems } from '../target-problems.ts'
import type { AuditContext } from '../types.ts'
import type { MarkedRule } from '../marked-rule.ts'
import type { TargetSubject } from '../target.ts'

const known = new WeakMap<object, TargetProblems>()

/** What the profile says of the archive, found once for all rules of an audit. */
function problemsIn({ catalog, target }: AuditContext): TargetProblems {
  if (target === undefined) return { direct: [], dependents: [] }
  let problems = known.get(catalog)
  if (problems === undefined) {
    problems = targetProblems(catalog, target)
    known.set(catalog, problems)
  }
  return problems
}

/** Reports the problems that come of facts of one kind. */
function reportKind(context: AuditContext, kind: TargetSubject['kind']): void {
  for (const problem of problemsIn(context).direct) {
    if (problem.fact.about.kind === kind) reportProblem(context, problem)
  }
}

function reportProblem(context: AuditContext, { entry, fact, detail }: TargetProblem): void {
  const { catalog, target } = context
  const subject = detail === undefined ? catalog.label(entry) : `${catalog.label(entry)} (${detail})`
  const { why, fix, effect, proven, source } = fact
  context.report({
    entry,
    ...(detail === undefined ? {} : { object: `${catalog.label(entry)} ${detail}` }),
    message: `${target?.title ?? ''}: ${entry.desc} ${subject}: ${why}`,
    fix: `${fix}. ${proven ? 'Run and seen there' : `Not run there; says ${source}`}`,
    severity: effect === 'fails' ? 'error' : 'notice',
  })
}

const superuserPage = 'https://www.postgresql.org/docs/current/role-attributes.html'

/** Rules about what a chosen target refuses or takes otherwise. */
export const targetRestoreRules: readonly MarkedRule[] = [
  {
    id: 'target-needs-superuser',
    severity: 'error',
    category: 'target',
    message: 'A statement takes a superuser, which the restoring role is not on the target',
    explanation:
      'Some objects can do harm beyond their database, so PostgreSQL lets only superusers create them. Managed services ' +
      'give nobody that right, and lift the restriction for some statements only.',
    fix: 'Change the object as said, have it created by other means, or leave it out.',
    links: [superuserPage],
    needs: 'target',
    check: (context) => reportKind(context, 'acts'),
  },
  {
    id: 'target-extension',
    severity: 'error',
    category: 'target',
    message: 'An extension is not offered by the target, or only after a step there',
    explanation:
      'CREATE EXTENSION needs the files of the extension on the server, where only who runs the server can put them.',
    fix: 'Leave the extension out with what needs it, or choose a target that offers it.',
    links: ['https://www.postgresql.org/docs/current/sql-createextension.html'],
    needs: 'target',
    check: (context) => reportKind(context, 'extensions'),
  },
  {
    id: 'target-entry-type',
    severity: 'error',
    category: 'target',
    message: 'The target does not take objects of this type as they are',
    explanation: 'The target lacks what objects of this type work with.',
    fix: 'Leave the object out, or make it by the means of the target.',
    links: ['https://www.postgresql.org/docs/current/app-pgrestore.html'],
    needs: 'target',
    check: (context) => reportKind(context, 'entries'),
  },
  {
    id: 'target-tablespace',
    severity: 'error',
    category: 'target',
    message: 'An object lies in a tablespace that the target cannot have',
    explanation:
      'A tablespace is a directory on the server. Where it is not there, SET default_tablespace lets the next CREATE fail.',
    fix: 'Restore with --no-tablespaces, or convert the archive for the target.',
    links: ['https://www.postgresql.org/docs/current/manage-ag-tablespaces.html'],
    needs: 'target',
    check: (context) => reportKind(context, 'tablespaces'),
  },
  {
    id: 'target-role',
    severity: 'error',
    category: 'target',
    message: 'A role is reserved by the target',
    explanation: 'The service keeps some roles for itself. Objects cannot be given to them, nor granted by them.',
    fix: 'Rename the role in the archive, or restore with --no-owner and --no-privileges.',
    links: ['https://www.postgresql.org/docs/current/app-pgrestore.html'],
    needs: 'target',
    check: (context) => reportKind(context, 'roles'),
  },
  {
    id: 'target-unlogged-table',
    severity: 'notice',
    category: 'target',
    message: 'The target empties unlogged tables more often than a crash would',
    explanation: 'What is not in the write-ahead log does not survive the compute that holds it.',
    fix: 'Make the table an ordinary one, or fill it again after each restart.',
    links: ['https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-UNLOGGED'],
    needs: 'target',
    check: (context) => reportKind(context, 'unlogged'),
  },
  {
    id: 'target-dependent',
    severity: 'error',
    category: 'target',
    message: 'An object needs another one that the target refuses',
    explanation: 'pg_restore goes on after an error, and then fails with whatever needs what is missing.',
    fix: 'Solve what is said of the object that it needs.',
    links: ['https://www.postgresql.org/docs/current/app-pgrestore.html'],
    needs: 'target',
    check(context) {
      const { catalog } = context
      for (const { entry, of } of problemsIn(context).dependents) {
        context.report({
          entry,
          message: `${entry.desc} ${catalog.label(entry)} needs ${of.desc} ${catalog.label(of)}, which fails there`,
        })
      }
    },
  },
  {
    id: 'target-release-lacks',
    severity: 'error',
    category: 'target',
    message: 'The newest release of the target does not know what the archive uses',
    explanation:
      'pg_dump writes the SQL of the server it dumps. An older server does not know all of it: some can be written in ' +
      'other words (convert --target-version does), some has no equivalent.',
    fix: 'Convert the archive with --target-version, and look at what it says is lost.',
    links: ['https://www.postgresql.org/docs/current/app-pgdump.html#PG-DUMP-NOTES'],
    needs: 'target',
    check({ view, catalog, target, report }) {
      const newest = target?.releases.at(-1)
      if (newest === undefined || (Number.parseInt(view.header.remoteVersion ?? '', 10) || 0) <= newest) return
      let lacks: readonly DowngradeLoss[]
      try {
        lacks = downgrade(view, { targetVersion: String(newest) }).losses()
      } catch (error) {
        // one damaged or forged entry must not hide what else is to be said of the archive
        if (!isArchiveError(error)) throw error
        const entry = error.dumpId === undefined ? undefined : catalog.entry(error.dumpId)
        report({ entry, message: `What PostgreSQL ${newest} lacks cannot be told: ${error.message}` })
        return
      }
      for (const { kind, dumpId, feature, note } of lacks) {
        if (kind === 'statistics' || kind === 'dependent') continue
        const entry = catalog.entry(dumpId)
        const severity = severityOf(kind)
        const name = entry === undefined ? '' : `${entry.desc} ${catalog.label(entry)}`
        report({ entry, message: `PostgreSQL ${newest} has no ${feature}: ${name}: ${note}`, severity })
      }
    },
  },
  {
    id: 'target-release-removed',
    severity: 'error',
    category: 'target',
    message: 'The releases of the target have lost what the archive uses',
    explanation:
      'Each major release removes something that was deprecated before. pg_dump does not rewrite it, so the restore ' +
      'fails on the newer server.',
    fix: 'Change the object on the old server before the dump, as said.',
    links: ['https://www.postgresql.org/docs/current/release.html'],
    needs: 'target',
    marks: { anywhere: new RegExp(removedFeatures.flatMap(({ words }) => words).join('|')) },
    definition(entry, statements, { catalog, target, report }) {
      const oldest = target?.releases[0] ?? 0
      for (const { since, what, fix, found } of removedFeatures) {
        if (oldest < since) continue
        for (const statement of statements) {
          const at = found(statement, entry)
          if (at === -1) continue
          report({
            entry,
            message: `PostgreSQL ${since} removed ${what}: ${entry.desc} ${catalog.label(entry)}`,
            fix: `${fix}. See ${releaseNotes(since)}`,
            position: statement.tokens[at]?.start,
          })
          break
        }
      }
    },
  },
]

function severityOf(kind: DowngradeLoss['kind']): 'error' | 'notice' {
  return kind === 'left-out' ? 'error' : 'notice'
}
