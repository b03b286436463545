import type { Dirent } from 'node:fs'
import { fileURLToPath, fs, join } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { closeFile, fileStatus, hasCode, linkStatus, openFile, pathStatus, readSmallFile } from './descriptor.ts'
import { descriptorSource, type FileSource } from './source.ts'

/** What a name in a directory stands for. */
export interface DirectoryFile {
  /** Size in bytes; 0 for what is no regular file. */
  readonly size: number
  /** `other`: a directory, symbolic link, FIFO, socket or device, none of which an archive contains. */
  readonly kind: 'file' | 'other'
}

/**
 * The files of one directory by plain name. Names come out of archives, so nothing outside of the directory can be
 * reached: a name with a separator is refused, and so is a symbolic link, wherever it points to.
 */
export interface DirectoryAccess {
  /** As given, an URL as a path. */
  readonly path: string
  /** The names in the directory, sorted by UTF-16 units. */
  list(): Promise<readonly string[]>
  /** Undefined when there is no such name. @throws ArchiveError UNSAFE_FILE_NAME */
  stat(name: string): Promise<DirectoryFile | undefined>
  /**
   * Opens a regular file for random access; the caller closes it.
   * @throws ArchiveError UNSAFE_FILE_NAME for a name that is not plain or no regular file; ENOENT unwrapped
   */
  open(name: string): Promise<FileSource>
  /** The first of these names that there is, and what the regular file has, if it is small: see `readSmallFile`. */
  readSmall?(
    names: readonly string[],
    target: Uint8Array,
  ): { readonly name: string; readonly bytes: number } | undefined
}

/**
 * Throws unless `name` is the plain name of a file within a directory.
 * @throws ArchiveError UNSAFE_FILE_NAME
 */
export function checkPlainName(name: string): void {
  const problem =
    name === ''
      ? 'it is empty'
      : name === '.' || name === '..'
        ? 'it names a directory'
        : /[/\\]/.test(name)
          ? 'it has a path separator'
          : name.includes('\0')
            ? 'it has a NUL character'
            : undefined
  if (problem === undefined) return
  throw new ArchiveError(
    'UNSAFE_FILE_NAME',
    `Cannot use file name ${JSON.stringify(name)}: ${problem}, must be plain`,
    {
      file: name,
      hint: 'The archive is damaged or was made to reach files outside of its directory',
    },
  )
}

/** Opens a directory for reading. File-system errors pass through unwrapped. */
export async function openDirectory(path: string | URL): Promise<DirectoryAccess> {
  const directory = path instanceof URL ? fileURLToPath(path) : path
  const status = await pathStatus(directory)
  if (!status.isDirectory()) {
    throw new ArchiveError('USAGE', `Cannot open "${directory}" as a directory: it is a file`, { file: directory })
  }
  return {
    path: directory,
    async list() {
      return (await fs.promises.readdir(directory)).sort()
    },
    async stat(name) {
      checkPlainName(name)
      const found = await linkStatus(join(directory, name))
      if (found === undefined) return undefined
      return found.isFile() ? { size: found.size, kind: 'file' } : { size: 0, kind: 'other' }
    },
    async open(name) {
      checkPlainName(name)
      return await openPlainFile(join(directory, name), name)
    },
    readSmall(names, target) {
      for (const name of names) {
        checkPlainName(name)
        const bytes = readSmallFile(join(directory, name), target, names.length > 1)
        if (bytes === undefined) return undefined
        if (bytes !== null) return { name, bytes }
      }
      return undefined
    },
  }
}

async function openPlainFile(path: string, name: string): Promise<FileSource> {
  // lstat for the platforms without O_NOFOLLOW; there the open below could still be raced, elsewhere it decides.
  const listed = await linkStatus(path)
  if (listed?.isFile() === false) throw notPlain(name, kindOf(listed))
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  const descriptor = await openFile(path, O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw hasCode(error, 'ELOOP') ? notPlain(name, 'a symbolic link') : error
  })
  try {
    const status = await fileStatus(descriptor)
    if (!status.isFile()) throw notPlain(name, kindOf(status))
    return descriptorSource(descriptor, status.size, path)
  } catch (error) {
    await closeFile(descriptor)
    throw error
  }
}

function kindOf(entry: Pick<Dirent, 'isSymbolicLink' | 'isDirectory'>): string {
  if (entry.isSymbolicLink()) return 'a symbolic link'
  return entry.isDirectory() ? 'a directory' : 'a special file'
}

function notPlain(name: string, kind: string): ArchiveError {
  return new ArchiveError('UNSAFE_FILE_NAME', `Cannot open "${name}": it is ${kind}, must be a regular file`, {
    file: name,
    hint: kind === 'a symbolic link' ? 'Replace the link by a copy of the file if you trust it' : undefined,
  })
}
