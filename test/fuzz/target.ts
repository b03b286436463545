import { isArchiveError } from '../../src/errors.ts'
import { decodeByteString, encodeByteString } from '../../src/bytes/byte-string.ts'
import type { Mutator } from './mutate.ts'

/** Code that takes bytes from strangers, and what to feed it with. */
export interface FuzzTarget {
  readonly name: string
  /** What the corpus begins with; `root` is the folder of package.json. */
  readonly seeds: (root: string) => readonly Uint8Array[]
  /** Words that its inputs consist of. */
  readonly tokens: readonly string[]
  /** Longer inputs are cut off. */
  readonly maxBytes: number
  /** Mutations besides those of any bytes. */
  readonly mutators?: readonly Mutator[]
  /** Makes checksums right again, so that a mutation gets past them; done for every other input. */
  readonly repair?: (input: Uint8Array) => Uint8Array
  /** Feeds it. Whatever it throws is a finding: an ArchiveError must have been caught where it is allowed. */
  readonly run: (input: Uint8Array) => void | Promise<void>
}

/** What came of something that may throw an ArchiveError, and nothing else. */
export type Attempt<T> = { readonly value: T } | { readonly code: string; readonly message: string }

/** Runs what may fail with an ArchiveError. */
export async function attempt<T>(work: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() }
  } catch (error) {
    if (!isArchiveError(error)) throw error
    return { code: error.code, message: error.message }
  }
}

/** The same for what is synchronous. */
export function attemptNow<T>(work: () => T): Attempt<T> {
  try {
    return { value: work() }
  } catch (error) {
    if (!isArchiveError(error)) throw error
    return { code: error.code, message: error.message }
  }
}

/** Throws unless both attempts came out the same: equal values as JSON, or the same code. */
export function requireSame<T>(what: string, one: Attempt<T>, other: Attempt<T>): void {
  const [first, second] = [one, other].map((each) => ('code' in each ? each.code : JSON.stringify(each.value)))
  if (first === second) return
  throw new Error(`${what}: ${shown(one)} and ${shown(other)} differ`)
}

function shown(attempted: Attempt<unknown>): string {
  if ('code' in attempted) return `${attempted.code} (${attempted.message})`
  return String(JSON.stringify(attempted.value)).slice(0, 300)
}

/** `text` as one byte for each character. */
export const bytesOf: (text: string) => Uint8Array = encodeByteString

/** Every byte as a character. */
export const textOf: (bytes: Uint8Array) => string = decodeByteString
