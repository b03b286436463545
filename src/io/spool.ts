import { fs, join, tmpdir } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { defaultLimits, raiseHint, type Limits } from '../limits.ts'
import { closeFile, freeBytes, hasCode, openFile, writeFully } from './descriptor.ts'
import { pullFrom } from './pull.ts'
import { descriptorSource, type FileSource, type RandomAccess } from './source.ts'

/** How to spool. */
export interface SpoolOptions {
  /** Directory for the temporary file. Default the system's. */
  readonly directory?: string | undefined
  /** How much of the disk it may take; default {@link defaultLimits}. */
  readonly limits?: Pick<Limits, 'spoolBytes' | 'spoolPercent'> | undefined
  /** Told of the limit that a stream exceeds, whose beginning is kept then; without it that is an error. */
  readonly onLimit?: ((error: ArchiveError) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** What is looked at before the rest is copied, in the order of `bytes`. */
  readonly checks?: readonly SpoolCheck[] | undefined
}

/** Looks at the beginning of a stream, which may have no end. */
export interface SpoolCheck {
  /** Bytes that it wants to see; not called for a stream that has less. */
  readonly bytes: number
  /** @throws to give the stream up */
  readonly check: (beginning: RandomAccess) => Promise<void>
}

/**
 * Copies a stream into a temporary file that only this user can read, for random access; `close` frees it. Where the
 * system allows it the file has no name any more when this returns, so that nothing is left whatever happens.
 *
 * @throws ArchiveError LIMIT_EXCEEDED before the disk is full, and what `checks` throw; file-system errors and
 *   `signal.reason` unwrapped
 */
export async function spool(input: AsyncIterable<Uint8Array>, options: SpoolOptions = {}): Promise<FileSource> {
  const directory = options.directory ?? tmpdir()
  const path = join(directory, `pgdmp-${crypto.randomUUID()}`)
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants
  const descriptor = await openFile(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
  let named = true

  async function release(): Promise<void> {
    await closeFile(descriptor)
    if (named) await fs.promises.rm(path, { force: true })
  }

  const pull = pullFrom(input, { signal: options.signal })
  const checks = [...(options.checks ?? [])]
  const allowance = new Allowance(directory, options.limits ?? defaultLimits)
  try {
    named = !(await unlinkOpen(path))
    while (await pull.fill()) {
      const exceeded = await allowance.ask(pull.position + pull.available)
      if (exceeded !== undefined) {
        if (options.onLimit === undefined) throw exceeded
        options.onLimit(exceeded)
        await pull.close().catch(() => undefined)
        break
      }
      await writeFully(descriptor, pull.buffer.subarray(pull.start, pull.end), pull.position)
      pull.consume(pull.available)
      for (let next = checks[0]; next !== undefined && pull.position >= next.bytes; next = checks[0]) {
        checks.shift()
        const { size, read } = descriptorSource(descriptor, pull.position, path)
        await next.check({ size, read })
      }
    }
  } catch (error) {
    await pull.close().catch(() => undefined)
    await release()
    // what cannot be written is this file, not what the caller writes
    if (error instanceof Error && hasWriteCall(error)) Object.assign(error, { path })
    throw error
  }
  const source = descriptorSource(descriptor, pull.position, path)
  if (!named) return source
  return {
    ...source,
    async close() {
      await source.close()
      await fs.promises.rm(path, { force: true })
    },
  }
}

/** Bytes after which a disk is looked at again: others write to it as well. */
const lookEvery = 64 * 1024 * 1024

/** How long a temporary file may become. */
class Allowance {
  readonly #directory: string
  readonly #limits: Pick<Limits, 'spoolBytes' | 'spoolPercent'>
  #size = 0
  /** Up to here nothing has to be looked at. */
  #granted = 0

  constructor(directory: string, limits: Pick<Limits, 'spoolBytes' | 'spoolPercent'>) {
    this.#directory = directory
    this.#limits = limits
  }

  /** @returns why the file may not have this many bytes */
  async ask(size: number): Promise<ArchiveError | undefined> {
    const { spoolBytes, spoolPercent } = this.#limits
    if (size > spoolBytes) return this.#exceeded('spoolBytes', size, `it has ${size} bytes or more`, '')
    if (size > this.#granted && spoolPercent < 100) {
      const free = await freeBytes(this.#directory)
      const room = free === undefined ? Infinity : free + this.#size
      const most = (room / 100) * spoolPercent
      if (size > most) {
        const what = `it has ${size} bytes or more, of the ${room} that are free there`
        return this.#exceeded('spoolPercent', (size / room) * 100, what, 'Set TMPDIR to where there is more room. ')
      }
      this.#granted = Math.min(size + lookEvery, most)
    }
    this.#size = size
    return undefined
  }

  #exceeded(limit: 'spoolBytes' | 'spoolPercent', observed: number, what: string, advice: string): ArchiveError {
    const max = this.#limits[limit]
    return new ArchiveError(
      'LIMIT_EXCEEDED',
      `Cannot copy the input into a temporary file in "${this.#directory}": ${what}, the limit ${limit} is ${max}`,
      { hint: `${advice}${raiseHint(limit)}`, details: { limit, max, observed } },
    )
  }
}

function hasWriteCall(error: Error): boolean {
  return 'syscall' in error && error.syscall === 'write' && !('path' in error)
}

/** False where a file that is open keeps its name (Windows). */
async function unlinkOpen(path: string): Promise<boolean> {
  try {
    await fs.promises.unlink(path)
    return true
  } catch (error) {
    if (hasCode(error, 'EBUSY') || hasCode(error, 'EPERM') || hasCode(error, 'EACCES')) return false
    throw error
  }
}
