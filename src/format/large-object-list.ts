import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DumpId } from '../toc/types.ts'
import type { ExpectedObjects } from './expected-objects.ts'
import { hints } from './hints.ts'
import { listContext } from './stored-data.ts'

/** A line of blobs.toc or blobs_<dumpId>.toc. */
export interface LargeObjectLine {
  /** Unsigned 32-bit OID. */
  readonly oid: number
  /** File name without suffix, unchecked. */
  readonly file: string
}

/** Where a list comes from, for errors. */
export interface ListOrigin {
  readonly dumpId: DumpId
  readonly name: string
  /** The directory as pg_restore would show it, with a slash; empty where there is none. */
  readonly prefix: string
  readonly expected: ExpectedObjects
}

/** pg_restore reads lines into a buffer of MAXPGPATH bytes. */
const maxLineBytes = 1023

const linePattern = /^\s*([0-9]{1,10})\s+(\S+)/

/**
 * Reads the list of a group's large objects (_LoadLOs, pg_backup_directory.c): `OID FILE` on each line, whatever
 * follows is ignored. pg_restore takes a list that was cut between two lines for a whole one.
 *
 * @throws ArchiveError BAD_LARGE_OBJECT_TOC, UNEXPECTED_EOF
 */
export async function* readLargeObjectList(
  source: ChunkSource,
  origin: ListOrigin,
): AsyncGenerator<LargeObjectLine, void, void> {
  let rest = ''
  let count = 0
  const missing = new Set(origin.expected.oids)
  const take = (line: string, end: string): LargeObjectLine => {
    const taken = parseLine(line, end, origin)
    count++
    missing.delete(taken.oid)
    return taken
  }
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
    const lines = (rest + decodeByteString(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield take(line, '\n')
    if (rest.length > maxLineBytes) throw badLine(rest, '', origin)
  }
  if (rest !== '') yield take(rest, '')
  if (count < origin.expected.count || missing.size > 0) throw cutList(count, missing, origin)
}

function parseLine(line: string, end: string, origin: ListOrigin): LargeObjectLine {
  const [, digits = '', file = ''] = (line.length <= maxLineBytes ? linePattern.exec(line) : null) ?? []
  const oid = Number(digits)
  if (file === '' || oid === 0 || oid > 0xffff_ffff) throw badLine(line, end, origin)
  return { oid, file }
}

function cutList(count: number, missing: ReadonlySet<number>, { dumpId, name, expected }: ListOrigin): ArchiveError {
  const [oid] = missing
  const among = oid === undefined ? '' : `, ${oid} among them`
  return new ArchiveError(
    'UNEXPECTED_EOF',
    `Cannot ${listContext(dumpId).action}: "${name}" lists ${count} large objects, must list ${expected.count} or more${among}`,
    { dumpId, file: name, hint: hints.incomplete },
  )
}

function badLine(line: string, end: string, { dumpId, name, prefix }: ListOrigin): ArchiveError {
  const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line
  return new ArchiveError(
    'BAD_LARGE_OBJECT_TOC',
    `Cannot ${listContext(dumpId).action}: "${name}" has the line ${JSON.stringify(shown)}, must be an OID and a file name`,
    {
      dumpId,
      file: name,
      details: { pgRestore: `invalid line in large object TOC file "${prefix}${name}": "${line}${end}"` },
    },
  )
}
