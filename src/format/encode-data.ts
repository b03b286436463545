import type { DecodeContext } from '../codec/codec.ts'
import type { Emit, EncoderSettings } from '../codec/encoder.ts'
import { createEncoder } from '../codec/encoders.ts'
import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Sink } from '../io/output.ts'
import type { DumpId } from '../toc/types.ts'
import type { DataToWrite } from './writer.ts'

/** What is being written, for errors. */
export function writeContext(dumpId: DumpId, oid?: number): DecodeContext {
  const what = oid === undefined ? `data of TOC entry ${dumpId}` : `large object ${oid}`
  return { action: `write ${what}`, dumpId }
}

/**
 * Hands all of `data` to `emit`, compressed as `settings` say, and calls `drain` now and then; releases the source
 * however that ends.
 * @throws ArchiveError USAGE for stored data in another container
 */
export async function encodeData(
  data: DataToWrite,
  settings: EncoderSettings,
  context: DecodeContext,
  emit: Emit,
  drain: () => Promise<void> | undefined,
): Promise<void> {
  const { chunks } = data
  try {
    if (data.kind === 'stored') {
      checkContainer(data.container, settings, context)
      await pass(chunks, emit, drain)
    } else if (settings.container === 'none') {
      await pass(chunks, emit, drain)
    } else {
      await compress(chunks, settings, context, emit, drain)
    }
  } finally {
    await chunks.cancel()
  }
}

async function pass(chunks: ChunkSource, emit: Emit, drain: () => Promise<void> | undefined): Promise<void> {
  for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
    emit(chunk)
    await drain()
  }
}

async function compress(
  chunks: ChunkSource,
  settings: EncoderSettings,
  context: DecodeContext,
  emit: Emit,
  drain: () => Promise<void> | undefined,
): Promise<void> {
  const encoder = createEncoder(settings, context)
  try {
    for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
      await encoder.write(chunk, emit)
      await drain()
    }
    await encoder.finish(emit)
    await drain()
  } finally {
    encoder.close()
  }
}

/** Writes all of a source, and releases it. */
export async function writeChunks(chunks: ChunkSource, sink: Sink): Promise<void> {
  try {
    for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) await sink.write(chunk)
  } finally {
    await chunks.cancel()
  }
}

/** @throws ArchiveError USAGE */
export function checkContainer(container: string, settings: EncoderSettings, context: DecodeContext): void {
  if (container === settings.container) return
  throw new ArchiveError(
    'USAGE',
    `Cannot ${context.action}: it is stored as ${container}, must be ${settings.container}`,
    {
      dumpId: context.dumpId,
    },
  )
}
