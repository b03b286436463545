import { fs } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { closeFile, openFile, writeFully, writeNow } from './descriptor.ts'
import { descriptorSource, type RandomAccess } from './source.ts'
import { WriteBehind } from './write-behind.ts'

/** A regular file that is being written behind the caller's back; see {@link WriteBehind}. */
export class NewFile {
  readonly descriptor: number
  readonly #behind: WriteBehind
  #open = true

  constructor(descriptor: number) {
    this.descriptor = descriptor
    this.#behind = new WriteBehind(
      (bytes, position) => writeFully(descriptor, bytes, position),
      (bytes, position) => writeNow(descriptor, bytes, position),
    )
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#behind.position
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#behind.write(chunk)
  }

  /** Overwrites bytes before `position`. @throws ArchiveError USAGE for others */
  async writeAt(chunk: Uint8Array, offset: number): Promise<void> {
    checkWithin(chunk, offset, this.position)
    await this.#behind.drain()
    await writeFully(this.descriptor, chunk, offset)
  }

  /** What has been written; it is not to be closed. */
  async written(path: string): Promise<RandomAccess> {
    await this.#behind.drain()
    const { size, read, readInto } = descriptorSource(this.descriptor, this.position, path)
    return { size, read, readInto }
  }

  /** Waits until everything has been written. */
  drain(): Promise<void> {
    return this.#behind.drain()
  }

  /** Closes it, everything having been written; later calls do nothing. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#behind.release()
    await closeFile(this.descriptor)
  }

  /** Waits for writes that are under way, forgets the others and closes. Never throws. */
  async discard(): Promise<void> {
    await this.#behind.stop()
    await this.close().catch(() => undefined)
  }
}

/** Only what has been written can be overwritten. @throws ArchiveError USAGE */
export function checkWithin(chunk: Uint8Array, offset: number, length: number): void {
  const end = offset + chunk.length
  if (offset >= 0 && end <= length) return
  throw new ArchiveError(
    'USAGE',
    `Cannot overwrite bytes ${offset} to ${end}: the file has ${length} bytes, must have all of them`,
  )
}

/** Makes a file that must not be there yet. */
export async function createFile(path: string, mode: number): Promise<NewFile> {
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants
  return new NewFile(await openFile(path, O_RDWR | O_CREAT | O_EXCL, mode))
}
