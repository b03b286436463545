import { resolveLimits } from '../check-options.ts'
import { openDirectorySink } from '../io/directory-sink.ts'
import type { SinkOptions } from '../io/output.ts'
import { openSink, type Sink } from '../io/sink.ts'
import { digestOfSource } from './archive-sha256.ts'
import type { Receipt } from './receipt.ts'
import { findOffsets } from './reindex.ts'
import { verify, type VerifyOptions, type VerifyReport } from './verify.ts'

/** How an archive that is being made is kept. */
export interface KeepOptions
  extends
    Pick<VerifyOptions, 'limits' | 'maxBufferBytes' | 'workers' | 'onProgress' | 'signal'>,
    Pick<SinkOptions, 'overwrite' | 'sync'> {}

/** An archive that is whole or not, and has no name yet. */
export interface KeptArchive {
  /** What there is to say about it. */
  readonly report: VerifyReport
  /** Of what will lie under the name; null where not all could be read. */
  readonly receipt: Receipt | null
  /** Gives it its name, once it is on the disk. */
  commit(): Promise<void>
  /** Forgets it. Never throws. */
  abort(reason?: unknown): Promise<void>
}

/**
 * Writes a custom or tar archive that comes as a stream into a file without a name yet, and verifies it in the same
 * pass. One that came without offsets, as pg_dump cannot write them into a pipe, gets them: then its bytes are not those
 * of the stream, and are read once more for the receipt's digest of the file.
 *
 * @param archive ends by throwing when what makes it has failed; that is thrown on, and nothing is left
 * @throws file-system errors, `signal.reason` and what `archive` throws, unwrapped; ArchiveError USAGE for an output that
 *   exists and is not to be replaced
 */
export async function keepArchive(
  archive: AsyncIterable<Uint8Array>,
  output: string,
  options: KeepOptions,
): Promise<KeptArchive> {
  const { overwrite, sync, ...verifyOptions } = options
  const sink = await openSink(output, { overwrite, sync, signal: options.signal })
  try {
    const copied = new CopiedStream(archive, sink)
    let report: VerifyReport
    try {
      report = await verify(copied, { ...verifyOptions, receipt: true })
      // what was not an archive is read to its end as well: whoever makes it may have to say why
      await copied.finish()
    } finally {
      // a failure on the way is no defect of the archive
      copied.check()
    }
    const receipt = await withOffsets(sink, output, report, options)
    return { report, receipt, commit: () => sink.commit(), abort: (reason) => sink.abort(reason) }
  } catch (error) {
    await sink.abort(error)
    throw error
  }
}

/**
 * Has a program write an archive into a directory without a name yet, and verifies it.
 * @param write fills the directory, which is empty; rejects when the archive is not whole
 */
export async function keepDirectory(
  write: (directory: string) => Promise<void>,
  output: string,
  options: KeepOptions,
): Promise<KeptArchive> {
  const { overwrite, sync, ...verifyOptions } = options
  const sink = await openDirectorySink(output, { overwrite, sync, signal: options.signal })
  try {
    await write(sink.path)
    const report = await verify(sink.path, { ...verifyOptions, receipt: true })
    return { report, receipt: report.receipt, commit: () => sink.commit(), abort: (reason) => sink.abort(reason) }
  } catch (error) {
    await sink.abort(error)
    throw error
  }
}

/** Sets the offsets that are missing. @returns the receipt of the file as it is then */
async function withOffsets(
  sink: Sink,
  path: string,
  { format, receipt }: VerifyReport,
  options: KeepOptions,
): Promise<Receipt | null> {
  // a pipe or a device stays as it was written
  if (format !== 'custom' || receipt === null || sink.written === undefined || sink.writeAt === undefined) {
    return receipt
  }
  const { signal } = options
  const limits = resolveLimits('keep the archive', options.limits)
  const written = await sink.written()
  const { set, start, after } = await findOffsets({ ...written, path }, { limits, onWarning: () => undefined, signal })
  if (set === 0) return receipt
  await sink.writeAt(after, start)
  const { sha256, bytes } = await digestOfSource(await sink.written(), signal)
  return { ...receipt, archive: { ...receipt.archive, sha256, bytes } }
}

/** A stream that is written to a sink as it is read. */
class CopiedStream implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #sink: Sink
  #over = false
  #failure: { readonly error: unknown } | undefined

  constructor(stream: AsyncIterable<Uint8Array>, sink: Sink) {
    this.#iterator = stream[Symbol.asyncIterator]()
    this.#sink = sink
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    // whoever stops early does not end the stream
    return { next: () => this.#next() }
  }

  async finish(): Promise<void> {
    while (!this.#over) await this.#next()
  }

  /** @throws what reading or writing failed with */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#over) return { done: true, value: undefined }
    try {
      const step = await this.#iterator.next()
      if (step.done === true) {
        this.#over = true
        return { done: true, value: undefined }
      }
      await this.#sink.write(step.value)
      return step
    } catch (error) {
      this.#over = true
      this.#failure = { error }
      throw error
    }
  }
}
