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
}

/** What strings and comments begin with. */
const stringOrComment = /['$]|--|\/\*/

/** Of a rule about commands that no plain definition has. */
export const neverPlain: Marks = {}

/** Whether one of several rules may have something to say of a plain definition. */
export type IsMarked = (text: string) => boolean

/** One test for several rules, undefined where one of them has to see all: what is asked is asked of every definition. */
export function isMarkedBy(marks: readonly (Marks | undefined)[]): IsMarked | undefined {
  if (marks.includes(undefined)) return undefined
  const anywhere = anyOf(marks.flatMap((one) => one?.anywhere ?? []))
  const quoted = anyOf(marks.flatMap((one) => one?.inStringOrComment ?? []))
  return (text) =>
    anywhere?.test(text) === true || (quoted !== undefined && stringOrComment.test(text) && quoted.test(text))
}

function anyOf(patterns: readonly RegExp[]): RegExp | undefined {
  const sources = new Set(patterns.map(({ source }) => `(?:${source})`))
  return sources.size === 0 ? undefined : new RegExp([...sources].join('|'), 'i')
}
