import { joinBytes } from '../bytes/join-bytes.ts'
import { ServerError } from './target.ts'

/** What a server answers a query, as far as a restore looks at it; bytes are lent for the call. */
export interface AnswerHandlers {
  readonly onRow?: ((fields: readonly (string | null)[]) => void) | undefined
  readonly onCopyData?: ((data: Uint8Array) => void) | undefined
  readonly onNotice?: ((notice: ServerError) => void) | undefined
}

const utf8 = new TextDecoder()

/** 1 byte  type, 4 bytes  length with itself; then the body. */
const HEAD = 5

/** Reads messages of the protocol (version 3) as they come, in pieces of any size. */
export class BackendMessages {
  readonly #handlers: AnswerHandlers
  /** A message that has begun, in pieces; how many bytes they have, and must have before they are looked at. */
  #pieces: Uint8Array[] = []
  #length = 0
  #wanted = 0
  /** What the server refused first. */
  error: ServerError | undefined
  /** The server asked for rows of a COPY. */
  askedForRows = false
  /** Of the last command that was done: `COPY 12`. */
  tag = ''
  /** ReadyForQuery came: `I` idle, `T` in a transaction, `E` in one that failed. */
  status: string | undefined

  constructor(handlers: AnswerHandlers = {}) {
    this.#handlers = handlers
  }

  push(chunk: Uint8Array): void {
    let bytes = chunk
    if (this.#length > 0) {
      this.#pieces.push(chunk.slice())
      this.#length += chunk.length
      if (this.#length < this.#wanted) return
      bytes = joinBytes(this.#pieces)
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = 0
    while (bytes.length - at >= HEAD) {
      const end = at + 1 + view.getUint32(at + 1)
      if (end > bytes.length) break
      this.#message(bytes[at] ?? 0, bytes.subarray(at + HEAD, end))
      at = end
    }
    this.#length = bytes.length - at
    this.#wanted = this.#length < HEAD ? HEAD : 1 + view.getUint32(at + 1)
    this.#pieces = this.#length > 0 ? [bytes.slice(at)] : []
  }

  #message(type: number, body: Uint8Array): void {
    switch (String.fromCharCode(type)) {
      case 'E':
        this.error ??= serverErrorFrom(body)
        break
      case 'N':
        this.#handlers.onNotice?.(serverErrorFrom(body))
        break
      case 'D':
        this.#handlers.onRow?.(fieldsOf(body))
        break
      case 'd':
        this.#handlers.onCopyData?.(body)
        break
      case 'C':
        this.tag = utf8.decode(body.subarray(0, -1))
        break
      case 'G':
        this.askedForRows = true
        break
      case 'Z':
        this.status = String.fromCharCode(body[0] ?? 0)
        break
      default:
      // descriptions, parameters, what ends a COPY
    }
  }
}

/** DataRow: 2 bytes  fields; of each 4 bytes  length, -1 for NULL, and the text. */
function fieldsOf(body: Uint8Array): readonly (string | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const fields: (string | null)[] = []
  let at = 2
  for (let left = view.getUint16(0); left > 0; left--) {
    const length = view.getInt32(at)
    at += 4
    if (length < 0) {
      fields.push(null)
      continue
    }
    fields.push(utf8.decode(body.subarray(at, at + length)))
    at += length
  }
  return fields
}

/**
 * ErrorResponse and NoticeResponse: fields of 1 byte  type and a string that ends with a zero.
 * @param severity in the language of the server (`S`), or in English (`V`), where it says so
 */
export function serverErrorFrom(
  body: Uint8Array,
  decode: (bytes: Uint8Array) => string = (bytes) => utf8.decode(bytes),
  severity: 'S' | 'V' = 'V',
): ServerError {
  const fields = new Map<string, string>()
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const end = body.indexOf(0, at + 1)
    if (end < 0) break
    fields.set(String.fromCharCode(body[at] ?? 0), decode(body.subarray(at + 1, end)))
    at = end + 1
  }
  const number = (type: string): number | undefined => (fields.has(type) ? Number(fields.get(type)) : undefined)
  return new ServerError(fields.get('M') ?? '', {
    severity: fields.get(severity) ?? fields.get('S'),
    sqlState: fields.get('C'),
    detail: fields.get('D'),
    hint: fields.get('H'),
    context: fields.get('W'),
    position: number('P'),
    internalQuery: fields.get('q'),
    internalPosition: number('p'),
  })
}

const noBody = new Uint8Array(0)

/** A message to the server: 1 byte  type, 4 bytes  length with itself, body; several in a row in one array. */
export function frontendMessages(
  ...messages: readonly (readonly [type: string, body?: Uint8Array, end?: 'zero'])[]
): Uint8Array {
  const length = messages.reduce((sum, [, body = noBody, end]) => sum + 5 + body.length + (end === 'zero' ? 1 : 0), 0)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [type, body = noBody, end] of messages) {
    const size = 4 + body.length + (end === 'zero' ? 1 : 0)
    bytes[at] = type.charCodeAt(0)
    view.setUint32(at + 1, size)
    bytes.set(body, at + 5)
    at += 1 + size
  }
  return bytes
}
