import { ArchiveError } from '../errors.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ScriptSession } from './session.ts'

/** Bytes of one lowrite() call (LOBBUFSIZE, pg_backup_archiver.h). */
const BYTES_PER_WRITE = 16384

/** INV_WRITE, libpq-fs.h */
const OPEN_FOR_WRITING = 131072

/**
 * One command for each large object of a group: the entry's definition lists the OIDs, one a line
 * (IssueCommandPerBlob, pg_backup_db.c). Each counts as an action.
 */
export function putCommandPerObject(session: ScriptSession, metadata: TocEntry, begin: string, end: string): void {
  const oids = metadata.raw.byteString('defn') ?? ''
  requireRoomForGroup(session, oids, begin.length + end.length)
  for (let at = 0, lineEnd = oids.indexOf('\n'); lineEnd !== -1; at = lineEnd + 1, lineEnd = oids.indexOf('\n', at)) {
    session.put(`${begin}${oids.slice(at, lineEnd)}${end};\n`)
    session.endAction('\n')
  }
  session.put('\n')
}

/** So many short commands take this many times their length in memory. */
const COMMAND_OVERHEAD = 4

/**
 * A few bytes are repeated for each of a million objects: that may be more than there is memory.
 * @throws ArchiveError LIMIT_EXCEEDED
 */
function requireRoomForGroup(session: ScriptSession, oids: string, repeated: number): void {
  let lines = 0
  for (let at = oids.indexOf('\n'); at !== -1; at = oids.indexOf('\n', at + 1)) lines++
  session.requireRoom(COMMAND_OVERHEAD * (oids.length + lines * repeated))
}

const isDigit = (char: string): boolean => char >= '0' && char <= '9'

/**
 * An ACL of `LARGE OBJECTS first..last` holds the commands for one object; they are repeated for every object of the
 * group (IssueACLPerBlob, pg_backup_db.c).
 *
 * @throws ArchiveError ENTRY_NOT_FOUND when the group's BLOB METADATA entry is not in the archive
 */
export function putAclPerObject(session: ScriptSession, entry: TocEntry): void {
  const metadataId = entry.dependencies[0]
  const metadata = metadataId === undefined ? undefined : session.context.lookUp(metadataId)
  if (metadata === undefined) {
    const what = metadataId === undefined ? 'it depends on no entry' : `entry ${metadataId} is not in the archive`
    throw new ArchiveError('ENTRY_NOT_FOUND', `Cannot write SQL of entry ${entry.dumpId} (${entry.desc}): ${what}`, {
      dumpId: entry.dumpId,
      details: { pgRestore: `could not find entry for ID ${metadataId ?? 0}` },
    })
  }
  const text = entry.raw.byteString('defn') ?? ''
  requireRoomForGroup(session, metadata.raw.byteString('defn') ?? '', text.length)
  let inQuotes = false
  let start = 0
  let first: string | undefined
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at)
    if (char === '"') inQuotes = !inQuotes
    if (inQuotes) {
      at++
    } else if (text.startsWith('LARGE OBJECT ', at)) {
      at += 'LARGE OBJECT '.length
      first = text.slice(start, at)
      // the C code takes the first character after the blank for a digit without a look
      at++
      while (isDigit(text.charAt(at))) at++
      start = at
    } else if (char === ';') {
      const rest = text.slice(start, at)
      if (first !== undefined) putCommandPerObject(session, metadata, first, rest)
      // SET SESSION AUTHORIZATION and the like, of which the C code makes commands that no server takes
      else session.put(`${rest};\n`)
      at++
      while (/[ \t\n\v\f\r]/.test(text.charAt(at))) at++
      start = at
      first = undefined
    } else {
      at++
    }
  }
}

/** What --if-exists makes of a drop (DropLOIfExists, pg_backup_db.c). */
export function putUnlinkIfExists(session: ScriptSession, oid: number): void {
  session.put(`SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '${oid >>> 0}';\n`)
}

/** Lines before the data of one object (StartRestoreLO); archives before 1.12 create objects with their data. */
export function putObjectStart(session: ScriptSession, oid: number, createsObject: boolean): void {
  if (createsObject && session.context.options.clean) putUnlinkIfExists(session, oid)
  const target = createsObject ? `pg_catalog.lo_create('${oid}')` : `'${oid}'`
  session.put(`SELECT pg_catalog.lo_open(${target}, ${OPEN_FOR_WRITING});\n`)
}

/** The line after the data of one object (EndRestoreLO). */
export function putObjectEnd(session: ScriptSession): void {
  session.put('SELECT pg_catalog.lo_close(0);\n\n')
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))

/** The two digits of every byte. */
const digits = ascii('0123456789abcdef')

/**
 * Turns the bytes of one object into lowrite() calls of {@link BYTES_PER_WRITE} bytes each, whatever the chunks they
 * come in (ahwrite, dump_lo_buf, pg_backup_archiver.c).
 */
export class ObjectWriter {
  readonly #begin: Uint8Array
  readonly #end = ascii("');\n")
  /** Bytes of the object in the call that is open; 0 for no open call. */
  #inCall = 0

  constructor(stdStrings: boolean) {
    this.#begin = ascii(`SELECT pg_catalog.lowrite(0, '${stdStrings ? '' : '\\'}\\x`)
  }

  /** Room that {@link ObjectWriter.write} and {@link ObjectWriter.end} need at least, in bytes. */
  get minimumRoom(): number {
    return this.#begin.length + this.#end.length + 2
  }

  /**
   * Writes bytes [from, …) of `data` into `target` at `offset` as far as both allow. Call again with more room until
   * all is taken.
   */
  write(data: Uint8Array, from: number, target: Uint8Array, offset: number): { taken: number; written: number } {
    let at = from
    let to = offset
    while (at < data.length && target.length - to >= this.minimumRoom) {
      if (this.#inCall === 0) {
        target.set(this.#begin, to)
        to += this.#begin.length
      }
      const room = (target.length - to - this.#end.length) >> 1
      const count = Math.min(BYTES_PER_WRITE - this.#inCall, data.length - at, room)
      // by hand: hex of 16 KiB at a time is what restoring large objects costs
      for (const stop = at + count; at < stop; at++) {
        const byte = data[at] ?? 0
        target[to++] = digits[byte >> 4] ?? 0
        target[to++] = digits[byte & 15] ?? 0
      }
      this.#inCall += count
      if (this.#inCall === BYTES_PER_WRITE) {
        target.set(this.#end, to)
        to += this.#end.length
        this.#inCall = 0
      }
    }
    return { taken: at - from, written: to - offset }
  }

  /** Ends the open call, if any, and gives the number of bytes written. */
  end(target: Uint8Array, offset: number): number {
    if (this.#inCall === 0) return 0
    this.#inCall = 0
    target.set(this.#end, offset)
    return this.#end.length
  }
}
