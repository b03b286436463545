import { ArchiveError } from '../errors.ts'

/**
 * Reads names and what becomes of them, each as `old=new`. A name that begins with a double quote ends with one, and has
 * its own quotes doubled: so names may hold `=`, quotes, blanks at their ends and line feeds.
 *
 * @throws ArchiveError USAGE
 * @example
 * const owners = parseNamePairs(['alice=bob', '"Odd ""name"""=carol'])
 */
export function parseNamePairs(texts: Iterable<string>): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const text of texts) {
    const reader = new PairReader(text, wholeText)
    const pair = reader.pair()
    if (pair === undefined || !reader.atEnd) throw badPair(JSON.stringify(text), undefined)
    addName(names, pair)
  }
  return names
}

/**
 * Reads a file of names and what becomes of them, for `rewriteOwner` and its like: one `old=new` a line, blanks
 * around names left out, empty lines and lines that begin with `#` too. Names in double quotes are as in
 * {@link parseNamePairs}; they may go over several lines.
 *
 * @param text UTF-8, with a byte order mark or without
 * @throws ArchiveError USAGE with the number of the line
 * @example
 * const owners = parseNameMap('# who moved\nalice = bob\n"Odd ""name""" = carol\n')
 */
export function parseNameMap(text: string | Uint8Array): ReadonlyMap<string, string> {
  const source = typeof text === 'string' ? text.replace(/^\uFEFF/, '') : decode(text)
  const reader = new PairReader(source, oneLine)
  const names = new Map<string, string>()
  for (reader.skipLines(); !reader.atEnd; reader.skipLines()) {
    const start = reader.position
    const pair = reader.pair()
    if (pair === undefined || !reader.endLine()) {
      const line = reader.lineAt(start)
      throw badPair(JSON.stringify(reader.lineText(line)), line)
    }
    addName(names, pair)
  }
  return names
}

/** @throws ArchiveError USAGE when the old name has another new one already */
function addName(names: Map<string, string>, [oldName, newName]: readonly [string, string]): void {
  const other = names.get(oldName)
  if (other !== undefined && other !== newName) {
    const [from, to, also] = [oldName, other, newName].map((name) => JSON.stringify(name))
    throw new ArchiveError('USAGE', `Cannot rename ${from} twice: to ${to} and to ${also}`)
  }
  names.set(oldName, newName)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ArchiveError('USAGE', 'Cannot read the names: the file is no UTF-8', { cause })
  }
}

function badPair(shown: string, line: number | undefined): ArchiveError {
  const where = line === undefined ? '' : `line ${line} is `
  return new ArchiveError('USAGE', `Cannot read the names: ${where}${shown}, must be old=new`, {
    hint: 'Put odd names into double quotes, with quotes within them doubled: "my ""role"""=app',
    ...(line === undefined ? {} : { details: { line } }),
  })
}

/** What a name without quotes may be, and what may stand around names. */
interface PairSyntax {
  readonly oldName: RegExp
  readonly newName: RegExp
  readonly blanks: RegExp
}

const wholeText: PairSyntax = { oldName: /[^="][^=]*/y, newName: /[^"][^]*/y, blanks: /(?:)/y }
// a name ends where its last character that is no blank does
const oneLine: PairSyntax = {
  oldName: /[^\s="](?:[^=\r\n]*[^\s=])?/y,
  newName: /[^\s"](?:[^\r\n]*[^\s])?/y,
  blanks: /[ \t]*/y,
}

/** Reads names and what stands between them. */
class PairReader {
  readonly #text: string
  readonly #syntax: PairSyntax
  #at = 0

  constructor(text: string, syntax: PairSyntax) {
    this.#text = text
    this.#syntax = syntax
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  get position(): number {
    return this.#at
  }

  /** Number of the line at a position, from 1. */
  lineAt(position: number): number {
    return this.#text.slice(0, position).split('\n').length
  }

  lineText(line: number): string {
    return (this.#text.split('\n')[line - 1] ?? '').replace(/\r$/, '')
  }

  /** Leaves out empty lines and comments. */
  skipLines(): void {
    while (this.#take(/[ \t]*(?:#[^\n]*)?\r?\n/y) !== undefined);
    this.#take(/[ \t]*(?:#[^\n]*$)?/y)
  }

  /** Leaves out blanks up to the end of the line, and that. */
  endLine(): boolean {
    return this.#take(/[ \t]*(?:\r?\n|$)/y) !== undefined
  }

  /** Two names with `=` between them; undefined for anything else. */
  pair(): readonly [string, string] | undefined {
    const { oldName, newName, blanks } = this.#syntax
    const before = this.#name(oldName)
    this.#take(blanks)
    if (before === undefined || this.#take(/=/y) === undefined) return undefined
    this.#take(blanks)
    const after = this.#name(newName)
    return after === undefined ? undefined : [before, after]
  }

  #name(plain: RegExp): string | undefined {
    return this.#text[this.#at] === '"' ? this.#quoted() : this.#take(plain)
  }

  /** A regular expression would fail on names of many megabytes. */
  #quoted(): string | undefined {
    const start = this.#at + 1
    for (let end = this.#text.indexOf('"', start); end >= 0; end = this.#text.indexOf('"', end + 2)) {
      if (this.#text[end + 1] === '"') continue
      this.#at = end + 1
      return this.#text.slice(start, end).replaceAll('""', '"')
    }
    return undefined
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const taken = pattern.exec(this.#text)?.[0]
    if (taken !== undefined) this.#at += taken.length
    return taken
  }
}
