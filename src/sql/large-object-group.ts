import { ArchiveError } from '../errors.ts'
import type { TocEntry } from '../toc/types.ts'
import type { LexerOptions } from './lexer.ts'
import { splitStatements } from './split-statements.ts'
import type { Edit } from './target-judges.ts'
import { applyEdits } from './target.ts'

/** Most large objects in a group (MAX_BLOBS_PER_ARCHIVE_ENTRY, pg_dump.c). */
export const mostInGroup = 1000

const MOST_OID = 2 ** 32 - 1

/**
 * The OIDs that a BLOB METADATA entry lists, one a line (dumpLO, pg_dump.c).
 * @throws ArchiveError BAD_TOC for a definition that is anything else
 */
export function objectsOfGroup({ dumpId, raw }: TocEntry): readonly number[] {
  const lines = (raw.byteString('defn') ?? '').split('\n')
  // what stands behind the last line feed is no line
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line, index) => {
    const oid = /^\d{1,10}$/.test(line) ? Number(line) : 0
    if (oid > 0 && oid <= MOST_OID) return oid
    throw new ArchiveError(
      'BAD_TOC',
      `Cannot read the large objects of TOC entry ${dumpId}: line ${index + 1} of its definition is ${JSON.stringify(line.slice(0, 40))}, must be an OID`,
      { dumpId },
    )
  })
}

/** The grants of one object as those of another (IssueACLPerBlob, pg_backup_db.c); `defn` is a byte string. */
export function aclOfObject(defn: string, oid: number | string, lexer: LexerOptions): string {
  return aclOfAnyObject(defn, lexer)(oid)
}

/** The same for many objects: the grants are read once. */
export function aclOfAnyObject(defn: string, lexer: LexerOptions): (oid: number | string) => string {
  const places: Omit<Edit, 'text'>[] = []
  for (const { tokens } of splitStatements(defn, lexer)) {
    const word = (at: number): string => defn.slice(tokens[at]?.start, tokens[at]?.end).toUpperCase()
    for (const [at, { kind, start, end }] of tokens.entries()) {
      if (kind !== 'number' || word(at - 1) !== 'OBJECT' || word(at - 2) !== 'LARGE') continue
      places.push({ start, end })
    }
  }
  return (oid) =>
    applyEdits(
      defn,
      Array.from(places, (place) => ({ ...place, text: String(oid) })),
    )
}

/**
 * Whether every command of these grants names a large object: pg_restore repeats only such for the objects of a group
 * (IssueACLPerBlob, pg_backup_db.c).
 */
export function namesObjectThroughout(defn: string, lexer: LexerOptions): boolean {
  const statements = [...splitStatements(defn, lexer)]
  return statements.every(({ start, end }) => {
    const statement = defn.slice(start, end)
    return aclOfObject(statement, '', lexer) !== statement
  })
}
