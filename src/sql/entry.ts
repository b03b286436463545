import { ArchiveError } from '../errors.ts'
import type { TocEntry } from '../toc/types.ts'
import { putAclPerObject, putCommandPerObject } from './large-object.ts'
import { fmtId, fmtQualifiedId } from './quote.ts'
import type { ScriptSession } from './session.ts'

/** What the comment above an entry begins with (TOC_PREFIX_…, pg_backup_archiver.c). */
export type CommentPrefix = '' | 'Data for ' | 'Statistics for '

/**
 * Prints one entry: state commands, comment, definition, owner (_printTocEntry, pg_backup_archiver.c).
 *
 * @throws ArchiveError UNSUPPORTED when the release does not know how to set the owner of such an entry
 */
export function putEntry(session: ScriptSession, entry: TocEntry, prefix: CommentPrefix): void {
  const names = namesOf(entry)
  const partitioned = entry.relkind === PARTITIONED_TABLE
  session.becomeOwner(entry)
  session.selectSchema(names.namespace)
  session.selectTablespace(names.tablespace)
  if (!partitioned) session.selectAccessMethod(entry, names.accessMethod)
  if (session.writesComments) putComment(session, entry, names, prefix)
  putDefinition(session, entry, names)
  putOwner(session, entry, names)
  if (partitioned) putAccessMethodOfPartitioned(session, entry, names)
  if (isAcl(entry.desc)) session.forgetUser()
}

/** The short strings of an entry, each taken out of the TOC once: that is most of what printing costs. */
interface EntryNames {
  readonly tag: string
  readonly namespace: string | null
  readonly owner: string | null
  readonly tablespace: string | null
  readonly accessMethod: string | null
}

function namesOf({ raw }: TocEntry): EntryNames {
  return {
    tag: raw.byteString('tag') ?? '',
    namespace: raw.byteString('namespace') ?? null,
    owner: raw.byteString('owner') ?? null,
    tablespace: raw.byteString('tablespace') ?? null,
    accessMethod: raw.byteString('tableam') ?? null,
  }
}

/** pg_class.relkind of a partitioned table. */
const PARTITIONED_TABLE = 'p'

/** `ACL LANGUAGE` is of pg_dump 7.4. */
export function isAcl(desc: string): boolean {
  return desc === 'ACL' || desc === 'ACL LANGUAGE' || desc === 'DEFAULT ACL'
}

const lineBreak = /[\r\n]/

/** A name on one line, so that it cannot end the comment it stands in (sanitize_line, dumputils.c). */
function sanitizeLine(text: string): string {
  return lineBreak.test(text) ? text.replaceAll(/[\r\n]/g, ' ') : text
}

const unusual = /[^ -~]/
/** Of a byte string: characters of UTF-8, and what is none and controls a terminal. */
const characters = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|\p{Cc}/gu
/** Control characters, and those that break or turn around a line: U+2028 to U+202E, U+2066 to U+2069. */
const driving = /^(?:\p{Cc}|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9])/u

/**
 * What pg_restore prints as it is stored, on one line: a line break in the type of an entry or in the version strings
 * ends the comment, and what follows is script.
 */
export function sanitizeStored(text: string): string {
  if (!unusual.test(text)) return text
  return text.replaceAll(characters, (character) => (driving.test(character) ? ' ' : character))
}

function putComment(session: ScriptSession, entry: TocEntry, names: EntryNames, prefix: CommentPrefix): void {
  const { options } = session.context
  const { tag, namespace, tablespace } = names
  const owner = options.noOwner ? null : names.owner
  const desc = entry.raw.byteString('desc') ?? ''
  session.put('--\n')
  if (options.verbose) {
    const { tableoid, oid } = entry.catalogId
    session.put(`-- TOC entry ${entry.dumpId} (class ${tableoid >>> 0} OID ${oid >>> 0})\n`)
    if (entry.dependencies.length > 0) session.put(`-- Dependencies: ${entry.dependencies.join(' ')}\n`)
  }
  session.put(`-- ${prefix}Name: ${sanitizeLine(tag)}; Type: ${options.asPgRestore ? desc : sanitizeStored(desc)}`)
  session.put(`; Schema: ${sanitizeLine(namespace ?? '-')}; Owner: ${sanitizeLine(owner ?? '-')}`)
  if (tablespace && !options.noTablespaces) session.put(`; Tablespace: ${sanitizeLine(tablespace)}`)
  session.put('\n')
  if (options.verbose) putDataLocation(session, entry)
  session.put('--\n\n')
}

/** _PrintExtraToc of pg_backup_custom.c, pg_backup_directory.c and pg_backup_tar.c */
function putDataLocation(session: ScriptSession, { data }: TocEntry): void {
  if (session.context.format === 'custom') {
    session.put(`-- Data Pos: ${data.state === 'set' ? data.offset : 0}\n`)
  } else if (data.state === 'file') {
    const name = session.context.options.asPgRestore ? data.filename : sanitizeStored(data.filename)
    session.put(`-- File: ${name}\n`)
  }
}

function putDefinition(session: ScriptSession, entry: TocEntry, { tag }: EntryNames): void {
  const { raw, desc } = entry
  const { options, rules, quote, target } = session.context
  const defn = raw.byteString('defn') ?? ''
  if (options.noOwner && desc === 'SCHEMA' && !(rules.keepsCommentSchema && defn.startsWith('--'))) {
    // instead of a definition with an AUTHORIZATION clause, as pg_dump wrote before 8.0
    session.put(`CREATE SCHEMA ${fmtId(quote, tag)};\n\n\n`)
  } else if (desc === 'BLOB METADATA') {
    putCommandPerObject(session, entry, "SELECT pg_catalog.lo_create('", "')")
  } else if (desc === 'ACL' && tag.startsWith('LARGE OBJECTS')) {
    putAclPerObject(session, entry)
  } else {
    putPlainDefinition(session, entry, target === null ? defn : target.adapt(entry, defn))
  }
}

function putPlainDefinition(session: ScriptSession, { desc }: TocEntry, defn: string): void {
  if (defn === '') return
  session.put(`${defn}\n\n`)
  if (session.context.options.transactionSize === 0 || desc === 'FUNCTION' || desc === 'PROCEDURE') return
  // pg_restore's estimate of the number of commands; function bodies are full of semicolons
  session.countActions(Math.max(0, countSemicolons(defn) - 1))
}

function countSemicolons(text: string): number {
  let count = 0
  for (let at = text.indexOf(';'); at !== -1; at = text.indexOf(';', at + 1)) count++
  return count
}

function putOwner(session: ScriptSession, entry: TocEntry, names: EntryNames): void {
  const { raw, desc } = entry
  const { options, rules, quote } = session.context
  const { owner } = names
  // an entry without a drop command is no object with an owner of its own
  if (options.noOwner || !owner || !raw.bytes('dropStmt')?.length) return
  if (options.useSetSessionAuthorization) {
    const commentOnly = desc === 'SCHEMA' && (raw.byteString('defn') ?? '').startsWith('--')
    if (!(rules.keepsCommentSchema && commentOnly)) return
  }
  if (desc === 'BLOB METADATA') {
    putCommandPerObject(session, entry, 'ALTER LARGE OBJECT ', ` OWNER TO ${fmtId(quote, owner)}`)
    return
  }
  const object = describeOwned(session, entry, names)
  if (object !== '') session.put(`ALTER ${object} OWNER TO ${fmtId(quote, owner)};\n\n`)
}

/** Types whose ALTER names them by type, schema and name. */
const ownedByName: ReadonlySet<string> = new Set([
  'COLLATION',
  'CONVERSION',
  'DOMAIN',
  'FOREIGN TABLE',
  'MATERIALIZED VIEW',
  'SEQUENCE',
  'STATISTICS',
  'TABLE',
  'TEXT SEARCH DICTIONARY',
  'TEXT SEARCH CONFIGURATION',
  'TYPE',
  'VIEW',
  'DATABASE',
  'PROCEDURAL LANGUAGE',
  'SCHEMA',
  'EVENT TRIGGER',
  'FOREIGN DATA WRAPPER',
  'SERVER',
  'PUBLICATION',
  'SUBSCRIPTION',
])

/** Types whose ALTER needs what only the drop command says: argument types, operands, access method. */
const ownedByDropStmt: ReadonlySet<string> = new Set([
  'AGGREGATE',
  'FUNCTION',
  'OPERATOR',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'PROCEDURE',
])

/** Types whose objects have no owner of their own. */
const notOwned: ReadonlySet<string> = new Set([
  'CAST',
  'CHECK CONSTRAINT',
  'CONSTRAINT',
  'DATABASE PROPERTIES',
  'DEFAULT',
  'FK CONSTRAINT',
  'INDEX',
  'RULE',
  'TRIGGER',
  'ROW SECURITY',
  'POLICY',
  'USER MAPPING',
])

/** Whether pg_restore 16 and newer stop at an entry of the type that has an owner and a drop command (_printTocEntry). */
export function refusesOwner(desc: string): boolean {
  const known = desc === 'BLOB' || desc === 'BLOB METADATA' || ownedByName.has(desc)
  return !known && !ownedByDropStmt.has(desc) && !notOwned.has(desc)
}

const relationsOfOldKeyword: ReadonlySet<string> = new Set(['VIEW', 'SEQUENCE', 'MATERIALIZED VIEW'])

/** What ALTER … OWNER names the object by; empty for one without owner (_getObjectDescription, pg_backup_archiver.c). */
function describeOwned(session: ScriptSession, entry: TocEntry, { tag, namespace }: EntryNames): string {
  const { raw, desc } = entry
  const { rules, quote } = session.context
  if (ownedByName.has(desc)) {
    const keyword = !rules.ownerKeywordIsOwnType && relationsOfOldKeyword.has(desc) ? 'TABLE' : desc
    return `${keyword} ${fmtQualifiedId(quote, namespace, tag)}`
  }
  if (desc === 'BLOB') return `LARGE OBJECT ${tag}`
  if (ownedByDropStmt.has(desc)) {
    const dropStmt = raw.byteString('dropStmt') ?? ''
    return dropStmt.slice('DROP '.length).replace(/[;\n]+$/, '')
  }
  if (notOwned.has(desc)) return ''
  const text = `don't know how to set owner for object type "${desc}"`
  if (rules.unknownOwnerTypeIsFatal) {
    throw new ArchiveError('UNSUPPORTED', `Cannot write SQL of entry ${entry.dumpId}: ${text}`, {
      dumpId: entry.dumpId,
      hint: 'Leave owners out with noOwner, or leave this entry out with a list',
      details: { pgRestore: text },
    })
  }
  session.context.warn('UNKNOWN_OWNED_TYPE', text, entry)
  return ''
}

/** _printTableAccessMethodNoStorage, pg_backup_archiver.c */
function putAccessMethodOfPartitioned(session: ScriptSession, entry: TocEntry, names: EntryNames): void {
  const { options, quote, target } = session.context
  const { tag, namespace, accessMethod } = names
  if (options.noTableAccessMethod || accessMethod === null) return
  if (target?.takesAccessMethodOfPartitioned(entry, accessMethod) === false) return
  const table = fmtQualifiedId(quote, namespace, tag)
  session.alterAccessMethod(table, accessMethod)
}
