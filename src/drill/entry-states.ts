import type { RestoreFailure } from '../restore/failures.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { DrillProblem, DrillStatus } from './report.ts'

/** What became of the entries, and what belongs to none. */
export class EntryStates {
  readonly #entries = new Map<DumpId, TocEntry>()
  readonly #problems = new Map<DumpId, DrillProblem>()
  /** Entries whose object is not there at all: what else fails may do so because of it. */
  readonly #absent = new Set<DumpId>()
  readonly #others: DrillProblem[] = []
  /** Of entries that name some: roles that are not there. */
  readonly #missingRoles: ReadonlyMap<DumpId, readonly string[]>
  /** The database checks an encoding, the one that was dumped did not. */
  readonly #checksBytes: boolean

  constructor(missingRoles: ReadonlyMap<DumpId, readonly string[]>, checksBytes: boolean) {
    this.#missingRoles = missingRoles
    this.#checksBytes = checksBytes
  }

  /** It is being restored. */
  restored(entry: TocEntry): void {
    this.#entries.set(entry.dumpId, entry)
  }

  statusOf(dumpId: DumpId): DrillStatus {
    return this.#problems.get(dumpId)?.status ?? 'proven'
  }

  /**
   * The first reason counts, but what failed is more than what cannot be told.
   * @param tellsValues the reason may hold values of rows
   */
  add(
    status: 'failed' | 'unproven',
    entry: TocEntry | undefined,
    reason: string,
    { object, tellsValues = false }: { readonly object?: string; readonly tellsValues?: boolean } = {},
  ): void {
    if (entry === undefined) {
      this.#others.push({ status, dumpId: undefined, object: object ?? 'the restore', reason, tellsValues })
      return
    }
    const known = this.#problems.get(entry.dumpId)
    if (known !== undefined && (known.status === 'failed' || status === 'unproven')) return
    const problem = { status, dumpId: entry.dumpId, object: object ?? nameOf(entry), reason, tellsValues }
    this.#problems.set(entry.dumpId, problem)
  }

  refused({ entry, error }: RestoreFailure): void {
    if (entry === undefined) return this.add('failed', undefined, error.message, { tellsValues: true })
    // a definition in pre-data is read before there are rows
    const tellsValues = entry.section !== 'pre-data' || entry.desc === 'SEQUENCE SET'
    const role = this.#missingRoles.get(entry.dumpId)?.find((name) => lacksRole(error, name))
    // the object is there, if with another owner or other privileges
    if (role !== undefined) return this.add('unproven', entry, `role "${role}" is not there`)
    // what else is said about it is because of that
    if (this.#absent.has(entry.dumpId)) return
    this.#absent.add(entry.dumpId)
    // character_not_in_repertoire
    const lack = this.#checksBytes && error.sqlState === '22021' ? error.message : lackBehind(entry, error)
    if (lack !== undefined) return this.add('unproven', entry, lack, { tellsValues })
    const needed = this.#broken(entry) ?? this.#named(error)
    if (needed === undefined) return this.add('failed', entry, error.message, { tellsValues })
    this.add(needed.status, entry, `${error.message}: it needs ${needed.object}`, { tellsValues })
  }

  /** What an entry depends on that is not there, however far away. */
  #broken(entry: TocEntry): DrillProblem | undefined {
    const seen = new Set<DumpId>()
    const queue = [...entry.dependencies]
    let unproven: DrillProblem | undefined
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      if (seen.has(id)) continue
      seen.add(id)
      const problem = this.#absent.has(id) ? this.#problems.get(id) : undefined
      if (problem?.status === 'failed') return problem
      unproven ??= problem
      for (const needed of this.#entries.get(id)?.dependencies ?? []) queue.push(needed)
    }
    return unproven
  }

  /** What is not there by the name that an error about something undefined tells; some entries do not say what they need. */
  #named({ sqlState, message }: RestoreFailure['error']): DrillProblem | undefined {
    if (sqlState !== '42704' && sqlState !== '42P01') return undefined
    for (const id of this.#absent) {
      const { tag } = this.#entries.get(id) ?? {}
      if (tag && message.includes(`"${tag}"`)) return this.#problems.get(id)
    }
    return undefined
  }

  counts(): { readonly [S in DrillStatus]: number } {
    const problems = [...this.#problems.values()]
    const failed = problems.filter(({ status }) => status === 'failed').length
    return {
      proven: [...this.#entries.keys()].filter((id) => !this.#problems.has(id)).length,
      failed,
      unproven: problems.length - failed,
    }
  }

  /** What failed first. */
  problems(): readonly DrillProblem[] {
    const all = [...this.#problems.values(), ...this.#others]
    return [...all.filter(({ status }) => status === 'failed'), ...all.filter(({ status }) => status === 'unproven')]
  }

  entries(): IterableIterator<TocEntry> {
    return this.#entries.values()
  }
}

/** An entry in a report: `TABLE public.t`. */
export function nameOf({ desc, namespace, tag }: TocEntry): string {
  return `${desc} ${namespace ? `${namespace}.` : ''}${tag ?? ''}`.trimEnd()
}

/** Whether a server says that this role is not there, and not something else of its name. */
function lacksRole({ sqlState, message }: RestoreFailure['error'], name: string): boolean {
  // undefined_object: types, languages and much else, too
  if (sqlState !== '42704') return false
  // in another language than English there is the name alone to go by
  return message.endsWith(' does not exist') ? message === `role "${name}" does not exist` : message.includes(name)
}

/** What the place lacks and the entry asks for; undefined when it may be the entry's fault. */
function lackBehind({ desc }: TocEntry, { sqlState, message }: RestoreFailure['error']): string | undefined {
  switch (sqlState) {
    // feature_not_supported; undefined_file: an extension, a library, what the server was built without
    case '0A000':
    case '58P01':
      return message
    // invalid_parameter_value: the operating system has no such locale, or nobody provides such labels
    case '22023':
      return desc === 'COLLATION' || desc === 'SECURITY LABEL' ? message : undefined
    // internal_error
    case 'XX000':
      return message.includes('library') ? message : undefined
    default:
      return undefined
  }
}
