import { fs, join, tmpdir } from '#io/platform'
import { closeFile, hasCode, openFile, writeFully } from './descriptor.ts'
import { pullFrom } from './pull.ts'
import { descriptorSource, type FileSource, type RandomAccess } from './source.ts'

/** How to spool. */
export interface SpoolOptions {
  /** Directory for the temporary file. Default the system's. */
  readonly directory?: string | undefined
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
 */
export async function spool(input: AsyncIterable<Uint8Array>, options: SpoolOptions = {}): Promise<FileSource> {
  const path = join(options.directory ?? tmpdir(), `pgdmp-${crypto.randomUUID()}`)
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants
  const descriptor = await openFile(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
  let named = true

  async function release(): Promise<void> {
    await closeFile(descriptor)
    if (named) await fs.promises.rm(path, { force: true })
  }

  const pull = pullFrom(input, { signal: options.signal })
  const checks = [...(options.checks ?? [])]
  try {
    named = !(await unlinkOpen(path))
    while (await pull.fill()) {
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
