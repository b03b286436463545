import { ArchiveError } from '../errors.ts'
import type { ArchiveView } from '../view.ts'
import { checkTarget } from './check.ts'
import { problems } from './check-problems.ts'
import type { RestoreOptions } from './options.ts'
import { questionsOf, quoted } from './questions.ts'
import { isServerError, type RestoreTarget, type ServerError } from './target.ts'

/** What {@link createRoles} did. */
export interface CreatedRoles {
  readonly created: readonly string[]
}

/**
 * Creates the roles that a restore of the view with these options names and the server does not have: without login and
 * without rights. A role that restores and is no superuser is made a member, so that it can give them their objects.
 * All of them are created, or none: by who connected, or where that may not, in the role of the restore (`role`).
 *
 * @throws ArchiveError USAGE when the server creates none, such as for a role that may not, UNSUPPORTED for a target that answers no questions,
 * CONNECTION_LOST when it is gone; the reason of the signal
 */
export async function createRoles(
  view: ArchiveView,
  target: RestoreTarget,
  options: RestoreOptions = {},
): Promise<CreatedRoles> {
  return await createMissingRoles(view, target, options, () => undefined)
}

/** The same, and tells the names before the server is told: whether it has done it may never be known. */
export async function createMissingRoles(
  view: ArchiveView,
  target: RestoreTarget,
  options: RestoreOptions,
  onCreate: (names: readonly string[]) => void,
): Promise<CreatedRoles> {
  const { findings, server } = await checkTarget(view, target, options)
  using questions = questionsOf(target, options.signal, {
    message: 'Cannot create roles',
    hint: 'Nothing was restored: try again',
  })
  if (questions === undefined || server === undefined) {
    throw new ArchiveError('UNSUPPORTED', 'Cannot create roles: the target answers no questions')
  }
  const missing = findings.find(({ what }) => what === problems.roles.what)?.names ?? []
  if (missing.length === 0) return { created: [] }
  const quotedUser = quoted(server.user)
  const statements = missing.map((name) => {
    const role = quoted(name)
    return `CREATE ROLE ${role} NOLOGIN;${server.superuser ? '' : ` GRANT ${role} TO ${quotedUser};`}`
  })
  // one message is one transaction
  const sql = statements.join('\n')
  const { role } = options
  onCreate(missing)
  try {
    try {
      await questions.ask(sql)
    } catch (error) {
      if (role === undefined || !isRefusal(error)) throw error
      await questions.ask(`SET ROLE ${quoted(role)};\n${sql}\nRESET ROLE`)
    }
  } catch (cause) {
    if (!isServerError(cause)) throw cause
    throw new ArchiveError('USAGE', `Cannot create roles ${missing.join(', ')}: ${cause.message}`, {
      hint: hintFor(cause),
      cause,
    })
  }
  return { created: missing }
}

const refused =
  'Connect as a role with CREATEROLE, have somebody create them, or restore with --no-owner and --no-privileges'

function hintFor(error: ServerError): string | undefined {
  if (isRefusal(error)) return refused
  // read_only_sql_transaction
  return error.sqlState === '25006' ? problems.readOnly.hint : error.hint
}

/** insufficient_privilege */
function isRefusal(error: unknown): boolean {
  return isServerError(error) && error.sqlState === '42501'
}
