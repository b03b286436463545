import { decodeByteString } from '../bytes/byte-string.ts'
import type { ByteSpan } from '../toc/types.ts'
import { ByteTexts } from './byte-texts.ts'
import { mayNameRole } from './read-roles.ts'
import { isPlainName } from './span-reader.ts'
import type { MarkTest } from './marked-rule.ts'

/** Words that a reader of statements looks for where a name may stand, though names need no quotes for them. */
const looksElse: ReadonlySet<string> = new Set(['exclude', 'group', 'if', 'period'])

/** What names of samples begin with: in a definition they would be taken for those that stand in its place. */
const ofSamples = 'pgdmp_sample_'

/** Longer ones the server cuts. */
const MOST_BYTES = 63

/** More shapes of names than that are looked at each time. */
const MOST_SHAPES = 4096

const ZERO = 0x30
/** In a plain name nothing but a digit is below it. */
const NINE = 0x39

/** What is to be said of a name: it stands for itself without quotes, and rules may have something to say of it. */
export const nameFlag = {
  plain: 1,
  /** Wherever it is. */
  marked: 2,
  /** In a definition that has strings. */
  markedWithStrings: 4,
  /** It may be taken for a word that a role stands after. */
  role: 8,
} as const

/** Names in plain definitions. Those of tables come up with many entries: they are one string for all of them. */
export class PlainNames {
  readonly #keywords: ReadonlyMap<string, unknown>
  readonly #longest: number
  readonly #marks: MarkTest
  readonly #any: RegExp
  /** Names with each digit a zero: of many names that differ in a number the same is to be said. */
  readonly #shapes = new ByteTexts()
  readonly #flagsOfShapes: number[] = []
  readonly #shape = new Uint8Array(MOST_BYTES)
  readonly #known = new ByteTexts()
  readonly #flags: number[] = []

  constructor(keywords: ReadonlyMap<string, unknown>, marks: MarkTest) {
    this.#keywords = keywords
    this.#longest = Math.max(0, ...Array.from(keywords.keys(), ({ length }) => length))
    this.#marks = marks
    this.#any = marks.anyInName(mayNameRole)
  }

  /** Whether the name needs no quotes, and is no word of SQL. */
  isPlain(name: string): boolean {
    return /^[a-z_][a-z0-9_]*$/.test(name) && this.#isNoWord(name)
  }

  #isNoWord(name: string): boolean {
    if (name.length <= this.#longest && (this.#keywords.has(name) || looksElse.has(name))) return false
    return !name.startsWith(ofSamples)
  }

  /** What is to be said of a name that comes up once; 0 where it is not plain. */
  flagsOf({ bytes, start, end }: ByteSpan): number {
    const length = end - start
    if (length > MOST_BYTES || !isPlainName(bytes, start, end)) return 0
    const shape = this.#shape
    for (let at = 0; at < length; at++) {
      const code = bytes[start + at] ?? 0
      shape[at] = code <= NINE ? ZERO : code
    }
    const known = this.#shapes.find(shape, 0, length)
    if (known !== -1) return this.#flagsOfShapes[known] ?? 0
    const flags = this.#look(decodeByteString(shape, 0, length))
    if (this.#flagsOfShapes.length < MOST_SHAPES) {
      const number = this.#shapes.add(shape, 0, length)
      if (number !== -1) this.#flagsOfShapes[number] = flags
    }
    return flags
  }

  /** The number of a name that comes up often; −1 where it is not plain. */
  find({ bytes, start, end }: ByteSpan): number {
    const known = this.#known.find(bytes, start, end)
    if (known !== -1) return this.#flags[known] === 0 ? -1 : known
    if (end - start > MOST_BYTES || !isPlainName(bytes, start, end)) return -1
    const number = this.#known.add(bytes, start, end)
    if (number === -1) return -1
    const flags = this.#look(this.text(number))
    this.#flags[number] = flags
    return flags === 0 ? -1 : number
  }

  text(number: number): string {
    return this.#known.texts[number] ?? ''
  }

  flags(number: number): number {
    return this.#flags[number] ?? 0
  }

  #look(name: string): number {
    if (!this.#isNoWord(name)) return 0
    let flags: number = nameFlag.plain
    // nearly all are none of it: one look is enough for these
    if (!this.#any.test(name)) return flags
    if (this.#marks.isMarkedName(name)) flags |= nameFlag.marked
    if (this.#marks.isMarkedWithStrings(name)) flags |= nameFlag.markedWithStrings
    if (mayNameRole.test(name)) flags |= nameFlag.role
    return flags
  }
}
