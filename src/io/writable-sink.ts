import type { Writable } from 'node:stream'
import { finished } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { asError, untilAborted } from './abort.ts'
import { openStandardSink } from './file-sink.ts'
import type { Sink } from './output.ts'

/**
 * A sink over a Node Writable, with back-pressure; `commit` ends it.
 *
 * `process.stdout` and `process.stderr` are never ended, and are written through their file descriptor where that is
 * possible: several times faster than through the stream.
 */
export async function openWritableSink(stream: Writable, signal: AbortSignal | undefined): Promise<Sink> {
  const descriptor = standardDescriptor(stream)
  if (descriptor === undefined) return streamSink(stream, true, signal)
  // What the stream still holds goes first.
  if (stream.writableLength > 0) await flush(stream)
  // A program that replaced `write` wants to see what is written.
  const direct = Object.hasOwn(stream, 'write') ? undefined : await openStandardSink(descriptor, signal)
  return direct ?? streamSink(stream, false, signal)
}

function standardDescriptor(stream: Writable): 1 | 2 | undefined {
  const descriptor: unknown = 'fd' in stream ? stream.fd : undefined
  return descriptor === 1 || descriptor === 2 ? descriptor : undefined
}

function streamSink(stream: Writable, owned: boolean, signal: AbortSignal | undefined): Sink {
  let position = 0
  let failure: Error | undefined
  let stopListening = (): void => undefined
  const over = new Promise<void>((resolve, reject) => {
    stopListening = finished(stream, { readable: false }, (error) => {
      failure = error ?? closedByOthers()
      if (error) reject(error)
      else resolve()
    })
  })
  // Its rejection is reported by the write or commit that meets it.
  over.catch(() => undefined)

  async function write(chunk: Uint8Array): Promise<void> {
    signal?.throwIfAborted()
    if (failure !== undefined) throw failure
    position += chunk.length
    // The stream may keep what it is given, so it gets a copy.
    if (stream.write(chunk.slice())) return
    await untilAborted(Promise.race([drained(stream), over]), signal)
    if (failure !== undefined) throw failure
  }

  return {
    get position() {
      return position
    },
    write,
    async commit() {
      signal?.throwIfAborted()
      if (failure !== undefined) throw failure
      if (owned && !stream.destroyed) stream.end()
      await untilAborted(owned ? over : Promise.race([flush(stream), over]), signal)
      // A stream that is destroyed after its end counts as over, too.
      if (owned && !stream.writableFinished) throw closedByOthers()
      stopListening()
    },
    async abort(reason) {
      stopListening()
      if (!owned || stream.destroyed) return
      // An error event without a listener ends the process; the reason reaches the caller anyway.
      stream.on('error', () => undefined)
      stream.destroy(asError(reason ?? 'The output was given up'))
    },
  }
}

function closedByOthers(): ArchiveError {
  return new ArchiveError('CLOSED', 'Cannot write on: the stream has been closed by someone else')
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.once('drain', resolve))
}

function flush(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write('', (error) => (error ? reject(error) : resolve()))
  })
}
