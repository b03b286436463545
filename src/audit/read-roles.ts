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

/** A role, with its uses as two lists: an object for each entry that has an owner would be most of a catalog. */
class RoleDraft implements CatalogRole {
  readonly name: string
  readonly #entries: TocEntry[] = []
  readonly #as: RoleUse['as'][] = []

  constructor(name: string) {
    this.name = name
  }

  add(entry: TocEntry, as: RoleUse['as']): void {
    this.#entries.push(entry)
    this.#as.push(as)
  }

  get uses(): readonly RoleUse[] {
    return this.#entries.map((entry, index) => ({ entry, as: this.#as[index] ?? 'other' }))
  }
}

/** Gathers the roles that an archive names. */
export class RoleGatherer {
  readonly #reading: Reading
  readonly #rules: RenameRules
  readonly #roles = new Map<string, RoleDraft>()
  #found: string[] = []
  #lastText = ''
  #lastMay = false

  constructor(reading: Reading) {
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

  owner(entry: TocEntry): void {
    const owner = entry.raw.byteString('owner')
    if (owner != null && owner !== '') this.add(owner, entry, 'owner')
  }

  statement(statement: SqlStatement, entry: TocEntry): void {
    const known = usesByCommand.get(statement.command)
    if (known === undefined && !this.#mayName(statement.text)) return
    this.#found = []
    findRoles(new Renamer(statement, this.#rules))
    const isGrantor = statement.has(0, 'set', 'session', 'authorization')
    for (const name of new Set(this.#found)) this.add(name, entry, known ?? (isGrantor ? 'grantor' : 'other'))
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
  add(bytes: string, entry: TocEntry, as: RoleUse['as']): void {
    let role = this.#roles.get(bytes)
    if (role === undefined) {
      role = new RoleDraft(this.#reading.decode(bytes))
      this.#roles.set(bytes, role)
    }
    role.add(entry, as)
  }
}
