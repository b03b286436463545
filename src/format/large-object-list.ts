import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DumpId } from '../toc/types.ts'

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
}

/** pg_restore reads lines into a buffer of MAXPGPATH bytes. */
const maxLineBytes = 1023

const linePattern = /^\s*([0-9]{1,10})\s+(\S+)/

/**
 * Reads the list of a group's large objects (_LoadLOs, pg_backup_directory.c): `OID FILE` on each line, whatever
 * follows is ignored.
 *
 * @throws ArchiveError BAD_LARGE_OBJECT_TOC
 */
export async function* readLargeObjectList(
  source: ChunkSource,
  origin: ListOrigin,
): AsyncGenerator<LargeObjectLine, void, void> {
  let rest = ''
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
    const lines = (rest + decodeByteString(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield parseLine(line, '\n', origin)
    if (rest.length > maxLineBytes) throw badLine(rest, '', origin)
  }
  if (rest !== '') yield parseLine(rest, '', origin)
}

function parseLine(line: string, end: string, origin: ListOrigin): LargeObjectLine {
  const [, digits = '', file = ''] = (line.length <= maxLineBytes ? linePattern.exec(line) : null) ?? []
  const oid = Number(digits)
  if (file === '' || oid === 0 || oid > 0xffff_ffff) throw badLine(line, end, origin)
  return { oid, file }
}

function badLine(line: string, end: string, { dumpId, name, prefix }: ListOrigin): ArchiveError {
  const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line
  return new ArchiveError(
    'BAD_LARGE_OBJECT_TOC',
    `Cannot read the large objects of TOC entry ${dumpId}: ${name} has the line ${JSON.stringify(shown)}, must be an OID and a file name`,
    {
      dumpId,
      file: name,
      details: { pgRestore: `invalid line in large object TOC file "${prefix}${name}": "${line}${end}"` },
    },
  )
}
