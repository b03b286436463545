import { encodeByteString } from '../bytes/byte-string.ts'
import { findDatabases, findTableAccessMethods, findTablespaces } from '../sql/find-storage.ts'
import type { RenameRules } from '../sql/rename.ts'
import type { FieldValue } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import { encoderFor } from '../toc/encode-name.ts'
import type { ArchiveHeader, TextField, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { Names, type NameKind, type NameMap } from './rename-names.ts'
import { everyEntry, renameRules, rewrite, type Rewritten, type RewriteOptions } from './rewrite.ts'
import { renameTagged } from './rewrite-tags.ts'
import type { FilteredView } from './selection.ts'

/**
 * Puts tables, indexes and the database into other tablespaces. To put them into the database's own, restore with
 * `noTablespaces`.
 *
 * @param tablespaces new tablespaces for old ones; a function is asked about those that entries use
 * @example
 * const here = rewriteTablespace(archive, { fast_ssd: 'pg_default' })
 *
 * @throws ArchiveError USAGE, UNDECIDED_REFERENCE with `strict`
 */
export function rewriteTablespace<V extends ArchiveView>(
  view: V,
  tablespaces: NameMap,
  options: RewriteOptions = {},
): (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten {
  const names = storageNames(view, tablespaces, 'tablespace', 'tablespace')
  return rewrite(
    view,
    {
      kind: 'tablespace',
      names,
      find: findTablespaces,
      types: noTypes,
      fields: (_, { sql }) => ({ tablespace: renameIn(names), defn: sql('defn') }),
    },
    options,
  )
}

/**
 * Gives tables other table access methods. An entry that defines the old method stays as it is: it is the use of methods
 * that changes, not their names.
 *
 * @param methods new methods for old ones; a function is asked about those that entries use
 * @example
 * const plain = rewriteTableAccessMethod(archive, { columnar: 'heap' })
 *
 * @throws ArchiveError USAGE, UNDECIDED_REFERENCE with `strict`
 */
export function rewriteTableAccessMethod<V extends ArchiveView>(
  view: V,
  methods: NameMap,
  options: RewriteOptions = {},
): (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten {
  const names = storageNames(view, methods, 'table access method', 'tableam')
  return rewrite(
    view,
    {
      kind: 'table access method',
      names,
      find: findTableAccessMethods,
      types: noTypes,
      fields: (_, { sql }) => ({ tableam: renameIn(names), defn: sql('defn') }),
    },
    options,
  )
}

/**
 * Renames the database: in the header, in its own entry, its properties, privileges, comments, labels and settings. With
 * `create`, a script creates the new one and connects to it. Connection strings of subscriptions and foreign servers are
 * left alone.
 *
 * @example
 * await toSql(filter(rewriteDatabaseName(archive, 'staging'), { create: true })).pipeTo('staging.sql')
 *
 * @throws ArchiveError USAGE, UNDECIDED_REFERENCE with `strict`
 */
export function rewriteDatabaseName<V extends ArchiveView>(
  view: V,
  name: string,
  options: RewriteOptions = {},
): (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten {
  const { encoding } = view.settings
  const old = databaseName(view)
  const names = new Names(old === null ? new Map<string, string>() : new Map([[old, name]]), {
    kind: 'database',
    encoding,
    known: () => new Set(),
  })
  const rename = renameIn(names)
  let rules: RenameRules | undefined
  return rewrite(
    view,
    {
      kind: 'database',
      names,
      find: findDatabases,
      types: noTypes,
      fields: (entry, { sql }) => ({
        tag: (tag) => {
          if (isDatabaseEntry(entry)) return rename(tag)
          if (!named.has(entry.desc)) return tag
          rules ??= renameRules(view, names, findDatabases)
          return renameTagged(tag, 'DATABASE', rules)
        },
        defn: sql('defn'),
        dropStmt: sql('dropStmt'),
      }),
      header: () => headerFor(view, name),
    },
    options,
  )
}

/** No type has such names for values. */
const noTypes: ReadonlySet<string> = new Set()

/** Types of entries whose tag says what they are about. */
const named: ReadonlySet<string> = new Set(['ACL', 'COMMENT', 'SECURITY LABEL'])

function isDatabaseEntry({ desc }: TocEntry): boolean {
  return desc === 'DATABASE' || desc === 'DATABASE PROPERTIES'
}

/** The name in the database's own entry: the header's is in the encoding of the client that made the dump. */
function databaseName(view: ArchiveView): string | null {
  const entry = everyEntry(view).find(({ raw }) => raw.byteString('desc') === 'DATABASE')
  return entry?.tag ?? view.header.dbname
}

function headerFor({ header, settings }: ArchiveView, name: string): ArchiveHeader {
  if (header.dbname === null || header.dbname === name) return header
  const bytes = encoderFor(settings.encoding)(name) ?? name
  return { ...header, dbname: name, raw: { ...header.raw, dbname: encodeByteString(bytes) } }
}

function renameIn(names: Names): (name: FieldValue) => FieldValue {
  return (name) => (name ? (names.rename(name) ?? name) : name)
}

function storageNames(view: ArchiveView, map: NameMap, kind: NameKind, field: TextField): Names {
  const { encoding } = view.settings
  const known = (): ReadonlySet<string> => {
    const found = new Set<string>()
    for (const { raw } of everyEntry(view)) {
      const name = raw.byteString(field)
      if (name) found.add(name)
    }
    const decode = decoderFor(encoding)
    return new Set([...found].map((name) => decode(encodeByteString(name))))
  }
  return new Names(map, { kind, encoding, known, knownOnly: true })
}
