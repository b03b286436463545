import { ArchiveError } from '../errors.ts'
import { findRoles, roleTypes } from '../sql/find-roles.ts'
import { identifierOf } from '../sql/lexer.ts'
import { splitStatements } from '../sql/split-statements.ts'
import type { RenameRules } from '../sql/rename.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { FieldValue } from '../toc/changed-entry.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { Names, type NameMap } from './rename-names.ts'
import { everyEntry, renameRules, rewrite, type Rewritten, type RewriteOptions } from './rewrite.ts'
import { renameTagged } from './rewrite-tags.ts'
import type { FilteredView } from './selection.ts'

/**
 * One role in place of every owner: of all roles that own something in the archive, wherever they are named — as owner,
 * grantor, grantee, in policies and mappings. Roles that own nothing stay, and so do those of the server itself
 * (`pg_database_owner` and the like), unless `map` names them.
 */
export interface AllOwners {
  readonly all: string
  /** Roles that become something else than `all`; this goes first. */
  readonly map?: NameMap
}

/**
 * Replaces roles everywhere: owners of entries, and every place in the SQL of the archive that names a role — GRANT,
 * REVOKE, SET SESSION AUTHORIZATION, default privileges, policies, user mappings, settings of roles, comments and labels
 * (spec/rewrite.md). PUBLIC, CURRENT_USER and other key words are no roles. Nothing else changes: strings, comments and
 * the bodies of routines keep their bytes, and those that mention a role are reported.
 *
 * Rows are not touched. Roles that become one share what was granted to each.
 *
 * @param owners new roles for old ones; `{ all: 'app' }` for one in place of every owner. A role that is really called
 *   `all` is renamed with a Map
 * @example
 * const moved = rewriteOwner(archive, { alice: 'bob' })
 * await toSql(moved).pipeTo('moved.sql')
 * for (const { tag, name } of moved.undecided()) console.log(`${tag} may refer to ${name}`)
 *
 * @throws ArchiveError USAGE for a role that cannot be named in the archive's encoding or at all, UNDECIDED_REFERENCE with
 *   `strict`
 */
export function rewriteOwner<V extends ArchiveView>(
  view: V,
  owners: NameMap | AllOwners,
  options: RewriteOptions = {},
): (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten {
  const known = ownersOf(view)
  const names = new Names(mapOf(owners, known), { kind: 'role', encoding: view.settings.encoding, known })
  const rename = (name: FieldValue): FieldValue => (name ? (names.rename(name) ?? name) : name)
  let rules: RenameRules | undefined
  const lexer = { stdStrings: view.settings.stdStrings, encoding: view.settings.encoding }
  return rewrite(
    view,
    {
      kind: 'role',
      names,
      find: findRoles,
      types: roleTypes,
      fields: (entry, { sql }) => ({
        owner: rename,
        defn: sql('defn'),
        dropStmt: sql('dropStmt'),
        ...tagChange(entry),
      }),
    },
    options,
  )

  function tagChange(entry: TocEntry): { readonly tag?: (tag: FieldValue) => FieldValue } {
    switch (entry.desc) {
      case 'USER MAPPING':
        return { tag: (tag) => renameMapping(tag, entry) }
      case 'COMMENT':
      case 'SECURITY LABEL':
        return { tag: (tag) => renameTagged(tag, 'ROLE', (rules ??= renameRules(view, names, findRoles))) }
      default:
        return {}
    }
  }

  /** The tag of a mapping has the names as they are: only its definition tells where one ends. */
  function renameMapping(tag: FieldValue, { raw }: TocEntry): FieldValue {
    const defn = raw.byteString('defn') ?? ''
    for (const { tokens } of splitStatements(defn, lexer)) {
      const [, , , , user, , server] = tokens
      if (user === undefined || server === undefined) continue
      const name = identifierOf(defn, user)
      const rest = ` SERVER ${identifierOf(defn, server)}`
      if (tag === `USER MAPPING ${name}${rest}`) return `USER MAPPING ${names.rename(name) ?? name}${rest}`
    }
    return tag
  }
}

/** Every owner of the archive, decoded; asked for when first needed. */
function ownersOf(view: ArchiveView): () => ReadonlySet<string> {
  let owners: ReadonlySet<string> | undefined
  return () => {
    if (owners !== undefined) return owners
    const bytes = new Map<string, Uint8Array>()
    for (const { raw } of everyEntry(view)) {
      const owner = raw.byteString('owner')
      if (owner && !bytes.has(owner)) bytes.set(owner, raw.bytes('owner') ?? new Uint8Array(0))
    }
    const decode = decoderFor(view.settings.encoding)
    owners = new Set([...bytes.values()].map(decode))
    return owners
  }
}

function mapOf(owners: NameMap | AllOwners, known: () => ReadonlySet<string>): NameMap {
  if (!isAllOwners(owners)) return owners
  const { all, map } = owners
  const replaced = new Map<string, string>()
  for (const owner of known()) if (!owner.startsWith('pg_')) replaced.set(owner, all)
  if (typeof map === 'function') return (name) => map(name) ?? replaced.get(name)
  for (const [name, next] of map instanceof Map ? map : Object.entries(map ?? {})) replaced.set(name, next)
  return replaced
}

/** @throws ArchiveError USAGE for what may be either */
function isAllOwners(owners: NameMap | AllOwners): owners is AllOwners {
  if (typeof owners !== 'object' || owners === null || owners instanceof Map || !('all' in owners)) return false
  const others = Object.keys(owners).filter((key) => key !== 'all' && (key !== 'map' || typeof owners.map === 'string'))
  if (others.length === 0) return true
  throw new ArchiveError('USAGE', `Cannot rename roles: "all" stands beside ${JSON.stringify(others[0])}`, {
    hint: 'Write { all, map: { … } }, or use a Map if there is a role called "all"',
  })
}
