import { dirname, fileURLToPath, fs } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import type { ArchiveOutput } from './output.ts'

/**
 * Refuses an output that would come to lie within a directory that is being read, at whatever depth and by whatever
 * links: its files would no longer be those of the archive. The directory itself may be replaced, as a whole.
 *
 * @throws ArchiveError USAGE
 */
export async function refuseOutputWithin(output: ArchiveOutput, directory: string): Promise<void> {
  if (typeof output !== 'string' && !(output instanceof URL)) return
  const path = output instanceof URL ? fileURLToPath(output) : output
  const around = await realPath(directory)
  // what cannot be found fails when it is opened, with the system's own error
  for (let place = await realPath(dirname(path)); place !== undefined; place = parentOf(place)) {
    if (place === around) {
      throw new ArchiveError('USAGE', `Cannot write "${path}": it lies within the archive "${directory}"`, {
        file: path,
        hint: 'Choose a place outside of the directory that is read',
      })
    }
  }
}

function parentOf(place: string): string | undefined {
  const parent = dirname(place)
  return parent === place ? undefined : parent
}

async function realPath(path: string): Promise<string | undefined> {
  return await fs.promises.realpath(path).catch(() => undefined)
}

/**
 * Refuses an output that is the input, or a file in `directory`, by whatever name: it would be replaced.
 *
 * @throws ArchiveError USAGE
 */
export async function refuseOutputOver(output: ArchiveOutput, input: string, directory?: string): Promise<void> {
  if (typeof output !== 'string' && !(output instanceof URL)) return
  const path = output instanceof URL ? fileURLToPath(output) : output
  const [written, read] = await Promise.all([identityOf(path), identityOf(input)])
  if (written === undefined) return
  const isIn = directory !== undefined && dirname((await realPath(path)) ?? '') === (await realPath(directory))
  if (written !== read && !isIn) return
  const what = written === read ? 'the archive that is read' : `a file in the archive "${directory}"`
  throw new ArchiveError('USAGE', `Cannot write "${path}": it is ${what}`, {
    file: path,
    hint: 'Choose another name for the output',
  })
}

async function identityOf(path: string): Promise<string | undefined> {
  const status = await fs.promises.stat(path).catch(() => undefined)
  // devices and pipes are not replaced
  return status === undefined || !(status.isFile() || status.isDirectory()) ? undefined : `${status.dev}:${status.ino}`
}
