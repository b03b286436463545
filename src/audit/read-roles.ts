import { findRoles } from '../sql/find-roles.ts'
import { Renamer, type RenameRules } from '../sql/rename.ts'
import type { TocEntry } from '../toc/types.ts'
import type { Reading } from './reading.ts'
import type { SqlStatement } from './statement.ts'
import type { CatalogRole } from './types.ts'

type RoleUse = CatalogRole['uses'][number]

const usesByCommand: ReadonlyMap<string, RoleUse['as']> = new Map<string, RoleUse['as']>([
  ['GRANT', 'grantee'],
  ['REVOKE', 'grantee'],
  ['CREATE POLICY', 'policy'],
  ['ALTER POLICY', 'policy'],
  ['CREATE USER MAPPING', 'mapping'],
  ['ALTER DEFAULT PRIVILEGES', 'defaults'],
])

/** A statement of another command may name a role only where its text has one of these. */
export const mayNameRole: RegExp = /role|owner|authorization|mapping|\b(?:user|group)\b/i

/** A role, with its uses as numbers: an object for each entry that has an owner would be most of a catalog. */
class RoleDraft implements CatalogRole {
  readonly name: string
  readonly #entries: readonly TocEntry[]
  /** From which entry to before which the role owns all: begin and end by turns. */
  readonly #owned: number[] = []
  /** What else it is named for: the places of entries, and what as in each. */
  readonly #places: number[] = []
  readonly #as: RoleUse['as'][] = []

  constructor(name: string, entries: readonly TocEntry[]) {
    this.name = name
    this.#entries = entries
  }

  owns(place: number): void {
    const last = this.#owned.length - 1
    if (this.#owned[last] === place) this.#owned[last]++
    else this.#owned.push(place, place + 1)
  }

  add(place: number, as: RoleUse['as']): void {
    this.#places.push(place)
    this.#as.push(as)
  }

  /** In the order of the entries, of one entry the owner first. */
  get uses(): readonly RoleUse[] {
    const uses: RoleUse[] = []
    let named = 0
    const addNamed = (before: number): void => {
      for (; named < this.#places.length; named++) {
        const [place = 0, as] = [this.#places[named], this.#as[named]]
        if (place >= before) return
        if (as !== undefined) this.#push(uses, place, as)
      }
    }
    for (let run = 0; run < this.#owned.length; run += 2) {
      for (let place = this.#owned[run] ?? 0; place < (this.#owned[run + 1] ?? 0); place++) {
        addNamed(place)
        this.#push(uses, place, 'owner')
      }
    }
    addNamed(Infinity)
    return uses
  }

  /** How often for what, in the order in which each came first: an object for each use of many is not made for that. */
  get useCounts(): ReadonlyMap<RoleUse['as'], number> {
    const found = new Map<RoleUse['as'], { first: number; count: number }>()
    for (let run = 0; run < this.#owned.length; run += 2) {
      const [from = 0, to = 0] = [this.#owned[run], this.#owned[run + 1]]
      const owner = found.get('owner')
      if (owner === undefined) found.set('owner', { first: from, count: to - from })
      else owner.count += to - from
    }
    for (let at = 0; at < this.#places.length; at++) {
      const [place = 0, as = 'other'] = [this.#places[at], this.#as[at]]
      const known = found.get(as)
      // of one entry the owner comes first
      if (known === undefined) found.set(as, { first: place + 0.5, count: 1 })
      else known.count++
    }
    const inOrder = [...found].sort(([, a], [, b]) => a.first - b.first)
    return new Map(inOrder.map(([as, { count }]) => [as, count]))
  }

  #push(uses: RoleUse[], place: number, as: RoleUse['as']): void {
    const entry = this.#entries[place]
    if (entry !== undefined) uses.push({ entry, as })
  }
}

/** How often a role is named for what. */
export function useCountsOf(role: CatalogRole): ReadonlyMap<RoleUse['as'], number> {
  if (role instanceof RoleDraft) return role.useCounts
  const counts = new Map<RoleUse['as'], number>()
  for (const { as } of role.uses) counts.set(as, (counts.get(as) ?? 0) + 1)
  return counts
}

/** Gathers the roles that an archive names. */
export class RoleGatherer {
  readonly #reading: Reading
  readonly #rules: RenameRules
  readonly #roles = new Map<string, RoleDraft>()
  readonly #entries: readonly TocEntry[]
  #place = -1
  #lastOwner = ''
  #lastRole: RoleDraft | undefined
  #found: string[] = []
  #lastText = ''
  #lastMay = false

  constructor(reading: Reading, entries: readonly TocEntry[]) {
    this.#entries = entries
    this.#reading = reading
    this.#rules = {
      lexer: reading.lexer,
      quote: reading.quote,
      quotesAll: false,
      rename: (name) => void this.#found.push(name),
      isWanted: () => false,
      find: findRoles,
    }
  }

  /** Goes on to the next of the entries: what comes then is said of it. */
  next(): void {
    this.#place++
    const owner = this.#entries[this.#place]?.raw.byteString('owner')
    if (owner == null || owner === '') return
    if (owner !== this.#lastOwner || this.#lastRole === undefined) {
      this.#lastOwner = owner
      this.#lastRole = this.#role(owner)
    }
    this.#lastRole.owns(this.#place)
  }

  statement(statement: SqlStatement): void {
    const known = usesByCommand.get(statement.command)
    if (known === undefined && !this.#mayName(statement.text)) return
    this.#found = []
    findRoles(new Renamer(statement, this.#rules))
    const isGrantor = statement.has(0, 'set', 'session', 'authorization')
    for (const name of new Set(this.#found)) this.add(name, known ?? (isGrantor ? 'grantor' : 'other'))
  }

  roles(): readonly CatalogRole[] {
    return [...this.#roles.values()]
  }

  /** Asked once of a text, for all of its statements. */
  #mayName(text: string): boolean {
    if (this.#lastText !== text) {
      this.#lastText = text
      this.#lastMay = mayNameRole.test(text)
    }
    return this.#lastMay
  }

  /** @param bytes the name, as a byte string */
  add(bytes: string, as: RoleUse['as']): void {
    this.#role(bytes).add(this.#place, as)
  }

  #role(bytes: string): RoleDraft {
    let role = this.#roles.get(bytes)
    if (role === undefined) {
      role = new RoleDraft(this.#reading.decode(bytes), this.#entries)
      this.#roles.set(bytes, role)
    }
    return role
  }
}
