import type { Stats } from 'node:fs'
import { basename, dirname, fileURLToPath, fs, join } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { closeFile, flushDirectory, flushFile, hasCode, openFile } from './descriptor.ts'
import { checkPlainName } from './directory.ts'
import { createFile } from './new-file.ts'
import { overwriteHint, type DirectorySink, type DirectorySinkOptions, type Sink } from './output.ts'
import { removeFlat, removeLeftovers, temporaryName } from './temporary.ts'

/** As pg_dump makes it: for its owner alone. */
const MODE = 0o700
const MODE_BITS = 0o7777
/** Files flushed at a time. */
const FLUSHES = 8
/** A directory with one of these and nothing but files is an archive. */
const TOC_NAMES: ReadonlySet<string> = new Set(['toc.dat', 'toc.dat.gz', 'toc.dat.lz4', 'toc.dat.zst'])

/** A directory on a disk that is being made. */
export interface UnnamedDirectory extends DirectorySink {
  /** Where it is until it gets its name, for a program that puts files into it by itself and flushes them. */
  readonly path: string
}

/** Where the directory is to be, and what is there already. */
interface Target {
  readonly path: string
  readonly existing: Stats | undefined
  /** There is an archive, which is to be replaced. */
  readonly replace: boolean
}

/**
 * Opens a directory for writing: it is made under a temporary name beside its place and renamed by `commit`. File-system
 * errors pass through unwrapped.
 *
 * @throws ArchiveError USAGE when there is something that must not be replaced
 */
export async function openDirectorySink(
  output: string | URL,
  options: DirectorySinkOptions = {},
): Promise<UnnamedDirectory> {
  options.signal?.throwIfAborted()
  const target = await inspect(output instanceof URL ? fileURLToPath(output) : output, options.overwrite ?? 'refuse')
  const parent = dirname(target.path)
  await removeLeftovers(parent)
  const path = join(parent, await temporaryName())
  await fs.promises.mkdir(path, MODE)
  return new NewDirectory(path, target, options)
}

async function inspect(path: string, overwrite: 'replace' | 'refuse'): Promise<Target> {
  let found: string
  try {
    found = await fs.promises.realpath(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    const parent = await fs.promises.realpath(dirname(path))
    if (await isLink(path)) throw refusal(path, 'it is a symbolic link that leads nowhere', 'Remove the link')
    return { path: join(parent, basename(path)), existing: undefined, replace: false }
  }
  const existing = await fs.promises.stat(found)
  if (!existing.isDirectory()) throw refusal(path, 'it is a file, must be new or a directory')
  const { dev } = await fs.promises.stat(dirname(found))
  if (dev !== existing.dev || dirname(found) === found) {
    throw refusal(path, 'a file system is mounted there, which cannot be replaced', 'Name a new directory below it')
  }
  const members = await fs.promises.readdir(found, { withFileTypes: true })
  if (members.length === 0) return { path: found, existing, replace: false }
  if (overwrite === 'refuse') {
    throw refusal(path, 'the directory is not empty, must be new or empty', overwriteHint)
  }
  const archive = members.every((member) => member.isFile()) && members.some((member) => TOC_NAMES.has(member.name))
  if (!archive) {
    throw refusal(path, 'the directory holds more than an archive, only an archive is replaced', 'Choose another name')
  }
  // told now, not when all is written: the old archive is removed in the end
  await fs.promises.access(found, fs.constants.W_OK | fs.constants.X_OK)
  return { path: found, existing, replace: true }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await fs.promises.lstat(path)).isSymbolicLink()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

function refusal(path: string, what: string, hint?: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot write directory "${path}": ${what}`, { file: path, hint })
}

class NewDirectory implements UnnamedDirectory {
  readonly path: string
  readonly #target: Target
  readonly #options: DirectorySinkOptions
  readonly #open = new Map<string, Sink>()
  readonly #whole: string[] = []
  #over = false

  constructor(path: string, target: Target, options: DirectorySinkOptions) {
    this.path = path
    this.#target = target
    this.#options = options
  }

  async file(name: string): Promise<Sink> {
    const { signal } = this.#options
    signal?.throwIfAborted()
    checkPlainName(name)
    const path = join(this.path, name)
    const file = await createFile(path, 0o666)
    const sink: Sink = {
      get position() {
        return file.position
      },
      async write(chunk) {
        signal?.throwIfAborted()
        await file.write(chunk)
      },
      async writeAt(chunk, offset) {
        signal?.throwIfAborted()
        await file.writeAt(chunk, offset)
      },
      commit: async () => {
        signal?.throwIfAborted()
        await file.drain()
        await file.close()
        this.#whole.push(name)
        this.#open.delete(name)
      },
      abort: async () => {
        if (!this.#open.has(name)) return
        await file.discard()
        await fs.promises.unlink(path).catch(() => undefined)
        this.#open.delete(name)
      },
    }
    this.#open.set(name, sink)
    return sink
  }

  async commit(): Promise<void> {
    this.#options.signal?.throwIfAborted()
    const [open] = this.#open.keys()
    if (open !== undefined) {
      throw new ArchiveError('USAGE', `Cannot finish directory "${this.#target.path}": ${open} is still being written`)
    }
    const { existing, path } = this.#target
    if (this.#options.sync !== false) {
      await this.#flush()
      await flushDirectory(this.path)
    }
    if (existing !== undefined) await this.#keepMode(existing)
    const aside = this.#target.replace ? await this.#replace() : await this.#rename()
    this.#over = true
    try {
      if (this.#options.sync !== false) await flushDirectory(dirname(path))
    } finally {
      // not before the new archive is on the disk under its name
      if (aside !== undefined) await removeFlat(aside)
    }
  }

  /** Once all is written, so that the kernel can write it in the order it likes. */
  async #flush(): Promise<void> {
    const names = this.#whole.values()
    const next = async (): Promise<void> => {
      for (const name of names) {
        const descriptor = await openFile(join(this.path, name), fs.constants.O_RDWR)
        try {
          await flushFile(descriptor)
        } finally {
          await closeFile(descriptor)
        }
      }
    }
    // All of them, so that after a failure none is left at work.
    const flushed = await Promise.allSettled(Array.from({ length: FLUSHES }, next))
    for (const result of flushed) if (result.status === 'rejected') throw result.reason
  }

  async #keepMode(existing: Stats): Promise<void> {
    // Only root may give directories away; others replace one as its new owner.
    await fs.promises.chown(this.path, existing.uid, existing.gid).catch(() => undefined)
    await fs.promises.chmod(this.path, existing.mode & MODE_BITS)
  }

  /** Takes the place of nothing, or of an empty directory; never of one that somebody has filled meanwhile. */
  async #rename(): Promise<undefined> {
    const { path } = this.#target
    try {
      await fs.promises.rename(this.path, path)
      return undefined
    } catch (error) {
      if (hasCode(error, 'ENOTEMPTY') || hasCode(error, 'EEXIST')) {
        throw refusal(path, 'somebody has written there meanwhile, must be new or empty')
      }
      throw error
    }
  }

  /**
   * No system call exchanges two directories everywhere: the old archive steps aside, under a name that is never cleaned
   * up, for an instant in which a crash leaves both whole and none in place.
   *
   * @returns where the old archive is
   */
  async #replace(): Promise<string> {
    const { path } = this.#target
    const aside = `${path}.pgdmp-old-${crypto.randomUUID().slice(0, 8)}`
    await fs.promises.rename(path, aside)
    try {
      await fs.promises.rename(this.path, path)
    } catch (error) {
      await fs.promises.rename(aside, path)
      throw error
    }
    return aside
  }

  async abort(): Promise<void> {
    if (this.#over) return
    this.#over = true
    for (const sink of this.#open.values()) await sink.abort()
    await removeFlat(this.path).catch(() => undefined)
  }
}
