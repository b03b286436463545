import { encodeByteString } from '../bytes/byte-string.ts'
import { checkOptions } from '../check-options.ts'
import { fmtId } from '../sql/quote.ts'
import { findSchemas, schemaTypes } from '../sql/find-schemas.ts'
import { renameInSql, type RenameRules } from '../sql/rename.ts'
import type { EntryChanges, FieldValue } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { Names, type NameMap } from './rename-names.ts'
import {
  everyEntry,
  renameRules,
  rewrite,
  rewriteOptionKinds,
  type FieldTools,
  type Rewritten,
  type RewriteOptions,
} from './rewrite.ts'
import { renameTagged, routineOf } from './rewrite-tags.ts'
import { namesTables, renameInserts } from './rename-inserts.ts'
import type { FilteredView } from './selection.ts'

/**
 * Renames schemas: in the fields of entries, in qualified names of definitions, drop and COPY commands, in the INSERT
 * commands that rows were dumped as, in search paths, and in constants that name an object to the server (`nextval('app.ids'::regclass)`). What cannot be decided — bodies of
 * routines in strings, constants that only read like a schema, a name that may be a table's — is left alone and reported
 * (spec/rewrite.md).
 *
 * Schema public, which archives leave to be there, is created under its new name if the archive has an entry for it, else
 * a warning says so (SCHEMA_NOT_CREATED); what becomes public is not created.
 *
 * Schemas are replaced at once, so that two can be swapped. A schema may become one that the archive has already: then
 * both sets of objects land in it, and it is up to the caller that no two have one name.
 *
 * @param schemas new schemas for old ones; a function is asked about schemas that the archive has objects in
 * @example
 * const copy = rewriteSchema(filter(archive, { schemas: ['app'] }), { app: 'app_2024' }, { strict: true })
 *
 * @throws ArchiveError USAGE for a schema of the server itself and for a name that cannot be said in the archive's
 *   encoding, UNDECIDED_REFERENCE with `strict`
 */
export function rewriteSchema<V extends ArchiveView>(
  view: V,
  schemas: NameMap,
  options: RewriteOptions = {},
): (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten {
  checkOptions('rewrite', options, rewriteOptionKinds)
  const { encoding, stdStrings, searchPath } = view.settings
  const known = schemasOf(view)
  const names = new Names(schemas, { kind: 'schema', encoding, known, knownOnly: true })
  const lexer = { encoding, stdStrings }
  const renameField = (name: FieldValue): FieldValue => (name ? (names.rename(name) ?? name) : name)
  let made: RenameRules | undefined
  const rules = (): RenameRules => (made ??= renameRules(view, names, findSchemas))
  const renameText = (text: string): string => renameInSql(text, rules()).text

  warnOfPublic()
  return rewrite(
    view,
    {
      kind: 'schema',
      names,
      find: findSchemas,
      types: schemaTypes,
      fields: (entry, { sql }) => ({
        namespace: renameField,
        ...(entry.desc === 'SCHEMA'
          ? schemaChange(entry, sql)
          : { defn: defnChange(entry, sql), dropStmt: sql('dropStmt') }),
        copyStmt: sql('copyStmt'),
        ...tagChange(entry),
      }),
      data: (entry, data) => (namesTables(entry) ? renameInserts(entry, data, view.settings, rules()) : undefined),
      settings: (sql) => ({ ...view.settings, searchPath: searchPath === null ? null : sql(searchPath) }),
    },
    options,
  )

  /** The root that a partition's rows go to stands in a comment (dumpTableData, pg_dump.c). */
  function defnChange({ desc }: TocEntry, sql: FieldTools['sql']): (stored: FieldValue) => FieldValue {
    if (desc !== 'TABLE DATA') return sql('defn')
    return (stored) =>
      stored?.startsWith(viaRoot) ? viaRoot + renameText(stored.slice(viaRoot.length)) : sql('defn')(stored)
  }

  /** Schema public is there in every new database: no archive of a whole one creates it, and none must. */
  function schemaChange({ raw }: TocEntry, sql: FieldTools['sql']): NonNullable<EntryChanges['fields']> {
    const name = raw.byteString('tag')
    const next = name ? names.rename(name) : undefined
    if (next === undefined) return { defn: sql('defn'), dropStmt: sql('dropStmt') }
    const id = fmtId(rules().quote, next)
    const changed = (field: 'defn' | 'dropStmt', there: string, verb: string) => (stored: FieldValue) => {
      if (name === 'public' && stored?.startsWith(there)) return `${verb} SCHEMA ${id};\n${stored.slice(there.length)}`
      const text = sql(field)(stored)
      return next === 'public' ? text?.replace(`${verb} SCHEMA public;\n`, there) : text
    }
    return {
      defn: changed('defn', '-- *not* creating schema, since initdb creates it\n', 'CREATE'),
      dropStmt: changed('dropStmt', '-- *not* dropping schema, since initdb creates it\n', 'DROP'),
    }
  }

  /** Says that the new schema has to be there when what was in public is to land in it. */
  function warnOfPublic(): void {
    const isPublic = ({ raw }: TocEntry): boolean => raw.byteString('namespace') === 'public'
    if (options.onWarning === undefined || !view.toc.some(isPublic)) return
    const next = names.rename('public')
    const creates = view.toc.some(
      ({ raw }) => raw.byteString('desc') === 'SCHEMA' && raw.byteString('tag') === 'public',
    )
    if (next === undefined || creates) return
    options.onWarning({
      code: 'SCHEMA_NOT_CREATED',
      severity: 'warning',
      message: `Schema public becomes ${JSON.stringify(names.decode(next))}, which what is selected does not create`,
      hint: 'Create it before the restore',
    })
  }

  function tagChange(entry: TocEntry): NonNullable<EntryChanges['fields']> {
    switch (entry.desc) {
      case 'SCHEMA':
        return { tag: renameField }
      case 'FUNCTION':
      case 'PROCEDURE':
      case 'AGGREGATE':
        return { tag: (tag) => renameSignature(tag, entry) }
      case 'CAST':
      case 'TRANSFORM':
        return { tag: (tag) => (typeof tag === 'string' ? renameText(tag) : tag) }
      case 'PUBLICATION TABLES IN SCHEMA':
        return { tag: (tag) => renameEnd(tag, entry) }
      case 'COMMENT':
      case 'SECURITY LABEL':
      case 'ACL':
        return { tag: renameObject }
      default:
        return {}
    }
  }

  /** Of a routine, the types of its arguments. */
  function renameSignature(tag: FieldValue, { raw }: TocEntry): FieldValue {
    const name = routineOf(raw.byteString('dropStmt'), lexer)
    if (typeof tag !== 'string' || name === undefined || !tag.startsWith(`${name}(`)) return tag
    return name + renameText(tag.slice(name.length))
  }

  /** `publication schema` */
  function renameEnd(tag: FieldValue, { raw }: TocEntry): FieldValue {
    const schema = raw.byteString('namespace')
    if (typeof tag !== 'string' || !schema || !tag.endsWith(` ${schema}`)) return tag
    return tag.slice(0, -schema.length) + (names.rename(schema) ?? schema)
  }

  /** What a comment, a label or privileges are about: a schema, or an object with types in its name. */
  function renameObject(tag: FieldValue): FieldValue {
    if (typeof tag !== 'string') return tag
    if (tag.startsWith('SCHEMA ')) return renameTagged(tag, 'SCHEMA', rules())
    return typedObject.test(tag) ? renameText(tag) : tag
  }
}

const viaRoot = '-- load via partition root '

/** Tags that hold types of arguments or of casts, as in SQL. */
const typedObject = /^(?:FUNCTION|PROCEDURE|AGGREGATE|ROUTINE|OPERATOR|CAST|TRANSFORM) /

/** Every schema that the archive has, decoded, but the server's own; asked for when first needed. */
function schemasOf(view: ArchiveView): () => ReadonlySet<string> {
  let schemas: ReadonlySet<string> | undefined
  return () => {
    if (schemas !== undefined) return schemas
    const found = new Set<string>()
    for (const { raw } of everyEntry(view)) {
      const schema = raw.byteString('desc') === 'SCHEMA' ? raw.byteString('tag') : raw.byteString('namespace')
      if (schema) found.add(schema)
    }
    const decode = decoderFor(view.settings.encoding)
    schemas = new Set(
      [...found]
        .map((schema) => decode(encodeByteString(schema)))
        .filter((schema) => !/^pg_|^information_schema$/.test(schema)),
    )
    return schemas
  }
}
