import { createSha256, toHex } from '../codec/sha256.ts'
import { mostBytesBehind } from '../format/tar-forward.ts'
import { openDirectory, type DirectoryAccess } from '../io/directory.ts'
import { resolveInput, type ArchiveInput } from '../io/input.ts'
import type { RandomAccess } from '../io/source.ts'
import { digestRecord, type FieldValue } from '../ops/digest-fields.ts'

/** Bytes read at a time. */
const pieceBytes = 1024 * 1024

/** Digest of an archive as it is stored, and its size. */
export interface StoredDigest {
  readonly sha256: string
  readonly bytes: number
}

/**
 * An input that is digested as it is stored, besides being opened as an archive. A stream is digested as it is read,
 * anything else by a second reading.
 */
export class DigestedInput {
  /** What to open the archive from. */
  readonly input: ArchiveInput
  readonly #digest: (
    directory: string | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<StoredDigest | undefined>
  readonly #release: () => Promise<void>

  private constructor(input: ArchiveInput, digest: DigestedInput['digest'], release: () => Promise<void>) {
    this.input = input
    this.#digest = digest
    this.#release = release
  }

  /** File-system errors pass through unwrapped. */
  static async open(input: ArchiveInput): Promise<DigestedInput> {
    const resolved = await resolveInput(input)
    const isPath = typeof input === 'string' || input instanceof URL
    if (resolved.kind === 'directory') {
      return new DigestedInput(
        input,
        (_, signal) => digestOfDirectory(resolved.dir, signal),
        async () => undefined,
      )
    }
    if (resolved.kind === 'random') {
      const { source, owned } = resolved
      return new DigestedInput(
        isPath ? input : source,
        async (directory, signal) =>
          directory === undefined
            ? await digestOfSource(source, signal)
            : await digestOfDirectory(await openDirectory(directory), signal),
        async () => {
          if (owned) await source.close?.()
        },
      )
    }
    const stream = new DigestedStream(resolved.iterable)
    return new DigestedInput(
      stream,
      (_, signal) => stream.finish(signal),
      () => stream.release(),
    )
  }

  /**
   * Undefined for a stream that does not end with the archive, nor soon after.
   * @param directory of an archive that turned out to be one
   */
  digest(directory: string | undefined, signal: AbortSignal | undefined): Promise<StoredDigest | undefined> {
    return this.#digest(directory, signal)
  }

  async close(): Promise<void> {
    await this.#release()
  }
}

/** A stream whose bytes are digested on the way; what its reader leaves is read at the end. */
class DigestedStream implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #hash = createSha256()
  #bytes = 0
  #over = false

  constructor(iterable: AsyncIterable<Uint8Array>) {
    this.#iterator = iterable[Symbol.asyncIterator]()
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    // whoever stops early does not end the stream
    return { next: () => this.#next() }
  }

  async finish(signal: AbortSignal | undefined): Promise<StoredDigest | undefined> {
    const most = this.#bytes + mostBytesBehind
    while (!this.#over) {
      signal?.throwIfAborted()
      await this.#next()
      if (this.#bytes > most) return undefined
    }
    return { sha256: toHex(this.#hash.digest()), bytes: this.#bytes }
  }

  async release(): Promise<void> {
    if (!this.#over) await this.#iterator.return?.()
    this.#over = true
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#over) return { done: true, value: undefined }
    const step = await this.#iterator.next()
    if (step.done === true) {
      this.#over = true
      return { done: true, value: undefined }
    }
    this.#hash.update(step.value)
    this.#bytes += step.value.length
    return step
  }
}

/** Digest of all bytes of a source. */
export async function digestOfSource(source: RandomAccess, signal: AbortSignal | undefined): Promise<StoredDigest> {
  return { sha256: toHex(await sha256Of(source, signal)), bytes: source.size }
}

async function sha256Of(source: RandomAccess, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const hash = createSha256()
  for (let at = 0; at < source.size;) {
    signal?.throwIfAborted()
    const piece = await source.read(at, Math.min(pieceBytes, source.size - at))
    if (piece.length === 0) break
    hash.update(piece)
    at += piece.length
  }
  return hash.digest()
}

/** The record `pgdmp directory 1` (spec/verify.md): every regular file by name, with its digest. */
async function digestOfDirectory(dir: DirectoryAccess, signal: AbortSignal | undefined): Promise<StoredDigest> {
  const values: FieldValue[] = []
  let bytes = 0
  const encoder = new TextEncoder()
  for (const name of await dir.list()) {
    if ((await dir.stat(name))?.kind !== 'file') continue
    const source = await dir.open(name)
    try {
      values.push(encoder.encode(name), await sha256Of(source, signal))
      bytes += source.size
    } finally {
      await source.close()
    }
  }
  return { sha256: toHex(digestRecord('pgdmp directory 1', [values.length / 2, ...values])), bytes }
}
