import { encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import { decoderFor } from '../toc/encoding.ts'
import { encoderFor } from '../toc/encode-name.ts'

/**
 * New names for old ones, by name or by a function; a name that gets none stays. Names are what the server calls them:
 * case as stored, no quotes. All are replaced at once, so that two names can be swapped.
 */
export type NameMap =
  | Readonly<Record<string, string>>
  | ReadonlyMap<string, string>
  | ((name: string) => string | undefined)

/** What a {@link NameMap} renames. */
export type NameKind = 'role' | 'schema' | 'tablespace' | 'table access method' | 'database'

/** Names of one kind in the archive's own bytes. */
export interface NamesOptions {
  readonly kind: NameKind
  readonly encoding: string
  /** The names of this kind that the archive shows, decoded: what a function is asked about in doubtful places. */
  readonly known: () => ReadonlySet<string>
  /** A function is asked about known names only, anywhere. */
  readonly knownOnly?: boolean
}

/** Renames byte strings as a {@link NameMap} says. */
export class Names {
  readonly #options: NamesOptions
  readonly #lookUp: (name: string) => string | undefined
  readonly #byBytes = new Map<string, string | undefined>()
  readonly #old: readonly string[] | undefined
  readonly #used = new Set<string>()
  readonly #decode: (bytes: Uint8Array) => string
  readonly #encode: (text: string) => string | undefined
  #known: ReadonlySet<string> | undefined
  /** Null when nothing can be told without looking closely. */
  #needles: readonly string[] | null | undefined

  /** @throws ArchiveError USAGE for a new name that no object can have, or that the archive's encoding cannot say */
  constructor(map: NameMap, options: NamesOptions) {
    this.#options = options
    this.#decode = decoderFor(options.encoding)
    this.#encode = encoderFor(options.encoding)
    if ((typeof map !== 'object' && typeof map !== 'function') || map === null) {
      const shown = map === null ? 'null' : typeof map
      throw new ArchiveError(
        'USAGE',
        `Cannot rename ${options.kind} names: the new names are ${shown}, must be an object, a Map or a function`,
      )
    }
    if (typeof map === 'function') {
      this.#lookUp = (name) => (options.knownOnly !== true || this.#isKnown(name) ? map(name) : undefined)
      return
    }
    const entries = map instanceof Map ? map : new Map(Object.entries(map))
    this.#lookUp = (name) => entries.get(name)
    this.#old = [...entries.keys()]
    for (const [name, next] of entries) this.#bytesOf(name, next)
  }

  get kind(): NameKind {
    return this.#options.kind
  }

  /** The new name; undefined for one that stays. */
  rename(name: string): string | undefined {
    if (this.#byBytes.has(name)) return this.#byBytes.get(name)
    const shown = this.decode(name)
    const next = isNoRole(this.#options.kind, shown) ? undefined : this.#lookUp(shown)
    if (next !== undefined) this.#used.add(shown)
    const bytes = next === undefined || next === shown ? undefined : this.#bytesOf(shown, next)
    this.#byBytes.set(name, bytes)
    return bytes
  }

  /** A name that is renamed and, if by a function, is known to be one of this kind. */
  isWanted(name: string): boolean {
    // a function may be asked about roles only, not about any word
    if (this.#old === undefined && !this.#isKnown(this.decode(name))) return false
    return this.rename(name) !== undefined
  }

  /** Old names that nobody has asked for; none for a function. */
  unused(): readonly string[] {
    return (this.#old ?? []).filter((name) => !this.#used.has(name))
  }

  /** Whether a text may hold one of the names; false is certain. */
  mayOccurIn(text: string): boolean {
    this.#needles ??= needlesOf(this.#old, this.#encode)
    if (this.#needles === null) return true
    const folded = text.toLowerCase()
    return this.#needles.some((needle) => folded.includes(needle))
  }

  decode(name: string): string {
    return this.#decode(encodeByteString(name))
  }

  #isKnown(name: string): boolean {
    this.#known ??= this.#options.known()
    return this.#known.has(name)
  }

  #bytesOf(name: string, next: unknown): string {
    const { kind, encoding } = this.#options
    const problem = problemOf(kind, name, next)
    const shownName = `${kind} ${JSON.stringify(name)}`
    if (problem !== undefined || typeof next !== 'string') {
      throw new ArchiveError('USAGE', `Cannot rename ${shownName}: ${problem ?? 'the new name is no string'}`, {
        details: { kind, name, newName: next },
      })
    }
    const bytes = next === name ? next : this.#encode(next)
    if (bytes === undefined) {
      throw new ArchiveError(
        'USAGE',
        `Cannot rename ${shownName}: the archive's encoding ${encoding} cannot say ${JSON.stringify(next)}`,
        {
          details: { kind, name, newName: next, encoding },
          hint: 'Choose a name of ASCII letters, or make the dump with --encoding=UTF8',
        },
      )
    }
    if (bytes.length > NAME_BYTES && next !== name) {
      throw new ArchiveError(
        'USAGE',
        `Cannot rename ${shownName}: the new name has ${bytes.length} bytes, must be at most ${NAME_BYTES}`,
        {
          details: { kind, name, newName: next },
          hint: 'Choose a shorter name: a server would cut it, and two such names may become one',
        },
      )
    }
    return bytes
  }
}

/** Bytes of a name that a server keeps (NAMEDATALEN − 1). */
const NAME_BYTES = 63

/** Names the server keeps for itself. */
const systemSchema = /^(?:pg_|information_schema$)/

/** No role can have these names, in quotes or without: where they stand for one, they mean all of them, or none. */
function isNoRole(kind: NameKind, name: string): boolean {
  return kind === 'role' && (name === 'public' || name === 'none')
}

function problemOf(kind: NameKind, name: string, next: unknown): string | undefined {
  if (typeof next !== 'string') return `the new name is ${next === null ? 'null' : typeof next}, must be a string`
  if (next === name) return undefined
  if (next === '') return 'the new name is empty'
  if (next.includes('\0')) return 'the new name holds a zero byte'
  if (isNoRole(kind, next)) return `the new name "${next}" is reserved`
  if (isNoRole(kind, name)) return `"${name}" means ${name === 'public' ? 'every role, it is none' : 'no role'}`
  if (kind !== 'schema') return undefined
  const system = [name, next].find((schema) => systemSchema.test(schema))
  return system === undefined ? undefined : `"${system}" belongs to the server`
}

/** Pieces of which one is in every text that holds one of the names; null when that cannot be told. */
function needlesOf(
  names: readonly string[] | undefined,
  encode: (text: string) => string | undefined,
): readonly string[] | null {
  if (names === undefined) return null
  const needles: string[] = []
  for (const name of names) {
    const bytes = encode(name)
    // quotes are doubled and backslashes escaped, in one place or another
    if (bytes === undefined || /["'\\\t\n\r\b\f]/.test(bytes)) return null
    needles.push(bytes.toLowerCase())
  }
  return needles
}
