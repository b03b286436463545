import { ArchiveError, type OnWarning } from '../errors.ts'
import type { UndecidedReason } from '../sql/rename.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { NameKind, Names } from './rename-names.ts'

/** A place that mentions an old name and was left alone, because nothing says whether it means it. */
export interface UndecidedReference {
  readonly dumpId: DumpId
  readonly desc: string
  readonly namespace: string | null
  readonly tag: string | null
  readonly field: 'defn' | 'dropStmt' | 'copyStmt' | 'data'
  /** Offset in bytes of the first such place within the field; 0 for data. */
  readonly at: number
  /** How many such places the field has. */
  readonly count: number
  readonly kind: NameKind
  /** The old name; null where it may be any of them. */
  readonly name: string | null
  /** As spec/rewrite.md says. */
  readonly reason: UndecidedReason
}

/** A mention of a name; names are byte strings. */
interface LeftAlone {
  readonly name: string | null
  readonly reason: UndecidedReference['reason']
  readonly at: number
}

/** Undecided references, by entry. */
export class References {
  readonly #kind: NameKind
  readonly #names: Names
  readonly #onWarning: OnWarning | undefined
  readonly #byEntry = new Map<DumpId, UndecidedReference[]>()

  constructor(kind: NameKind, names: Names, onWarning: OnWarning | undefined) {
    this.#kind = kind
    this.#names = names
    this.#onWarning = onWarning
  }

  /** Several mentions of one name in a field, for one reason, make one reference. */
  add(entry: TocEntry, field: UndecidedReference['field'], mentions: readonly LeftAlone[]): void {
    const groups = new Map<string, { readonly first: LeftAlone; count: number }>()
    for (const mention of mentions) {
      const key = `${mention.reason} ${mention.name}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { first: mention, count: 1 })
      else group.count++
    }
    for (const { first, count } of groups.values()) this.#addOne(entry, field, first, count)
  }

  #addOne(entry: TocEntry, field: UndecidedReference['field'], { name, reason, at }: LeftAlone, count: number): void {
    const { dumpId, desc, namespace, tag } = entry
    const kind = this.#kind
    const shown = name === null ? null : this.#names.decode(name)
    const reference = { dumpId, desc, namespace, tag, field, at, count, kind, name: shown, reason }
    const known = this.#byEntry.get(dumpId)
    if (known === undefined) this.#byEntry.set(dumpId, [reference])
    else known.push(reference)
    this.#onWarning?.({
      code: 'UNDECIDED_REFERENCE',
      severity: 'warning',
      dumpId,
      message: describe(reference),
      hint: 'What was left alone may need to be changed by hand after the restore',
    })
  }

  of(entries: readonly TocEntry[]): readonly UndecidedReference[] {
    const ids = new Set(entries.map(({ dumpId }) => dumpId))
    return [...ids].flatMap((dumpId) => this.#byEntry.get(dumpId) ?? [])
  }
}

const reasons: Readonly<Record<UndecidedReference['reason'], string>> = {
  'function-body': 'its body mentions it',
  string: 'a string constant reads like it',
  rows: 'it has a column whose values are names',
  ambiguous: 'a qualified name may begin with it or with a table of that name',
}

function describe({ desc, namespace, tag, kind, name, reason }: UndecidedReference): string {
  const object = `${desc} ${namespace === null ? '' : `${namespace}.`}${tag ?? ''}`
  const renamed = name === null ? `a ${kind} that is renamed` : `${kind} ${JSON.stringify(name)}, which is renamed`
  return `${object} may refer to ${renamed}: ${reasons[reason]}; left alone`
}

/** @throws ArchiveError UNDECIDED_REFERENCE when there are any */
export function refuseUndecided(references: readonly UndecidedReference[]): void {
  const [first] = references
  if (first === undefined) return
  const more = references.length > 1 ? ` (and ${references.length - 1} more such places)` : ''
  throw new ArchiveError('UNDECIDED_REFERENCE', `Cannot rename ${first.kind} for sure: ${describe(first)}${more}`, {
    dumpId: first.dumpId,
    details: { references },
    hint: 'Do it without strict, and look after the places that are reported',
  })
}
