import type { DumpId } from '../toc/types.ts'

/** What a finding of {@link CheckReport} is about. */
export type CheckKind =
  | 'roles'
  | 'extensions'
  | 'languages'
  | 'tablespaces'
  | 'access-methods'
  | 'collations'
  | 'locales'
  | 'encoding'
  | 'settings'
  | 'older-server'
  | 'newer-server'
  | 'objects-there'
  | 'objects-missing'
  | 'schemas-missing'
  | 'tables-missing'
  | 'database'
  | 'privileges'
  | 'read-only'

/** Something that stands in the way of a restore. */
export interface CheckFinding {
  readonly kind: CheckKind
  /** `error`: statements will fail; `warning`: they may, or something is lost; `note`: good to know. */
  readonly severity: 'error' | 'warning' | 'note'
  /** What is the matter, without names: `roles that do not exist`. */
  readonly what: string
  /** What to do. */
  readonly hint: string
  /** Roles, extensions, objects, …: all of them, each once. */
  readonly names: readonly string[]
  /** Entries of which a statement is concerned. */
  readonly dumpIds: readonly DumpId[]
  /** Statements that are concerned. */
  readonly statements: number
}

/** What {@link checkTarget} finds. */
export interface CheckReport {
  /** Whether nothing was found that will fail. */
  readonly good: boolean
  /** The gravest first. */
  readonly findings: readonly CheckFinding[]
  /** Undefined where the target answers no questions: then nothing is known. */
  readonly server: CheckedServer | undefined
}

/** What a restore would go into. */
export interface CheckedServer {
  /** `17.11` */
  readonly version: string
  readonly database: string
  /** Of the database. */
  readonly encoding: string
  /** The role that restores. */
  readonly user: string
  readonly superuser: boolean
  /** A standby takes no changes at all. */
  readonly standby: boolean
}

/** What every finding of a kind and cause has in common. */
export interface Problem {
  readonly kind: CheckKind
  readonly severity?: CheckFinding['severity']
  readonly what: string
  readonly hint: string
}

const order = ['error', 'warning', 'note']

/** Gathers what is found, by kind and cause. */
export class CheckFindings {
  readonly #byCause = new Map<
    string,
    { problem: Problem; names: Set<string>; dumpIds: Set<DumpId>; statements: number }
  >()

  /** @param statements how many are concerned; 0 where another name of the same was told already */
  add(problem: Problem, name: string | undefined, dumpId: DumpId | undefined, statements = 1): void {
    const key = `${problem.kind} ${problem.what}`
    let found = this.#byCause.get(key)
    if (found === undefined) {
      found = { problem, names: new Set(), dumpIds: new Set(), statements: 0 }
      this.#byCause.set(key, found)
    }
    if (name !== undefined) found.names.add(name)
    if (dumpId !== undefined) found.dumpIds.add(dumpId)
    found.statements += statements
  }

  list(): readonly CheckFinding[] {
    return [...this.#byCause.values()]
      .map(({ problem, names, dumpIds, statements }) => ({
        kind: problem.kind,
        severity: problem.severity ?? 'error',
        what: problem.what,
        hint: problem.hint,
        names: [...names],
        dumpIds: [...dumpIds],
        statements,
      }))
      .sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity))
  }
}
