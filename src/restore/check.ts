import { checkOptions, type OptionKinds } from '../check-options.ts'
import { prepareScript, type PreparedScript } from '../ops/prepare-script.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import type { CheckedServer, CheckReport, Problem } from './check-report.ts'
import { problems } from './check-problems.ts'
import { CheckWalk } from './check-walk.ts'
import { readObjectsThere } from './objects-there.ts'
import { restoreOptionKinds, type RestoreOptions } from './options.ts'
import { plannedCommands } from './planned-commands.ts'
import { literal, prepareSession, questionsOf, quoted, textArray, type Ask } from './questions.ts'
import { readServerFacts, type ServerFacts } from './server-facts.ts'
import { isServerError, type RestoreTarget } from './target.ts'

/**
 * Says what of a restore would fail, and what to do about it, before anything is sent: which roles, extensions,
 * languages, tablespaces, collations and locales are missing, whether the encoding and the release of the server fit,
 * which objects are there already, and which privileges the role lacks. It goes through the commands that
 * {@link restore} would send for the same view and options, so what is filtered out, renamed or left out by an option
 * (`noOwner`, `noTablespaces`, `clean`, …) does not count. Nothing is changed: a score of questions is asked, however
 * large the archive is.
 *
 * What one statement that fails takes along (a foreign key to a table that was not created) is not followed.
 *
 * @param options those of the restore; what is called back is not
 * @returns a report without `server` for a target that answers no questions (no `rows`)
 * @throws ArchiveError USAGE for options that exclude each other, CONNECTION_LOST when the target is gone; ServerError
 * when the server refuses a question; the reason of the signal
 *
 * @example
 * const { good, findings } = await checkTarget(archive, target, { noOwner: true })
 * for (const { what, names, hint } of findings) console.log(what, names, hint)
 */
export async function checkTarget(
  view: ArchiveView,
  target: RestoreTarget,
  options: RestoreOptions = {},
): Promise<CheckReport> {
  checkOptions('checkTarget', options, restoreOptionKinds satisfies OptionKinds<RestoreOptions>)
  using questions = questionsOf(target, options.signal, {
    message: 'Cannot check the target',
    hint: 'Nothing was changed: check again',
  })
  if (questions === undefined) return { good: true, findings: [], server: undefined }
  const { ask } = questions
  const { onProgress: _p, onMessage: _m, onWarning: _w, ...sqlOptions } = options
  const prepared = prepareScript(view, { ...sqlOptions, restrictKey: false })
  await prepareSession(ask)
  const tookRole = options.role === undefined || (await takeRole(ask, options.role))
  try {
    const walk = await walkThrough(prepared, ask, options.signal)
    if (!tookRole) walk.findings.add(problems.setRole, options.role, undefined)
    const findings = walk.findings.list()
    return { good: !findings.some(({ severity }) => severity === 'error'), findings, server: walk.server }
  } finally {
    if (options.role !== undefined) await questions.undo('RESET ROLE')
  }
}

/** Questions are then answered as of that role. */
async function takeRole(ask: Ask, role: string): Promise<boolean> {
  try {
    await ask(`SET ROLE ${quoted(role)}`)
    return true
  } catch (error) {
    if (!isServerError(error)) throw error
    return false
  }
}

async function walkThrough(
  prepared: PreparedScript,
  ask: Ask,
  signal: AbortSignal | undefined,
): Promise<CheckWalk & { readonly server: CheckedServer }> {
  const owners = new Set<string>()
  const schemas = new Set(['public'])
  let largeObjects = false
  for (const { owner, namespace, desc } of prepared.plan.prints()) {
    if (owner !== null && owner !== '') owners.add(owner)
    if (namespace !== null && namespace !== '') schemas.add(namespace)
    largeObjects ||= desc.startsWith('BLOB')
  }
  const unknown = await notInEncoding(ask, new Set([...owners, ...schemas]))
  for (const name of unknown) {
    owners.delete(name)
    schemas.delete(name)
  }
  const facts = await readServerFacts(ask, owners, schemas)
  const walk = new CheckWalk(prepared, facts, await readObjectsThere(ask, facts.major, schemas, largeObjects))
  if (!prepared.filtered.selection.create) {
    for (const name of unknown) walk.findings.add(problems.notInEncoding, name, undefined, 0)
  }
  for (const command of plannedCommands(prepared)) {
    signal?.throwIfAborted()
    if (command.step === 'data') walk.data(command)
    else walk.command(command)
  }
  walk.end()
  await askLater(walk, facts, ask)
  const { version, database, encoding, user, superuser, standby } = facts
  return Object.assign(walk, { server: { version, database, encoding, user, superuser, standby } })
}

/** Names that the encoding of the database does not have: nothing that has them can be asked. */
async function notInEncoding(ask: Ask, names: ReadonlySet<string>): Promise<readonly string[]> {
  const isKnown = async (some: readonly string[]): Promise<boolean> => {
    try {
      await ask(`SELECT ${textArray(some)}`)
      return true
    } catch (error) {
      // untranslatable_character
      if (!isServerError(error) || error.sqlState !== '22P05') throw error
      return false
    }
  }
  if (await isKnown([...names])) return []
  const unknown: string[] = []
  for (const name of names) if (!(await isKnown([name]))) unknown.push(name)
  return unknown
}

/** What is asked only where the archive has it. */
async function askLater(
  { collations, locales, disabled, filled, findings }: CheckWalk,
  facts: ServerFacts,
  ask: Ask,
): Promise<void> {
  if (collations.length > 0) {
    const names = new Set(collations.map(({ what }) => what.name))
    for (const name of await notInEncoding(ask, names)) names.delete(name)
    const rows = await ask(`SELECT n.nspname, c.collname FROM pg_catalog.pg_collation c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
      WHERE c.collname = ANY (${textArray(names)})
      AND c.collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding()))`)
    const there = new Set(rows.map(([schema, name]) => `${schema}\0${name}`))
    for (const { entry, what } of collations) {
      if (!there.has(`${what.schema}\0${what.name}`)) findings.add(problems.collations, what.name, entry.dumpId)
    }
  }
  const known = new Map<string, boolean>()
  for (const { entry, what } of locales) {
    const isThere = known.get(what) ?? (await hasLocale(ask, what))
    known.set(what, isThere)
    if (!isThere) findings.add(problems.locales, what, entry.dumpId)
  }
  const tellTables = async (entries: readonly TocEntry[], problem: Problem, sql: string): Promise<void> => {
    if (entries.length === 0 || facts.superuser) return
    const tables = new Set((await ask(sql)).map(([schema, name]) => `${schema}\0${name}`))
    for (const { namespace, tag, dumpId } of entries) {
      if (tables.has(`${namespace}\0${tag}`)) findings.add(problem, `${namespace}.${tag}`, dumpId)
    }
  }
  await tellTables(
    disabled,
    problems.triggers,
    `SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgisinternal`,
  )
  await tellTables(
    filled,
    problems.rowSecurity,
    `SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relrowsecurity AND row_security_active(c.oid)`,
  )
}

/** Asks the operating system, by way of a setting that holds for this question only. */
async function hasLocale(ask: Ask, locale: string): Promise<boolean> {
  try {
    await ask(`SELECT pg_catalog.set_config('lc_time', ${literal(locale)}, true)`)
    return true
  } catch (error) {
    if (!isServerError(error)) throw error
    return false
  }
}
