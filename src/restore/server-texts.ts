import type { Connection } from 'pg'
import { joinBytes } from '../bytes/join-bytes.ts'
import { decoderFor, type Decode } from '../toc/encoding.ts'

/** 1 byte  type, 4 bytes  length with itself. */
const HEAD = 5

const ERROR_RESPONSE = 0x45
const NOTICE_RESPONSE = 0x4e

/** Bodies of what a server said, by what pg-protocol made of it. */
const bodies = new WeakMap<object, { readonly body: Uint8Array; readonly decode: Decode }>()

/** What a server said in another encoding than UTF-8; undefined of what was UTF-8, or did not come from a server. */
export function bodyOf(said: object): { readonly body: Uint8Array; readonly decode: Decode } | undefined {
  return bodies.get(said)
}

/**
 * Keeps the bytes of errors and notices of a connection: node-postgres takes all text for UTF-8, but it comes in the
 * client encoding of the session, which is that of the archive in a restore.
 *
 * @param connection that has just connected, so that the next byte begins a message
 */
export function keepServerTexts(connection: Connection): void {
  let decode: Decode | undefined
  const said: Uint8Array[] = []
  const reader = new TextReader((body) => void said.push(body))
  // before node-postgres reads the same bytes
  connection.stream.prependListener('data', (chunk: Uint8Array) => reader.push(chunk))
  const keep = (message: object): void => {
    const body = said.shift()
    if (body !== undefined && decode !== undefined) bodies.set(message, { body, decode })
  }
  connection.prependListener('errorMessage', keep)
  connection.prependListener('notice', keep)
  connection.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) => {
    if (parameterName !== 'client_encoding') return
    decode = parameterValue === 'UTF8' ? undefined : decoderFor(parameterValue)
  })
}

/** What pg-protocol makes of a ParameterStatus. */
interface ParameterStatus {
  readonly parameterName: string
  readonly parameterValue: string
}

/** Finds the bodies of errors and notices among the messages of a server, which come in pieces of any size. */
class TextReader {
  readonly #onText: (body: Uint8Array) => void
  readonly #head = new Uint8Array(HEAD)
  readonly #view = new DataView(this.#head.buffer)
  #headLength = 0
  /** Bytes of the body that are to come. */
  #left = 0
  #pieces: Uint8Array[] | undefined

  constructor(onText: (body: Uint8Array) => void) {
    this.#onText = onText
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#headLength < HEAD) {
        this.#head[this.#headLength++] = chunk[at++] ?? 0
        if (this.#headLength < HEAD) continue
        this.#left = this.#view.getUint32(1) - 4
        const [type] = this.#head
        this.#pieces = type === ERROR_RESPONSE || type === NOTICE_RESPONSE ? [] : undefined
      }
      const end = Math.min(chunk.length, at + this.#left)
      this.#pieces?.push(chunk.slice(at, end))
      this.#left -= end - at
      at = end
      if (this.#left > 0) continue
      this.#headLength = 0
      if (this.#pieces !== undefined) this.#onText(joinBytes(this.#pieces))
    }
  }
}
