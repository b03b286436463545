import { ArchiveError } from '../errors.ts'

/** The number of the layout of receipts that this release writes and reads. */
export const receiptVersion = 1

/** What an archive held when it was verified: written by `verify` with the option `receipt` (spec/verify.md). */
export interface Receipt {
  /** Layout of this object: 1. */
  readonly receipt: number
  /** What wrote it, as in `pgdmp 1.2.0`. */
  readonly tool: string
  /** When, ISO 8601 in UTC. */
  readonly time: string
  /** How the archive was stored; a conversion changes this and nothing else. */
  readonly archive: {
    readonly format: string
    /** Archive version, as in `1.16.0`. */
    readonly version: string
    readonly compression: string
    readonly bytes: number
    /** Of the file; of a directory, of the record `pgdmp directory 1`. */
    readonly sha256: string
  }
  /** Whose dump it is. */
  readonly header: {
    readonly dbname: string | null
    readonly serverVersion: string | null
    readonly pgDumpVersion: string | null
    readonly sha256: string
  }
  /** Digests of everything (spec/digest.md). */
  readonly digest: { readonly sha256: string; readonly content: string }
  readonly entries: readonly ReceiptEntry[]
  readonly largeObjects: readonly ReceiptObject[]
}

/** An entry that is not about large objects alone. */
export interface ReceiptEntry {
  readonly dumpId: number
  readonly desc: string
  readonly namespace: string | null
  readonly tag: string | null
  /** Digest of the entry without its data. */
  readonly definition: string
  /** SHA-256 of its data; null without. */
  readonly data: string | null
  /** Rows of a table; null for anything else. */
  readonly rows: number | null
  /** Bytes of its data, decompressed. */
  readonly bytes: number | null
}

/** A large object. */
export interface ReceiptObject {
  /** Unsigned 32-bit OID. */
  readonly oid: number
  /** Digest of owner, remarks and content. */
  readonly sha256: string
  /** SHA-256 of its content; null without. */
  readonly data: string | null
  readonly bytes: number | null
}

/**
 * Reads a receipt, which comes from outside: every field is checked.
 * @param text JSON, or what JSON.parse made of it
 * @throws ArchiveError BAD_RECEIPT
 */
export function parseReceipt(text: string | Uint8Array | object): Receipt {
  const root = new Field(asJson(text), 'the receipt')
  const version = root.at('receipt').value
  if (version !== receiptVersion) {
    const hint =
      typeof version === 'number' && version > receiptVersion ? 'It needs a newer release of pgdmp' : undefined
    throw bad(`its field "receipt" is ${shown(version)}, must be ${receiptVersion}`, hint)
  }
  const archive = root.at('archive')
  const header = root.at('header')
  const digest = root.at('digest')
  return {
    receipt: receiptVersion,
    tool: root.at('tool').text(),
    time: root.at('time').text(),
    archive: {
      format: archive.at('format').text(),
      version: archive.at('version').text(),
      compression: archive.at('compression').text(),
      bytes: archive.at('bytes').count(),
      sha256: archive.at('sha256').sha256(),
    },
    header: {
      dbname: header.at('dbname').orNull((field) => field.text()),
      serverVersion: header.at('serverVersion').orNull((field) => field.text()),
      pgDumpVersion: header.at('pgDumpVersion').orNull((field) => field.text()),
      sha256: header.at('sha256').sha256(),
    },
    digest: { sha256: digest.at('sha256').sha256(), content: digest.at('content').sha256() },
    entries: root.at('entries').list((entry) => ({
      dumpId: entry.at('dumpId').count(),
      desc: entry.at('desc').text(),
      namespace: entry.at('namespace').orNull((field) => field.text()),
      tag: entry.at('tag').orNull((field) => field.text()),
      definition: entry.at('definition').sha256(),
      data: entry.at('data').orNull((field) => field.sha256()),
      rows: entry.at('rows').orNull((field) => field.count()),
      bytes: entry.at('bytes').orNull((field) => field.count()),
    })),
    largeObjects: root.at('largeObjects').list((object) => ({
      oid: object.at('oid').count(),
      sha256: object.at('sha256').sha256(),
      data: object.at('data').orNull((field) => field.sha256()),
      bytes: object.at('bytes').orNull((field) => field.count()),
    })),
  }
}

function asJson(text: string | Uint8Array | object): unknown {
  if (typeof text === 'object' && !(text instanceof Uint8Array)) return text
  try {
    return JSON.parse(typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true }).decode(text))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw bad(`it is no JSON: ${why}`, undefined, cause)
  }
}

/** A value of a receipt, and where it stands. */
class Field {
  readonly value: unknown
  readonly #name: string

  constructor(value: unknown, name: string) {
    this.value = value
    this.#name = name
  }

  at(key: string): Field {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong('an object')
    const found: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
    return new Field(found, this.#name === 'the receipt' ? `"${key}"` : `${this.#name}."${key}"`)
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.#wrong('a string')
    return this.value
  }

  sha256(): string {
    if (typeof this.value !== 'string' || !/^[0-9a-f]{64}$/.test(this.value)) throw this.#wrong('64 hexadecimal digits')
    return this.value
  }

  count(): number {
    if (!Number.isSafeInteger(this.value) || Number(this.value) < 0) throw this.#wrong('an integer, 0 or more')
    return Number(this.value)
  }

  orNull<T>(read: (field: Field) => T): T | null {
    return this.value === null ? null : read(this)
  }

  list<T>(read: (field: Field) => T): readonly T[] {
    if (!Array.isArray(this.value)) throw this.#wrong('a list')
    return this.value.map((item, index) => read(new Field(item, `${this.#name}[${index}]`)))
  }

  #wrong(must: string): ArchiveError {
    return bad(`${this.#name} is ${shown(this.value)}, must be ${must}`)
  }
}

/** A value for a message: what is nested may be so deep that it cannot be written. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value)
}

function bad(what: string, hint?: string, cause?: unknown): ArchiveError {
  return new ArchiveError('BAD_RECEIPT', `Cannot read the receipt: ${what}`, {
    hint: hint ?? 'Give a file that "pgdmp verify --receipt" wrote',
    cause,
  })
}
