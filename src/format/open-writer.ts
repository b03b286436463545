import { blockContainerOf, type Algorithm } from '../codec/codec.ts'
import type { EncoderSettings } from '../codec/encoder.ts'
import { createEncoder, prepareEncoder } from '../codec/encoders.ts'
import { ArchiveError } from '../errors.ts'
import { openDirectorySink } from '../io/directory-sink.ts'
import { checkOverwrite, type ArchiveOutput, type DirectorySink, type Sink } from '../io/output.ts'
import { openSink } from '../io/sink.ts'
import type { Limits } from '../limits.ts'
import type { ArchiveFormat } from '../toc/types.ts'
import { CustomWriter } from './custom-writer.ts'
import { DirectoryWriter } from './directory-writer.ts'
import { TarWriter } from './tar-writer.ts'
import type { FormatWriter } from './writer.ts'

/** How data are to be compressed. */
export interface CompressionSettings {
  readonly method: Algorithm
  /** As in pg_dump's `-Z METHOD:LEVEL`; default pg_dump's. */
  readonly level?: number | undefined
  /** zstd: long-distance matching (`zstd:long`). */
  readonly long?: boolean | undefined
}

/** How to open a {@link FormatWriter}. */
export interface WriterOptions {
  readonly format: ArchiveFormat
  readonly compression: CompressionSettings
  /** What to do with an output that exists; default `refuse`. */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  /** Tar: time of members, in seconds since 1970; default now. */
  readonly mtime?: number | undefined
  /** Tar: of the temporary files for large members, where the output cannot go back. */
  readonly limits?: Limits | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how many bytes each write has. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/**
 * Opens the output and the writer for it; what the codec cannot do is told before.
 * @throws ArchiveError USAGE (output exists, level, tar with compression), CODEC_UNAVAILABLE
 */
export async function openWriter(output: ArchiveOutput, options: WriterOptions): Promise<FormatWriter> {
  const { format, compression, overwrite = 'refuse', signal, mtime, limits, onBytes } = options
  checkOverwrite(overwrite)
  const settings = encoderSettings(format, compression)
  await checkEncoder(settings)
  if (format === 'directory') {
    const directory = await openDirectorySink(directoryPath(output), { overwrite, signal })
    const counted =
      onBytes === undefined
        ? directory
        : { ...methodsOf(directory), file: async (name: string) => countedSink(await directory.file(name), onBytes) }
    return new DirectoryWriter(counted, { ...settings, container: compression.method })
  }
  const opened = await openSink(output, { overwrite, signal })
  const sink = onBytes === undefined ? opened : countedSink(opened, onBytes)
  return format === 'tar' ? new TarWriter(sink, { mtime, limits, signal }) : new CustomWriter(sink, settings)
}

function methodsOf(directory: DirectorySink): Pick<DirectorySink, 'commit' | 'abort'> {
  return { commit: () => directory.commit(), abort: (reason) => directory.abort(reason) }
}

/** The same output, telling of each write that was taken; bytes that are overwritten do not count again. */
function countedSink(sink: Sink, onBytes: (bytes: number) => void): Sink {
  const { writeAt } = sink
  return {
    get position() {
      return sink.position
    },
    async write(chunk) {
      await sink.write(chunk)
      onBytes(chunk.length)
    },
    ...(writeAt === undefined
      ? {}
      : { writeAt: (chunk: Uint8Array, offset: number) => writeAt.call(sink, chunk, offset) }),
    commit: () => sink.commit(),
    abort: (reason) => sink.abort(reason),
  }
}

function encoderSettings(format: ArchiveFormat, { method, level, long }: CompressionSettings): EncoderSettings {
  if (format === 'tar' && method !== 'none') {
    throw new ArchiveError('USAGE', `Cannot write a tar archive with compression ${method}: must be none`, {
      hint: 'Choose the custom or directory format, or no compression',
    })
  }
  const container = format === 'custom' ? blockContainerOf(method) : method
  return { container, level, long }
}

/** Finds out before anything is written. */
async function checkEncoder(settings: EncoderSettings): Promise<void> {
  const context = { action: 'write the archive' }
  await prepareEncoder(settings.container, context)
  createEncoder(settings, context).close()
}

function directoryPath(output: ArchiveOutput): string | URL {
  if (typeof output === 'string' || output instanceof URL) return output
  throw new ArchiveError('USAGE', 'Cannot write a directory archive to a stream: must be a path', {
    hint: 'Choose the custom or tar format, or name a directory',
  })
}
