import { ArchiveError } from '../../../src/errors.ts'
import { checkPlainName } from '../../../src/io/directory.ts'
import type { DirectoryAccess, DirectoryFile } from '../../../src/io/directory.ts'
import { bytesSource } from '../../../src/io/source.ts'
import type { FileSource } from '../../../src/io/source.ts'
import { bytesOf, textOf } from '../target.ts'

/** Files as one input: of each its name, a NUL, its length in four bytes, and its content. */
export function packFiles(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [name, content] of files) {
    const head = new Uint8Array(name.length + 5)
    head.set(bytesOf(name))
    new DataView(head.buffer).setUint32(name.length + 1, content.length, true)
    parts.push(head, content)
  }
  return Buffer.concat(parts)
}

/** The files of an input, whatever it looks like. */
export function unpackFiles(input: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const view = new DataView(input.buffer, input.byteOffset, input.length)
  for (let at = 0; at < input.length;) {
    const end = input.indexOf(0, at)
    if (end < 0 || end + 5 > input.length) break
    const length = Math.min(view.getUint32(end + 1, true), input.length - end - 5)
    files.set(textOf(input.subarray(at, end)), input.subarray(end + 5, end + 5 + length))
    at = end + 5 + length
  }
  return files
}

/** A directory in memory that knows how many of its files are open. */
export class MemoryDirectory implements DirectoryAccess {
  readonly path = 'memory'
  openFiles = 0
  readonly #files: ReadonlyMap<string, Uint8Array>

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files
  }

  async list(): Promise<readonly string[]> {
    return [...this.#files.keys()].sort()
  }

  async stat(name: string): Promise<DirectoryFile | undefined> {
    checkPlainName(name)
    const content = this.#files.get(name)
    return content && { size: content.length, kind: 'file' }
  }

  async open(name: string): Promise<FileSource> {
    checkPlainName(name)
    const content = this.#files.get(name)
    if (content === undefined) throw new ArchiveError('MISSING_DATA_FILE', `There is no file ${name}`)
    const source = bytesSource(content)
    this.openFiles++
    let closed = false
    return {
      path: name,
      size: content.length,
      read: (offset, length) => source.read(offset, length),
      readInto: async (target, offset) => {
        const part = content.subarray(offset, offset + target.length)
        target.set(part)
        return part.length
      },
      close: async () => {
        if (!closed) this.openFiles--
        closed = true
      },
    }
  }
}
