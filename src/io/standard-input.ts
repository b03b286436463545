import type { Readable } from 'node:stream'
import { fs } from '#io/platform'
import { fileStatus } from './descriptor.ts'
import { descriptorSource, type RandomAccess } from './source.ts'

/**
 * Standard input in the best way it can be read: at random where it was redirected from a file (`< nightly.dump`), so
 * that data can be taken in any order; otherwise as the stream that it is.
 *
 * @param stream `process.stdin`, of which nothing has been read yet
 * @example
 * await using archive = await open(await standardInput(process.stdin))
 */
export async function standardInput(stream: Readable): Promise<Readable | RandomAccess> {
  const descriptor: unknown = 'fd' in stream ? stream.fd : undefined
  if (descriptor !== 0) return stream
  const status = await fileStatus(descriptor)
  if (!status.isFile() || !(await standsAtStart(descriptor))) return stream
  // No `close`: the descriptor belongs to the process.
  const { size, read, readInto } = descriptorSource(descriptor, status.size, 'standard input')
  return { size, read, readInto }
}

/** Whether nobody has read from the file before us, such as another command of the same `{ …; } < file`. */
async function standsAtStart(descriptor: number): Promise<boolean> {
  try {
    return /^pos:\s*0$/m.test(await fs.promises.readFile(`/proc/self/fdinfo/${descriptor}`, 'latin1'))
  } catch {
    // Only Linux tells; elsewhere the stream is the safe way.
    return false
  }
}
