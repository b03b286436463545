import type { Container } from '../codec/codec.ts'
import { isArchiveError } from '../errors.ts'
import { openDirectory, type DirectoryAccess } from '../io/directory.ts'
import { resolveInput, type ArchiveInput } from '../io/input.ts'
import { pullFrom, pullOver, type Pull } from '../io/pull.ts'
import { spool } from '../io/spool.ts'
import type { RandomAccess } from '../io/source.ts'
import type { ArchiveFormat } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { openCustom } from './custom-reader.ts'
import { decodeWhole, iterate } from './decode-ahead.ts'
import { detect, detectBytes } from './detect.ts'
import { openDirectoryArchive, openTocFile } from './directory-reader.ts'
import { notADirectory, notAFile, notAnArchive, otherFormat } from './open-errors.ts'
import type { FormatReader, ReaderInput, ReaderOptions } from './reader.ts'
import { openTar } from './tar-reader.ts'
import { WindowChunks } from './window-chunks.ts'

/** How to go about an input, besides what its reader is told. */
export interface OpenPlan {
  readonly format: ArchiveFormat | undefined
  readonly spool: boolean
  /** `tar`: only when it turns out to be a tar archive. */
  readonly forwardOnly: boolean | 'tar'
  readonly asPgRestore: boolean
}

/** A reader, and what to release after it has been closed. */
export interface OpenedReader {
  readonly reader: FormatReader
  release(): Promise<void>
}

/**
 * Finds out what an input is and opens the reader for it (_discoverArchiveFormat, pg_backup_archiver.c). Whatever goes
 * wrong, everything is closed again.
 */
export async function openArchive(input: ArchiveInput, options: ReaderOptions, plan: OpenPlan): Promise<OpenedReader> {
  const opening = new Opening(options, plan)
  try {
    const reader = await opening.open(input)
    return { reader, release: () => opening.release() }
  } catch (error) {
    // the first error is the one to report
    await opening.release().catch(() => undefined)
    throw error
  }
}

/** One input on its way to a reader, with the handles that were opened for it. */
class Opening {
  readonly #options: ReaderOptions
  readonly #plan: OpenPlan
  readonly #handles: (() => Promise<void>)[] = []
  #path: string | undefined

  constructor(options: ReaderOptions, plan: OpenPlan) {
    this.#options = options
    this.#plan = plan
  }

  async open(input: ArchiveInput): Promise<FormatReader> {
    const resolved = await resolveInput(input)
    this.#path = resolved.path
    if (resolved.kind === 'directory') return await this.#openDirectory(resolved.dir)
    if (resolved.kind === 'stream') return await this.#openReader(await this.#overStream(resolved.iterable), undefined)
    const { source, owned } = resolved
    if (owned) this.#handles.push(async () => await source.close?.())
    const pull = this.#own(pullOver(source, { signal: this.#options.signal }))
    return await this.#openReader({ pull, source: this.#plan.forwardOnly === true ? undefined : source }, undefined)
  }

  /** Closes everything in reverse order, whatever fails on the way. */
  async release(): Promise<void> {
    const close = this.#handles.pop()
    if (close === undefined) return
    try {
      await close()
    } finally {
      await this.release()
    }
  }

  #own(pull: Pull): Pull {
    this.#handles.push(() => pull.close())
    return pull
  }

  /** A stream as it is, or by way of a temporary file. */
  async #overStream(iterable: AsyncIterable<Uint8Array>): Promise<ReaderInput> {
    const { signal, limits } = this.#options
    if (!this.#plan.spool) return { pull: this.#own(pullFrom(iterable, { signal })), source: undefined }
    const checks = [{ bytes: detectBytes, check: this.#checkBeginning }]
    const source = await spool(iterable, { limits, signal, checks })
    this.#handles.push(() => source.close())
    return { pull: this.#own(pullOver(source, { signal })), source }
  }

  /** What is no archive is not copied: it may have no end. */
  readonly #checkBeginning = async (beginning: RandomAccess): Promise<void> => {
    if (this.#plan.format !== undefined) return
    const head = await beginning.read(0, detectBytes)
    const detected = detect(head)
    if (detected.kind === 'pgdmp' || detected.kind === 'tar' || detected.kind === 'compressed') return
    throw notAnArchive(detected, head, { path: this.#path, container: undefined })
  }

  async #openDirectory(dir: DirectoryAccess): Promise<FormatReader> {
    const { format } = this.#plan
    if (format === 'custom' || format === 'tar') throw notAFile(dir.path, format)
    return await openDirectoryArchive(dir, this.#options)
  }

  /** @param container what the archive was wrapped in */
  async #openReader(input: ReaderInput, container: Container | undefined): Promise<FormatReader> {
    const { format, asPgRestore } = this.#plan
    if (format === 'custom' || format === 'tar') return await this.#openNamed(format, input)
    const { pull } = input
    const head = await readHead(pull)
    const detected = detect(head)
    if (detected.kind === 'compressed' && container === undefined) {
      return await this.#unwrap(pull, detected.container)
    }
    // pg_restore takes what begins like this for a custom archive, and stumbles over the format byte
    const isToc = !asPgRestore && detected.kind === 'pgdmp' && formatByteOf(head) === directoryFormatByte
    if (isToc) return await openTocFile(input, await this.#directoryOfToc(), this.#options)
    if (format === 'directory') throw notADirectory(this.#path)
    if (detected.kind === 'pgdmp') return await openCustom(input, this.#options)
    if (detected.kind === 'tar' && !(detected.old && asPgRestore)) return await this.#openTar(input)
    throw notAnArchive(detected.kind === 'tar' ? { kind: 'unknown' } : detected, head, { path: this.#path, container })
  }

  /** @param format what the archive is said to be */
  async #openNamed(format: 'custom' | 'tar', input: ReaderInput): Promise<FormatReader> {
    const detected = detect(await readHead(input.pull))
    try {
      return format === 'custom' ? await openCustom(input, this.#options) : await this.#openTar(input)
    } catch (error) {
      const found = detected.kind === 'pgdmp' ? 'custom' : detected.kind
      const isOther = (found === 'custom' || found === 'tar') && found !== format
      throw isOther && isArchiveError(error) ? otherFormat(this.#path, format, found, error) : error
    }
  }

  async #openTar(input: ReaderInput): Promise<FormatReader> {
    return await openTar(this.#plan.forwardOnly === 'tar' ? { ...input, source: undefined } : input, this.#options)
  }

  /** An archive that was compressed as a whole afterwards: its data can be read in order, or all of it is spooled. */
  async #unwrap(pull: Pull, container: Container): Promise<FormatReader> {
    const context = { action: `decompress the ${container} file around the archive`, file: this.#path }
    const chunks = decodeWhole(
      { input: new WindowChunks(pull), container, context, storedBytes: undefined },
      this.#options,
    )
    this.#handles.push(() => chunks.cancel())
    const input = await this.#overStream(iterate(chunks))
    const reader = await this.#openReader({ ...input, storedBytes: chunks.storedBytes }, container)
    if (!this.#plan.spool && !isTocPath(this.#path)) {
      this.#options.onWarning({
        code: 'COMPRESSED_ARCHIVE',
        severity: 'info',
        message: `the archive is inside of a ${container} file: its data can be read in archive order only`,
        file: this.#path,
        hint: 'Open it with the option spool, or decompress it, to read data in any order',
      })
    }
    return reader
  }

  /** The directory that a path to a toc.dat lies in. */
  async #directoryOfToc(): Promise<DirectoryAccess | undefined> {
    const parent = tocPath.exec(this.#path ?? '')
    return parent === null ? undefined : await openDirectory(parent[1] ?? '.')
  }
}

const tocPath = /^(.*[\\/])?toc\.dat(?:\.gz|\.lz4|\.zst)?$/s

function isTocPath(path: string | undefined): boolean {
  return path !== undefined && tocPath.test(path)
}

/** What tells the kind of an input: no more than needed of a stream that may still be written. */
async function readHead(pull: Pull): Promise<Uint8Array> {
  await pull.fill(headerBytes)
  const short = pull.buffer.subarray(pull.start, Math.min(pull.end, pull.start + headerBytes))
  if (detect(short).kind === 'pgdmp') return short
  await pull.fill(detectBytes)
  return pull.buffer.subarray(pull.start, Math.min(pull.end, pull.start + detectBytes))
}

/** A header up to its format byte and the one after. */
const headerBytes = 12

/** The format byte of a toc.dat, which is the same in a directory and in a tar archive. */
const directoryFormatByte = 3

/** The format byte of a header that begins `head`. */
function formatByteOf(head: Uint8Array): number | undefined {
  const features = featuresOf({ major: head[5] ?? 0, minor: head[6] ?? 0, rev: 0 })
  // 5 bytes magic, 2 bytes vmaj and vmin, 1 byte vrev, 1 byte intSize, 1 byte offSize
  return head[5 + 2 + (features.revAndSign ? 1 : 0) + 1 + (features.offsets ? 1 : 0)]
}
