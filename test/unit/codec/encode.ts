import type { EncoderSettings } from '../../../src/codec/encoder.ts'
import { createEncoder, prepareEncoder } from '../../../src/codec/encoders.ts'

export const context = { action: 'write data of TOC entry 12', dumpId: 12 }

/** Encodes `bytes` in pieces of these sizes, used in turn; every buffer that is lent is overwritten afterwards. */
export async function encode(
  settings: EncoderSettings,
  bytes: Uint8Array,
  pieces: readonly number[] = [65536],
): Promise<Buffer> {
  const output: Buffer[] = []
  const emit = (chunk: Uint8Array): void => {
    if (chunk.length === 0) throw new Error('an empty chunk was emitted')
    output.push(Buffer.from(chunk))
  }
  await prepareEncoder(settings.container, context)
  const encoder = createEncoder(settings, context)
  try {
    for (let at = 0, piece = 0; at < bytes.length; piece++) {
      const chunk = Uint8Array.from(bytes.subarray(at, at + (pieces[piece % pieces.length] ?? 1)))
      at += chunk.length
      await encoder.write(chunk, emit)
      chunk.fill(0xa5)
    }
    await encoder.finish(emit)
  } finally {
    encoder.close()
  }
  return Buffer.concat(output)
}
