import { fs, join } from '#io/platform'
import { hasCode } from './descriptor.ts'

/*
 * Names of files and directories that are being made: `.pgdmp-BOOT-SPACES-PID-START-RANDOM.tmp`. They say which process
 * makes them, in terms that cannot be mistaken: the start of the kernel it runs on, the spaces its process number and
 * its clock belong to, the number, and when the process began. A later run removes what a dead process has left. Where
 * the system does not tell such things (any but Linux), and for what was made before the machine started or in another
 * container, nothing is removed: nobody can know whether its maker is alive.
 */

/** A process, by what sets it apart from every other one that is alive. */
interface Maker {
  /** The kernel since it started, and the space of process numbers; the same for all whose life can be judged. */
  readonly world: string
  readonly process: string
  readonly start: string
}

const NAME = /^\.pgdmp-([0-9a-f]{12}-[0-9a-f]+)-(\d+)-(\d+)-[0-9a-f]{16}\.tmp$/

let self: Promise<Maker | undefined> | undefined
const cleaned = new Set<string>()

async function findSelf(): Promise<Maker | undefined> {
  try {
    const boot = (await fs.promises.readFile('/proc/sys/kernel/random/boot_id', 'latin1')).replace(/[^0-9a-f]/g, '')
    const spaces = (await spaceOf('pid')) + (await spaceOf('time'))
    const id = await fs.promises.readlink('/proc/self')
    const start = await startOf(id)
    if (boot.length < 12 || spaces === '' || start === undefined || !/^\d+$/.test(id)) return undefined
    return { world: `${boot.slice(0, 12)}-${spaces}`, process: id, start }
  } catch {
    return undefined
  }
}

/** The number of a namespace of this process, hexadecimal; empty where the kernel has none of this kind. */
async function spaceOf(kind: 'pid' | 'time'): Promise<string> {
  try {
    const link = await fs.promises.readlink(`/proc/self/ns/${kind}`)
    return Number(/\[(\d+)\]/.exec(link)?.[1] ?? 0).toString(16)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  }
}

/** When a process began, in ticks of the kernel's clock; undefined for one that is not there. */
async function startOf(id: string): Promise<string | undefined> {
  try {
    const status = await fs.promises.readFile(`/proc/${id}/stat`, 'latin1')
    // The second field is a name in parentheses that can hold anything; the start is the 22nd.
    const start = status.slice(status.lastIndexOf(')') + 2).split(' ')[19]
    if (start !== undefined && /^\d+$/.test(start)) return start
    throw new Error(`/proc/${id}/stat is of an unknown shape`)
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined
    throw error
  }
}

/** A name for what is being made, in any directory. */
export async function temporaryName(): Promise<string> {
  self ??= findSelf()
  const maker = await self
  const random = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
  if (maker === undefined) return `.pgdmp-${random}.tmp`
  return `.pgdmp-${maker.world}-${maker.process}-${maker.start}-${random}.tmp`
}

/**
 * Removes what earlier runs under the same user have left in `directory`, if their processes are dead for certain; once
 * in the life of this process. Never fails: what cannot be removed stays.
 */
export async function removeLeftovers(directory: string): Promise<void> {
  if (cleaned.has(directory)) return
  cleaned.add(directory)
  try {
    self ??= findSelf()
    const maker = await self
    if (maker === undefined) return
    const user = (await fs.promises.stat('/proc/self')).uid
    for await (const { name } of await fs.promises.opendir(directory)) {
      const [, world, id, start] = NAME.exec(name) ?? []
      if (world !== maker.world || id === undefined || (await startOf(id)) === start) continue
      await removeLeftover(join(directory, name), user)
    }
  } catch {
    // Not being able to clean up keeps nobody from writing.
  }
}

/**
 * A file, or a directory of plain files. Of others nothing is touched: of another user (whose processes may be
 * hidden from this one), and of another shape than this program makes.
 */
async function removeLeftover(path: string, user: number): Promise<void> {
  try {
    const status = await fs.promises.lstat(path)
    if (status.uid !== user) return
    if (status.isFile()) return await fs.promises.unlink(path)
    if (status.isDirectory()) await removeFlat(path)
  } catch {
    // Somebody else may be cleaning up as well.
  }
}

/** Removes a directory that holds plain files only; any other stays as it is. */
export async function removeFlat(path: string): Promise<void> {
  const members = await fs.promises.readdir(path, { withFileTypes: true })
  if (!members.every((member) => member.isFile())) return
  for (const { name } of members) await fs.promises.rm(join(path, name), { force: true })
  await fs.promises.rmdir(path)
}
