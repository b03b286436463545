import { dataDescs, descOf } from '../ops/ties.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { privilegedActsOf } from './privileged.ts'
import type { AuditCatalog, CatalogView } from './types.ts'
import { superuserOptionOf } from './user-mapping.ts'
import type { PrivilegedAct, TargetFact, TargetProfile, TargetSubject } from './target.ts'

/** An entry that a target does not take, or takes otherwise. */
export interface TargetProblem {
  readonly entry: TocEntry
  readonly fact: TargetFact
  /** What of the entry: an extension, language, parameter, tablespace or role. */
  readonly detail?: string | undefined
}

/** An entry that fails because of another. */
export interface TargetDependent {
  readonly entry: TocEntry
  readonly of: TocEntry
}

/** What a profile says of an archive. */
export interface TargetProblems {
  readonly direct: readonly TargetProblem[]
  /** Entries that need, through whatever others, one that fails. */
  readonly dependents: readonly TargetDependent[]
}

type Of<K extends TargetSubject['kind']> = TargetFact & { readonly about: TargetSubject & { readonly kind: K } }

function isAbout<K extends TargetSubject['kind']>(fact: TargetFact, kind: K): fact is Of<K> {
  return fact.about.kind === kind
}

function factsAbout<K extends TargetSubject['kind']>({ facts }: TargetProfile, kind: K): readonly Of<K>[] {
  return facts.filter((fact): fact is Of<K> => isAbout(fact, kind))
}

/** Compares an archive with the facts of a profile. */
export function targetProblems(catalog: AuditCatalog, profile: TargetProfile): TargetProblems {
  const direct: TargetProblem[] = []
  for (const entry of catalog.entries) {
    for (const problem of problemsOf(entry, catalog, profile)) direct.push(problem)
  }
  for (const { entry, act, detail } of profile.superuser
    ? []
    : [...ofForcedRows(catalog), ...ofOtherRoles(catalog), ...ofUserMappings(catalog)]) {
    const fact = factOf(profile, act)
    if (fact !== undefined) direct.push({ entry, fact, detail })
  }
  for (const fact of factsAbout(profile, 'extensions')) {
    for (const { entry, name } of catalog.extensions) {
      if (isConcerned(fact.about, name)) direct.push({ entry, fact, detail: name })
    }
  }
  for (const fact of factsAbout(profile, 'unlogged')) {
    for (const { entry, unlogged } of catalog.tables) if (unlogged) direct.push({ entry, fact })
  }
  for (const fact of factsAbout(profile, 'roles')) {
    for (const { name, uses } of catalog.roles) {
      if (fact.about.refused.includes(name)) for (const { entry } of uses) direct.push({ entry, fact, detail: name })
    }
  }
  return { direct, dependents: dependentsOf(catalog, direct) }
}

function* problemsOf(
  entry: TocEntry,
  catalog: AuditCatalog,
  profile: TargetProfile,
): Generator<TargetProblem, void, void> {
  if (!profile.superuser) {
    for (const { act, detail } of privilegedActsOf(entry, catalog.statements(entry))) {
      const fact = factOf(profile, act)
      if (fact !== undefined) yield { entry, fact, detail }
    }
  }
  for (const fact of factsAbout(profile, 'entries')) if (fact.about.types.includes(entry.desc)) yield { entry, fact }
  if (entry.tablespace) {
    for (const fact of factsAbout(profile, 'tablespaces')) yield { entry, fact, detail: entry.tablespace }
  }
}

interface ActOf {
  readonly entry: TocEntry
  readonly act: PrivilegedAct
  readonly detail?: string
}

/** Default privileges that somebody gave, who may be another role than the one that restores. */
function ofOtherRoles(catalog: AuditCatalog): readonly ActOf[] {
  const roles = new Map<TocEntry, string>()
  for (const { entry, defaults } of catalog.grants) if (defaults?.role !== undefined) roles.set(entry, defaults.role)
  return [...roles].map(([entry, detail]) => ({ entry, act: 'default-privileges-of-role', detail }))
}

function ofUserMappings(catalog: AuditCatalog): readonly ActOf[] {
  return catalog.ofType('USER MAPPING').flatMap((entry) => {
    const options = catalog.statements(entry).map((statement) => superuserOptionOf(statement, catalog))
    const detail = options.find((option) => option !== undefined)
    return detail === undefined ? [] : [{ entry, act: 'user-mapping-option', detail }]
  })
}

/**
 * What is refreshed from tables that force row security, in the view itself or through other views: row security is on
 * by then, since it comes before what is refreshed.
 */
function ofForcedRows(catalog: AuditCatalog): readonly ActOf[] {
  if (!catalog.tables.some(({ rowSecurity, forceRowSecurity }) => rowSecurity && forceRowSecurity)) return []
  const views = new Map(catalog.views.map((view) => [catalog.quote(view.schema, view.name), view]))
  const reads = (name: string, seen: Set<string>): boolean => {
    const view = views.get(name)
    if (view === undefined || seen.has(name)) return false
    seen.add(name)
    return relationsIn(view, catalog).some(([schema, relation]) => {
      const table = catalog.table(schema, relation)
      if (table !== undefined) return table.rowSecurity && table.forceRowSecurity
      const other = catalog.quote(schema, relation)
      return views.get(other)?.materialized === false && reads(other, seen)
    })
  }
  return catalog.ofType('MATERIALIZED VIEW DATA').flatMap((entry) => {
    const isForced = reads(catalog.quote(entry.namespace ?? '', entry.tag ?? ''), new Set())
    return isForced ? [{ entry, act: 'refresh-under-row-security' }] : []
  })
}

/** Each `schema.name` in the definition of a view; a name of a column in a schema's place finds nothing. */
function relationsIn({ entry }: CatalogView, catalog: AuditCatalog): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  for (const statement of catalog.statements(entry)) {
    for (let at = 2; at + 2 < statement.length; at++) {
      if (statement.mark(at + 1) !== '.' || !statement.isName(at) || !statement.isName(at + 2)) continue
      found.push([catalog.decode(statement.name(at) ?? ''), catalog.decode(statement.name(at + 2) ?? '')])
    }
  }
  return found
}

function factOf(profile: TargetProfile, act: PrivilegedAct): TargetFact | undefined {
  return factsAbout(profile, 'acts').find(({ about }) => about.acts.includes(act))
}

function isConcerned({ offered, refused }: TargetSubject & { readonly kind: 'extensions' }, name: string): boolean {
  if (refused !== undefined) return refused.includes(name)
  // a fact without lists is about each extension but what every server has
  return offered === undefined ? name !== 'plpgsql' : !offered.includes(name)
}

/**
 * Rows come after the rows that their foreign keys name, and do without them; a materialized view without its rows cannot
 * be read by another.
 */
const isOrderOnly = (entry: TocEntry, needed: TocEntry): boolean =>
  dataDescs.has(descOf(entry)) && dataDescs.has(descOf(needed)) && descOf(needed) !== 'MATERIALIZED VIEW DATA'

function dependentsOf(catalog: AuditCatalog, direct: readonly TargetProblem[]): readonly TargetDependent[] {
  const { entries } = catalog
  const failing = new Set<TocEntry>()
  for (const { entry, fact } of direct) if (fact.effect === 'fails' && failsAlone(fact)) failing.add(entry)
  if (failing.size === 0) return []
  const users = new Map<DumpId, TocEntry[]>()
  for (const entry of entries) {
    for (const id of [...entry.dependencies, ...serverOf(entry, catalog)]) {
      const known = users.get(id)
      if (known === undefined) users.set(id, [entry])
      else known.push(entry)
    }
  }
  const found = new Map<TocEntry, TocEntry>()
  const queue = [...failing]
  for (const cause of queue) {
    for (const entry of users.get(cause.dumpId) ?? []) {
      if (failing.has(entry) || isOrderOnly(entry, cause)) continue
      failing.add(entry)
      found.set(entry, cause)
      queue.push(entry)
    }
  }
  return entries.flatMap((entry) => {
    const of = found.get(entry)
    return of === undefined ? [] : [{ entry, of }]
  })
}

/** pg_dump writes no dependency of a user mapping on its server, which the definition names (dumpUserMappings). */
function serverOf(entry: TocEntry, catalog: AuditCatalog): readonly DumpId[] {
  if (entry.desc !== 'USER MAPPING') return []
  return catalog.statements(entry).flatMap((statement) => {
    const at = statement.find('server')
    const name = at === -1 ? undefined : statement.name(at + 1)
    const servers = catalog.ofType('SERVER').filter(({ raw }) => raw.byteString('tag') === name)
    return servers.map(({ dumpId }) => dumpId)
  })
}

/** Whether the object itself is missing then: pg_restore goes on without an owner, and a remark is not needed by anything. */
function failsAlone({ about, lossless }: TargetFact): boolean {
  return !lossless && about.kind !== 'roles' && !(about.kind === 'acts' && about.acts.includes('session-authorization'))
}
