import { encodeByteString } from '../bytes/byte-string.ts'
import type { ChunkSource } from '../io/chunks.ts'

/** Bytes of an object in one lowrite() call: as hex in SQL twice as many. */
const BYTES_PER_CALL = 128 * 1024

/** INV_WRITE, libpq-fs.h */
const OPEN_FOR_WRITING = 131072

const digits = encodeByteString('0123456789abcdef')
const end = encodeByteString("');\n")

/**
 * The SQL that fills one large object, within a transaction: opened, then written and closed in few messages, most
 * objects in one. The descriptor is 0 because nothing else is open in the transaction.
 */
export class LargeObjectSql {
  /** Opens the object, to be sent before what {@link LargeObjectSql.read} gives. */
  readonly open: Uint8Array
  readonly #begin: Uint8Array
  /** Bytes of the object so far. */
  bytes = 0

  /** @param createsObject archives before 1.12 create objects with their data */
  constructor(oid: number, createsObject: boolean, stdStrings: boolean) {
    const object = createsObject ? `pg_catalog.lo_create('${oid}')` : `'${oid}'`
    this.open = encodeByteString(`SELECT pg_catalog.lo_open(${object}, ${OPEN_FOR_WRITING});\n`)
    this.#begin = encodeByteString(`SELECT pg_catalog.lowrite(0, '${stdStrings ? '' : '\\'}\\x`)
  }

  /** The messages that write and close it; each is valid until the next is asked for. */
  async *read(source: ChunkSource): AsyncGenerator<Uint8Array, void, void> {
    let message = new Uint8Array(0)
    let at = 0
    /** Makes room for a whole call, small at first: most objects are. */
    const reserve = (bytes: number): void => {
      if (message.length - at >= bytes) return
      const larger = new Uint8Array(Math.max(2 * message.length, at + bytes))
      larger.set(message.subarray(0, at))
      message = larger
    }
    const put = (text: Uint8Array): void => {
      reserve(text.length)
      message.set(text, at)
      at += text.length
    }
    let inCall = 0
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
      this.bytes += chunk.length
      for (let from = 0; from < chunk.length;) {
        if (inCall === 0) put(this.#begin)
        const count = Math.min(BYTES_PER_CALL - inCall, chunk.length - from)
        reserve(2 * count)
        for (const stop = from + count; from < stop; from++) {
          const byte = chunk[from] ?? 0
          message[at++] = digits[byte >> 4] ?? 0
          message[at++] = digits[byte & 15] ?? 0
        }
        inCall += count
        if (inCall < BYTES_PER_CALL) continue
        put(end)
        yield message.subarray(0, at)
        at = 0
        inCall = 0
      }
    }
    if (inCall > 0) put(end)
    put(encodeByteString('SELECT pg_catalog.lo_close(0);\n'))
    yield message.subarray(0, at)
  }
}
