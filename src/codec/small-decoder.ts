import { isArchiveError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { HERE } from './codec.ts'
import type { Container, DecodeContext } from './codec.ts'
import { createDecoder } from './registry.ts'

/** What decodes to more than this is read as a stream. */
const MOST_BYTES = 256 * 1024

/** Streams with larger windows take turns: see `WindowTurns`. */
const MOST_WINDOW = 8 * 1024 * 1024

const context: DecodeContext = { action: 'read data' }

/**
 * Decodes small streams in one go on the calling thread, without a promise. Whatever cannot be decoded so, damage
 * included, is left to those who read it as a stream. Bench case "sql of 20,000 small tables".
 */
export class SmallDecoder {
  readonly #limits: Limits
  #buffer: Uint8Array | undefined
  /** Containers whose decoders here answer with promises. */
  readonly #waiting = new Set<Container>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** All that a complete stream holds, lent until the next call; undefined when it cannot be told here. */
  decode(stored: Uint8Array, container: Container): Uint8Array | undefined {
    if (container === 'none') return stored.length > this.#limits.entryBytes ? undefined : stored
    if (this.#waiting.has(container)) return undefined
    try {
      return this.#decode(stored, container)
    } catch (error) {
      if (isArchiveError(error)) return undefined
      throw error
    }
  }

  #decode(stored: Uint8Array, container: Container): Uint8Array | undefined {
    let window = 0
    const onWindow = (bytes: number): void => {
      window = Math.max(window, bytes)
    }
    const decoder = createDecoder(container, { limits: this.#limits, context, onWindow, place: HERE })
    const buffer = (this.#buffer ??= new Uint8Array(MOST_BYTES))
    const ended = (): void => decoder.close()
    let waits: Promise<unknown> | undefined
    try {
      if (stored.length > 0) decoder.input(stored)
      if (window > MOST_WINDOW) return undefined
      const length = stored.length === 0 ? 0 : decoder.read(buffer)
      if (typeof length !== 'number') waits = length
      else if (length < buffer.length) {
        waits = decoder.finish() ?? undefined
        if (waits === undefined) return buffer.subarray(0, length)
      }
    } finally {
      if (waits === undefined) decoder.close()
    }
    if (waits !== undefined) {
      this.#waiting.add(container)
      this.#buffer = undefined // it may still be written to
      waits.then(ended, ended)
    }
    return undefined
  }
}
