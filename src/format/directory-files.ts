import type { Container } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import { raiseHint } from '../limits.ts'
import type { DirectoryAccess } from '../io/directory.ts'
import type { LayoutFile } from './layout.ts'
import type { DumpId } from '../toc/types.ts'

/** A file of a directory archive, with the compression that its name tells. */
export interface ArchiveFile {
  /** Its name in the directory, suffix included. */
  readonly name: string
  readonly container: Container
  readonly size: number
}

/** The suffixes in the order in which pg_restore looks for them (InitDiscoverCompressFileHandle, compress_io.c). */
const suffixes: readonly (readonly [suffix: string, container: Container])[] = [
  ['', 'none'],
  ['.gz', 'gzip'],
  ['.lz4', 'lz4'],
  ['.zst', 'zstd'],
]

/** All the names under which a file recorded as `name` may lie in an archive. */
export function fileNames(name: string): readonly (readonly [name: string, container: Container])[] {
  return suffixes.map(([suffix, container]) => [name + suffix, container] as const)
}

/** The compression that a file name's suffix tells; raw without one. */
export function containerOfSuffix(suffix: string | undefined): Container {
  return suffixes.find(([known]) => known === suffix)?.[1] ?? 'none'
}

/** What of a file recorded as `name` has been read into `target` at once, if it is small and a sound one of its kind. */
export function smallFile(
  dir: DirectoryAccess,
  name: string,
  known: ArchiveFile | undefined,
  target: Uint8Array,
): { readonly bytes: Uint8Array; readonly container: Container } | undefined {
  if (!safeName.test(name)) return undefined
  const names = known === undefined ? fileNames(name).map(([candidate]) => candidate) : [known.name]
  const found = dir.readSmall?.(names, target)
  if (found === undefined) return undefined
  const bytes = target.subarray(0, found.bytes)
  const container = containerOfSuffix(found.name.slice(name.length))
  // an empty file, or one that is no gzip file, is another matter
  if (container !== 'none' && (bytes.length < 2 || (container === 'gzip' && !beginsGzip(bytes)))) return undefined
  return { bytes, container }
}

/** zlib's own reader of .gz files, which pg_restore uses, gives a file that is none as it is. */
export function beginsGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

const safeName = /^(?:[0-9]+\.dat|blobs(?:_[0-9]+)?\.toc|blob_[0-9]+\.dat)$/

/** A stored name without its suffix. */
function recordedName(name: string): string {
  const suffix = suffixes.find(([known]) => known !== '' && name.endsWith(known))?.[0] ?? ''
  return name.slice(0, name.length - suffix.length)
}

/**
 * Lets only names through that pg_dump gives to files: pg_restore opens whatever is recorded, `../` included.
 * @throws ArchiveError UNSAFE_FILE_NAME, LIMIT_EXCEEDED
 */
export function checkFileName(name: string, dumpId: DumpId, maxBytes: number): void {
  if (name.length > maxBytes) {
    throw new ArchiveError(
      'LIMIT_EXCEEDED',
      `Cannot read data of TOC entry ${dumpId}: its file name has ${name.length} bytes, the limit fileNameBytes is ${maxBytes}`,
      {
        dumpId,
        details: { limit: 'fileNameBytes', max: maxBytes, observed: name.length },
        hint: raiseHint('fileNameBytes'),
      },
    )
  }
  if (safeName.test(name)) return
  throw new ArchiveError(
    'UNSAFE_FILE_NAME',
    `Cannot read data of TOC entry ${dumpId}: its file name is ${JSON.stringify(name)}, must be like ${dumpId}.dat`,
    {
      dumpId,
      file: name,
      hint: 'pg_dump does not write such names: the archive may have been made to read other files',
    },
  )
}

/** The file recorded as `name`, compressed or not; undefined when there is none. */
export async function findFile(dir: DirectoryAccess, name: string): Promise<ArchiveFile | undefined> {
  for (const [candidate, container] of fileNames(name)) {
    const found = await dir.stat(candidate)
    if (found === undefined) continue
    // writers of lz4 and zstd that never got data leave files of no bytes, the one of gzip does not
    const empty = found.kind === 'file' && found.size === 0 && container !== 'gzip'
    return {
      name: candidate,
      container: empty ? 'none' : container,
      size: found.size,
    }
  }
  return undefined
}

/** Files whose sizes are asked for at a time: as many as file systems answer side by side. */
const statsAtOnce = 32

/** Sizes of an archive's files by name, toc.dat included; what else lies in the directory does not count. */
export async function fileSizes(
  dir: DirectoryAccess,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number>> {
  const listed = await dir.list()
  const names = listed.map((name) => ({ name, recorded: recordedName(name) }))
  const own = names.filter(({ recorded }) => recorded === 'toc.dat' || safeName.test(recorded))
  const sizes = new Map<string, number>()
  for (let at = 0; at < own.length; at += statsAtOnce) {
    signal?.throwIfAborted()
    const stats = own.slice(at, at + statsAtOnce).map(async ({ name }) => ({ name, file: await dir.stat(name) }))
    for (const { name, file } of await Promise.all(stats)) if (file?.kind === 'file') sizes.set(name, file.size)
  }
  return sizes
}

/** Everything in a directory, whatever it is. */
export async function allFiles(dir: DirectoryAccess, signal: AbortSignal | undefined): Promise<readonly LayoutFile[]> {
  const names = await dir.list()
  const files: LayoutFile[] = []
  for (let at = 0; at < names.length; at += statsAtOnce) {
    signal?.throwIfAborted()
    const stats = names.slice(at, at + statsAtOnce).map(async (name) => ({ name, found: await dir.stat(name) }))
    for (const { name, found } of await Promise.all(stats)) {
      if (found !== undefined) files.push({ name, size: found.size, isFile: found.kind === 'file' })
    }
  }
  return files
}

/** The size of the file recorded as `name`, compressed or not; undefined when there is none. */
export function sizeIn(sizes: ReadonlyMap<string, number>, name: string): number | undefined {
  for (const [candidate] of fileNames(name)) {
    const size = sizes.get(candidate)
    if (size !== undefined) return size
  }
  return undefined
}

/**
 * A file that the archive must have is not there.
 * @param pgRestore what pg_restore prints instead of the path
 */
export function missingFile(action: string, name: string, dumpId: DumpId, pgRestore: string): ArchiveError {
  const tried = fileNames(name).map(([candidate]) => candidate)
  return new ArchiveError('MISSING_DATA_FILE', `Cannot ${action}: there is none of the files ${tried.join(', ')}`, {
    dumpId,
    file: name,
    hint: 'The directory is incomplete: the dump or a copy of it was cut short',
    details: { file: name, tried, pgRestore },
  })
}

/** What stands for the directory of a toc.dat that came without one. */
export const noDirectory: DirectoryAccess = {
  path: '',
  list: async () => [],
  stat: async () => undefined,
  open: async (name) => {
    throw new ArchiveError('MISSING_DATA_FILE', `Cannot open "${name}": toc.dat was opened without its directory`, {
      file: name,
      hint: 'Open the directory',
    })
  },
}
