import { createReadStream } from 'node:fs'
import { Writable, type Readable } from 'node:stream'

/** A file as input that cannot be read twice. */
export function fileStream(file: string): Readable {
  return createReadStream(file)
}

/** Output that cannot go back, and what came of it. */
export function collectingStream(): { readonly stream: Writable; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  return { stream, bytes: () => Buffer.concat(chunks) }
}
