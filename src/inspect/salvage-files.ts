import type { Container } from '../codec/codec.ts'
import { containerOfSuffix, fileNames } from '../format/directory-files.ts'
import type { DirectoryAccess } from '../io/directory.ts'
import type { RandomAccess } from '../io/source.ts'
import { ByteWindow } from './salvage-bytes.ts'
import type { Break, LenientSource, Payload } from './salvage-payload.ts'

/** A file of a directory archive, or a member of a tar archive, as far as it is there. */
export interface FoundFile {
  readonly name: string
  /** Bytes that are there. */
  readonly size: number
  /** Bytes up to where text ends, where its tar header says that number, and others are there. */
  readonly told?: number | undefined
  /** Bytes up to the next member, where its size is not certain: zeros may be padding. */
  readonly most?: number | undefined
  /** Why it has other bytes than it should. */
  readonly cut: Break | undefined
  /** Where it lies in a tar archive. */
  readonly offset: number
  open(): Promise<{ readonly source: RandomAccess; readonly start: number; close(): Promise<void> }>
}

/** Files by name, of a directory or a tar archive. */
export interface FoundFiles {
  readonly byName: ReadonlyMap<string, FoundFile>
  /** Members of a tar archive whose headers are damaged, so that nothing tells their names. */
  readonly nameless: readonly FoundFile[]
  readonly breaks: readonly Break[]
  /** Offsets are in the whole archive, not in each file. */
  readonly inOneFile: boolean
}

/** Names that pg_dump gives to the files of an archive, compressed or not. */
export const ownName =
  /^(?:toc\.dat|[0-9]{1,10}\.dat|blobs(?:_[0-9]{1,10})?\.toc|blob_[0-9]{1,10}\.dat)(?:\.gz|\.lz4|\.zst)?$/

export async function filesOfDirectory(dir: DirectoryAccess): Promise<FoundFiles> {
  const byName = new Map<string, FoundFile>()
  for (const name of await dir.list()) {
    if (!ownName.test(name)) continue
    const status = await dir.stat(name)
    if (status?.kind !== 'file') continue
    byName.set(name, {
      name,
      size: status.size,
      cut: undefined,
      offset: 0,
      open: async () => {
        const source = await dir.open(name)
        return { source, start: 0, close: () => source.close() }
      },
    })
  }
  return { byName, nameless: [], breaks: [], inOneFile: false }
}

/** The file recorded as `name`, with the compression that its suffix tells. */
export function findStored(
  files: FoundFiles,
  name: string,
): { readonly file: FoundFile; readonly container: Container } | undefined {
  for (const [candidate, container] of fileNames(name)) {
    const file = files.byName.get(candidate)
    if (file === undefined) continue
    const empty = file.size === 0 && file.cut === undefined && container !== 'gzip'
    return { file, container: empty ? 'none' : container }
  }
  return undefined
}

/** The container of a file by its suffix, and the name without it. */
export function splitSuffix(name: string): { readonly recorded: string; readonly container: Container } {
  const suffix = /\.(?:gz|lz4|zst)$/.exec(name)?.[0]
  return { recorded: name.slice(0, name.length - (suffix?.length ?? 0)), container: containerOfSuffix(suffix) }
}

/** A file's bytes as a stream. */
export function payloadOfFile(file: FoundFile, container: Container, signal: AbortSignal | undefined): Payload {
  const { name, size, told, cut } = file
  return {
    container,
    file: name,
    offset: 0,
    ...(told === undefined
      ? {}
      : { told: payloadOfFile({ ...file, size: told, told: undefined, cut: undefined }, container, signal) }),
    open: async () => {
      const opened = await file.open()
      // a gzip file has a header at least
      const isEmpty = size === 0 && container === 'gzip'
      return new FileBytes(opened, isEmpty ? { ...file, cut: cut ?? emptyFile } : file, signal)
    },
  }
}

const emptyFile: Break = { kind: 'cut', offset: 0, reason: 'the file is empty' }

class FileBytes implements LenientSource {
  offset: number
  ending: Break | undefined
  readonly #opened: Awaited<ReturnType<FoundFile['open']>>
  readonly #file: FoundFile
  readonly #window: ByteWindow
  #at: number
  readonly #end: number
  #closed = false

  constructor(opened: Awaited<ReturnType<FoundFile['open']>>, file: FoundFile, signal: AbortSignal | undefined) {
    this.#opened = opened
    this.#file = file
    this.#window = new ByteWindow(opened.source, signal)
    this.#at = this.offset = opened.start
    this.#end = opened.start + file.size
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#closed) return null
    if (this.#at >= this.#end || !(await this.#window.load(this.#at, 1))) {
      this.ending = this.#file.cut
      await this.cancel()
      return null
    }
    const from = this.#at - this.#window.base
    const length = Math.min(this.#end - this.#at, this.#window.bytes.length - from)
    this.offset = this.#at
    this.#at += length
    return this.#window.bytes.subarray(from, from + length)
  }

  async cancel(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#opened.close()
  }
}
