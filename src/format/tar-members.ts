import type { Container } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DumpId } from '../toc/types.ts'
import { fileNames } from './directory-files.ts'
import { hints } from './hints.ts'
import type { TarTail } from './layout.ts'
import type { StoredAtHand } from './stored-data.ts'
import type { TarMember } from './tar-walker.ts'

/** A member that was looked for, and the compression that its name tells (none, unless a directory archive was packed). */
export interface FoundMember {
  readonly member: TarMember
  readonly container: Container
}

/** The members of a tar archive: of a file that can be read anywhere, or of a stream. Names are relative to toc.dat. */
export interface TarMembers {
  readonly seekable: boolean
  /** Finds toc.dat, plain or compressed, and the folder that all names are relative to. */
  findToc(): Promise<FoundMember>
  /**
   * The member with a recorded name.
   * @param action what it is wanted for, as in `read data of TOC entry 12`
   * @throws ArchiveError MISSING_DATA_FILE, DATA_OUT_OF_ORDER, BAD_TAR, UNEXPECTED_EOF
   */
  find(name: string, action: string, dumpId: DumpId): Promise<FoundMember>
  /** What a member holds, if it is small and in memory by now. */
  atHand?(name: string): StoredAtHand | undefined
  /** The member after this one, or the first one that is left when not given; null after the last. */
  after(member: TarMember | undefined): Promise<TarMember | null>
  /** The data of a member that was just found. @throws ArchiveError BAD_TAR for what is no regular file */
  open(member: TarMember): Promise<ChunkSource>
  /** The header block of a member as stored; undefined on forward-only input, which is past it. */
  readHeader(member: TarMember): Promise<Uint8Array | undefined>
  /** The whole file byte for byte; absent on forward-only input. */
  verbatim?(): ChunkSource
  /** What comes after the last member; forward-only input is read to its end, and nothing else can be asked for then. */
  tail(signal: AbortSignal | undefined): Promise<TarTail>
  /** Entries whose data will be asked for; replaces what was said before. */
  expect(dumpIds: ReadonlySet<DumpId>): void
  close(): Promise<void>
}

const tocPattern = /^(.*\/)?toc\.dat(?:\.gz|\.lz4|\.zst)?$/s

/** The folder of a member that can be the table of contents, `''` at the top; undefined for any other member. */
export function tocFolder(member: TarMember): string | undefined {
  const found = member.kind === 'file' ? tocPattern.exec(member.name) : null
  return found === null ? undefined : (found[1] ?? '')
}

/** A member of `folder`, by its name in there. */
export function relativeTo(folder: string, member: TarMember): TarMember {
  return folder === '' ? member : { ...member, name: member.name.slice(folder.length) }
}

/** What macOS and directories add to an archive: nothing that anybody looks for. */
export function isIgnored({ kind, name }: TarMember): boolean {
  return kind === 'directory' || /(?:^|\/)\._[^/]*$/.test(name) || /(?:^|\/)\.DS_Store$/.test(name)
}

/** The compression of a member called `stored` when it is the one recorded as `name`; undefined when it is not. */
export function containerFor(stored: string, name: string): Container | undefined {
  if (!stored.startsWith(name)) return undefined
  return fileNames(name).find(([candidate]) => candidate === stored)?.[1]
}

/** Only plain members have data: a link would lead elsewhere. @throws ArchiveError BAD_TAR */
export function checkPlainMember(member: TarMember): void {
  if (member.kind === 'file') return
  const what = member.kind === 'link' ? 'a link' : 'a special file'
  throw new ArchiveError('BAD_TAR', `Cannot read tar member "${member.name}": it is ${what}, must be a regular file`, {
    offset: member.offset,
    file: member.name,
    hint: 'pg_dump does not write such members: pack the files themselves',
  })
}

/** An archive without toc.dat. */
export function noTocMember(names: readonly string[]): ArchiveError {
  const shown = names.slice(0, 3).map((name) => JSON.stringify(name))
  const holds = shown.length === 0 ? 'it is empty' : `it holds ${shown.join(', ')}${names.length > 3 ? ', …' : ''}`
  const packed = names.find((name) => /\.(?:dump|backup|pgdump|custom|bak|sql)(?:\.gz|\.zst|\.lz4)?$/i.test(name))
  return new ArchiveError('NOT_AN_ARCHIVE', `Cannot open the tar file: it has no toc.dat, ${holds}`, {
    hint: packed === undefined ? 'Archives in tar format are made by pg_dump -Ft' : `Extract ${packed} and open that`,
    file: 'toc.dat',
    details: { pgRestore: 'could not find header for file "toc.dat" in tar archive' },
  })
}

/** A member that must be there is not. */
export function missingMember(name: string, action: string, dumpId: DumpId): ArchiveError {
  return new ArchiveError('MISSING_DATA_FILE', `Cannot ${action}: the tar archive has no member "${name}"`, {
    dumpId,
    file: name,
    hint: name.startsWith('blobs')
      ? 'The archive was packed again without this list, or is incomplete'
      : hints.incomplete,
    details: { file: name, pgRestore: `could not find header for file "${name}" in tar archive` },
  })
}
