import { ArchiveError } from '../errors.ts'
import { untilAborted } from './abort.ts'
import { openPathSink } from './file-sink.ts'
import { checkOverwrite, type ArchiveOutput, type Sink, type SinkOptions } from './output.ts'
import { openWritableSink } from './writable-sink.ts'

export type { ArchiveOutput, Sink, SinkOptions } from './output.ts'

/**
 * Opens an output for writing.
 *
 * A path that names a regular file or nothing yet is written under a temporary name in the same directory and renamed
 * by `commit`: symbolic links are resolved first, the mode of an existing file is kept, and after `abort` nothing is
 * left. `/dev/null`, `/dev/stdout`, FIFOs and other special files are written directly.
 *
 * @throws ArchiveError USAGE when the file exists and `overwrite` is `refuse`, or the output is none of the known kinds
 */
export async function openSink(output: ArchiveOutput, options: SinkOptions = {}): Promise<Sink> {
  checkOverwrite(options.overwrite)
  options.signal?.throwIfAborted()
  if (typeof output === 'string' || output instanceof URL) return await openPathSink(output, options)
  if ('getWriter' in output) return openWebSink(output, options.signal)
  if ('write' in output && 'on' in output) return await openWritableSink(output, options.signal)
  throw new ArchiveError('USAGE', `Cannot write to ${typeof output}: must be a path, a Writable or a WritableStream`)
}

function openWebSink(stream: WritableStream<Uint8Array>, signal: AbortSignal | undefined): Sink {
  const writer = stream.getWriter()
  let position = 0
  let last: Promise<void> = Promise.resolve()
  // A failure is reported by the next write or by `commit`; until then it would be an unhandled rejection.
  const ignore = (): void => undefined
  writer.closed.catch(ignore)
  return {
    get position() {
      return position
    },
    async write(chunk) {
      signal?.throwIfAborted()
      await untilAborted(writer.ready, signal)
      // A queue may keep the chunk after `ready`, so it gets a copy.
      last = writer.write(chunk.slice())
      last.catch(ignore)
      position += chunk.length
    },
    async commit() {
      signal?.throwIfAborted()
      // The failure of a write, not close's complaint that the stream has failed.
      await untilAborted(last, signal)
      await untilAborted(writer.close(), signal)
      writer.releaseLock()
    },
    async abort(reason) {
      await writer.abort(reason).catch(ignore)
    },
  }
}
