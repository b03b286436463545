import type { AuditRule } from './types.ts'

/**
 * A rule that says which plain definitions (see {@link PlainReader}) it has to see the statements of. One that does not
 * say is asked about all of them.
 */
export interface MarkedRule extends AuditRule {
  readonly marks?: Marks
}

/** Where a rule may have something to say of a plain definition. */
export interface Marks {
  /** One of these in its text; undefined: never. */
  readonly anywhere?: RegExp
  /** One of these in the text of a definition that has a string or a comment. */
  readonly inStringOrComment?: RegExp
  /** What is in a name that is a part of what the others find over several words. */
  readonly inName?: RegExp
}

/** What strings and comments begin with. */
const stringOrComment = /['$]|--|\/\*/

/** Of a rule about commands that no plain definition has. */
export const neverPlain: Marks = {}

/** Whether several rules may have something to say of a plain definition: what is asked is asked of each of many. */
export class MarkTest {
  readonly #anywhere: RegExp | undefined
  readonly #quoted: RegExp | undefined
  readonly #inName: RegExp | undefined

  constructor(marks: readonly Marks[]) {
    const inName = marks.flatMap((one) => one.inName ?? [])
    this.#anywhere = anyOf(marks.flatMap((one) => one.anywhere ?? []))
    this.#quoted = anyOf(marks.flatMap((one) => one.inStringOrComment ?? []))
    this.#inName = anyOf([...marks.flatMap((one) => one.anywhere ?? []), ...inName])
  }

  /** Of a whole definition. */
  isMarked(text: string): boolean {
    return this.isMarkedAnywhere(text) || (this.hasStrings(text) && this.isMarkedWithStrings(text))
  }

  /** Whether a definition has strings or comments. */
  hasStrings(text: string): boolean {
    return stringOrComment.test(text)
  }

  /** Of a part of a definition, whether or not there are strings. */
  isMarkedAnywhere(text: string): boolean {
    return this.#anywhere?.test(text) === true
  }

  /** Of a part of a definition that has a string, wherever that is. */
  isMarkedWithStrings(text: string): boolean {
    return this.#quoted?.test(text) === true
  }

  /** Finds something in each name that is marked, by itself or with strings, and what another expression finds. */
  anyInName(other: RegExp): RegExp {
    const all = [this.#inName, this.#quoted, other].filter((one) => one !== undefined)
    return anyOf(all) ?? other
  }

  /** Of a name, as isMarkedAnywhere: also where a name might complete what begins before it. */
  isMarkedName(name: string): boolean {
    return this.#inName?.test(name) === true
  }
}

function anyOf(patterns: readonly RegExp[]): RegExp | undefined {
  const sources = new Set(patterns.map(({ source }) => `(?:${source})`))
  return sources.size === 0 ? undefined : new RegExp([...sources].join('|'), 'i')
}
