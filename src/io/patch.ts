import { fileURLToPath, dirname, fs, join } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { closeFile, fileStatus, flushDirectory, flushFile, hasCode, openFile, writeFully } from './descriptor.ts'
import { createFile } from './new-file.ts'
import { descriptorSource, type RandomAccess } from './source.ts'
import { removeLeftovers, temporaryName } from './temporary.ts'

/*
 * Overwriting a part of a file in place is not atomic: after a crash any of its sectors may be old or new. So what is
 * there and what is to be there are put into a file beside it first, its name that of the file with `.pgdmp-patch`
 * behind it, and stay until the file has been synced. Whoever opens the file for patching next completes the work.
 *
 * The file: a line of text, `pgdmp-patch 1 OFFSET LENGTH FILE-SIZE`, LENGTH old bytes, LENGTH new bytes.
 */

const suffix = '.pgdmp-patch'
const headLine = /^pgdmp-patch 1 (\d+) (\d+) (\d+)\n/

/** Longer than any line of a patch file. */
const HEAD_BYTES = 128

/** A part of a file, as it is and as it is to be. */
interface Patch {
  readonly offset: number
  readonly before: Uint8Array
  readonly after: Uint8Array
}

/** A file of which parts can be replaced by as many bytes. */
export interface PatchableFile extends RandomAccess {
  /** The file, symbolic links resolved. */
  readonly path: string
  /** An earlier run had been ended on the way, and has been completed. */
  readonly completed: boolean
  /** Replaces `before`, which must be there, by `after`, so that nothing but one of them is there after a crash and a next run. */
  patch(offset: number, before: Uint8Array, after: Uint8Array): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a regular file for patching, and completes what an earlier run could not.
 * @throws ArchiveError USAGE when it is no path or no regular file, CHECKSUM_MISMATCH when the patch of an earlier run belongs to
 *   another file; file-system errors unwrapped
 */
export async function openPatchable(path: string | URL): Promise<PatchableFile> {
  // from JavaScript anything may come
  const given: unknown = path
  if (given === '' || !(typeof given === 'string' || given instanceof URL)) {
    const shown = given === '' ? 'empty' : given === null ? 'null' : `of type ${typeof given}`
    throw new ArchiveError('USAGE', `Cannot change a file in place: its path is ${shown}, must name a file`)
  }
  const name = await fs.promises.realpath(path instanceof URL ? fileURLToPath(path) : path)
  const descriptor = await openFile(name, fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0))
  try {
    const status = await fileStatus(descriptor)
    if (!status.isFile()) {
      throw new ArchiveError('USAGE', `Cannot change "${name}" in place: it is not a regular file`, { file: name })
    }
    const source = descriptorSource(descriptor, status.size, name)
    const patchName = name + suffix
    const unfinished = await readPatch(patchName, status.size)
    if (unfinished !== undefined) await complete(source, unfinished, patchName)
    return {
      ...source,
      completed: unfinished !== undefined,
      async patch(offset, before, after) {
        const patch = { offset, before, after }
        await checkPlace(source, patch, name)
        await savePatch(patchName, patch, status.size)
        await apply(patch, patchName)
      },
    }
  } catch (error) {
    await closeFile(descriptor)
    throw error
  }

  async function complete(source: RandomAccess, patch: Patch, patchName: string): Promise<void> {
    await checkPlace(source, patch, name)
    await apply(patch, patchName)
    // that run may have been ended before it took the other name of its patch away
    await removeLeftovers(dirname(name))
  }

  async function apply({ offset, after }: Patch, patchName: string): Promise<void> {
    await writeFully(descriptor, after, offset)
    await flushFile(descriptor)
    await fs.promises.unlink(patchName)
    await flushDirectory(dirname(name))
  }
}

/** Each byte must be the old or the new one. */
async function checkPlace(source: RandomAccess, { offset, before, after }: Patch, file: string): Promise<void> {
  const found = await source.read(offset, before.length)
  const isOurs =
    found.length === before.length && found.every((byte, index) => byte === before[index] || byte === after[index])
  if (isOurs) return
  throw new ArchiveError(
    'CHECKSUM_MISMATCH',
    `Cannot change "${file}" in place: bytes ${offset} to ${offset + before.length} are not those that are to be replaced`,
    {
      file,
      offset,
      hint: `If the file was replaced after a crash, remove "${file}${suffix}"`,
    },
  )
}

/** The patch of an earlier run. @throws ArchiveError CHECKSUM_MISMATCH when it is not of this file */
async function readPatch(name: string, size: number): Promise<Patch | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await fs.promises.readFile(name)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  const [line = '', ...numbers] = headLine.exec(new TextDecoder('latin1').decode(bytes.subarray(0, HEAD_BYTES))) ?? []
  const [offset = 0, length = 0, fileSize = 0] = numbers.map(Number)
  if (line !== '' && fileSize === size && bytes.length === line.length + 2 * length) {
    const start = line.length
    return { offset, before: bytes.subarray(start, start + length), after: bytes.subarray(start + length) }
  }
  throw new ArchiveError('CHECKSUM_MISMATCH', `Cannot use "${name}": it is no patch of a file of ${size} bytes`, {
    file: name,
    hint: 'An earlier run left it to repair the file beside it: if that was replaced meanwhile, remove it',
  })
}

/** Unlike a rename, a link fails if somebody else is at it; but not every file system has them. */
async function giveName(temporary: string, name: string): Promise<void> {
  try {
    await fs.promises.link(temporary, name)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) return await fs.promises.rename(temporary, name)
    throw new ArchiveError('USAGE', `Cannot write "${name}": it is there, another run may be changing the same file`, {
      cause: error,
      file: name,
    })
  }
}

/** The patch gets its name when it is whole and on the disk. */
async function savePatch(name: string, { offset, before, after }: Patch, size: number): Promise<void> {
  const directory = dirname(name)
  await removeLeftovers(directory)
  const temporary = join(directory, await temporaryName())
  const file = await createFile(temporary, 0o600)
  try {
    await file.write(new TextEncoder().encode(`pgdmp-patch 1 ${offset} ${before.length} ${size}\n`))
    await file.write(before)
    await file.write(after)
    await file.drain()
    await flushFile(file.descriptor)
    await file.close()
    await giveName(temporary, name)
  } finally {
    await file.discard()
    await fs.promises.unlink(temporary).catch(() => undefined)
  }
  await flushDirectory(directory)
}
