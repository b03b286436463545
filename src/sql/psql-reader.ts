import { LaterBytes, mixedEncoding } from './mixed-encoding.ts'

/**
 * What psql would do with a script besides sending it:
 *
 * | kind | what |
 * | --- | --- |
 * | meta-command | a backslash outside of quotes and comments: psql runs what follows, `\!` in a shell |
 * | variable | `:NAME`, for which psql puts in a value that is then read as script |
 * | copy-from-stdin | a COPY of its own: what follows is rows to psql, up to any line `\.` |
 * | ambiguous | text in which releases of psql, or psql and the server, find other quotes |
 * | unclosed | a quote, comment, parenthesis or statement that takes in what the script says next |
 * | nul | a NUL: psql leaves out the rest of the line, its end included |
 */
export type UnsafeKind = 'meta-command' | 'variable' | 'copy-from-stdin' | 'ambiguous' | 'unclosed' | 'nul'

/** A place that psql would not just send. */
export interface UnsafeSpot {
  readonly kind: UnsafeKind
  /** Bytes since the last {@link PsqlReader.begin}. */
  readonly offset: number
  /** Lines since then, the first being 1. */
  readonly line: number
  /** What stands there: a byte string of one line, cut. */
  readonly excerpt: string
}

/** How psql reads a script. */
export interface PsqlReaderOptions {
  /** `standard_conforming_strings` of the session. */
  readonly stdStrings: boolean
  /** `client_encoding` of the session. */
  readonly encoding: string
  readonly onUnsafe: (spot: UnsafeSpot) => void
}

type Mode = 'plain' | 'string' | 'name' | 'dollar' | 'block comment' | 'line comment'

const word = /[A-Za-z_\u0080-\u00ff][A-Za-z0-9_$\u0080-\u00ff]*/y
const number = /\d[\d_]*(?:\.(?!\.)[\d_]*)?(?:[eE][+-]?\d+)?/y
const parameter = /\$\d+/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\u00ff][A-Za-z0-9_\u0080-\u00ff]*)?\$/y
const dollarStart = /\$[A-Za-z0-9_\u0080-\u00ff]*/y
const variable = /:(?:[A-Za-z0-9_\u0080-\u00ff]+|\{\?[A-Za-z0-9_\u0080-\u00ff]*\}?)/y
const wordStart = /[A-Za-z_\u0080-\u00ff]/
const lineEnd = /[\n\r]/g
const stringStop = /['\\]/g
const commentStop = /\*\/|\/\*/g
/** A token longer than this is none that an honest archive has. */
const MAX_TOKEN = 4096
const EXCERPT = 60
/** Places told of one text: each costs a count of lines. */
const MAX_TOLD = 10

/** The variables psql has of its own: all others are of whoever runs it. */
const ownVariables: ReadonlySet<string> = new Set(
  `AUTOCOMMIT COMP_KEYWORD_CASE DBNAME ECHO ECHO_HIDDEN ENCODING ERROR FETCH_COUNT HIDE_TABLEAM HIDE_TOAST_COMPRESSION
  HISTCONTROL HISTFILE HISTSIZE HOST IGNOREEOF LASTOID LAST_ERROR_MESSAGE LAST_ERROR_SQLSTATE ON_ERROR_ROLLBACK
  ON_ERROR_STOP PIPELINE_COMMAND_COUNT PIPELINE_RESULT_COUNT PIPELINE_SYNC_COUNT PORT PROMPT1 PROMPT2 PROMPT3 QUIET
  ROW_COUNT SERVER_VERSION_NAME SERVER_VERSION_NUM SERVICE SERVICEFILE SHELL_ERROR SHELL_EXIT_CODE SHOW_ALL_RESULTS
  SHOW_CONTEXT SINGLELINE SINGLESTEP SQLSTATE USER VERBOSITY VERSION VERSION_NAME VERSION_NUM WATCH_INTERVAL`.split(
    /\s+/,
  ),
)

/**
 * Reads a script the way psql does before it sends anything (psqlscan.l; mainloop.c), of all releases from 13 on: where
 * they differ, the text is ambiguous. Text comes in pieces of any size and is read once, in time linear in its length.
 */
export class PsqlReader {
  readonly #stdStrings: boolean
  readonly #laterBytes: LaterBytes | undefined
  readonly #onUnsafe: (spot: UnsafeSpot) => void
  #mode: Mode = 'plain'
  /** A backslash escapes in the string that is open. */
  #escapes = false
  /** The string that is open has doubled quotes. */
  #doubles = false
  /** The mark that ends the dollar quote that is open. */
  #tag = ''
  #commentDepth = 0
  /** Whether a backslash escaped in the string before, when nothing but space and comments came after it. */
  #lastEscapes: boolean | undefined
  #parentheses = 0
  #brackets = 0
  /** BEGIN … END within CREATE FUNCTION, as psql counts them. */
  #beginDepth = 0
  #initials = ''
  /** Words and other tokens of the statement so far. */
  #tokens = 0
  #firstWord = ''
  /** The last two words, as long as nothing else came after them. */
  #lastWords = ''
  #hasStdin = false
  #statements = 0
  #isCopy = false
  #expectsCopy = false
  #told = 0
  #carry = ''
  #offset = 0
  #line = 1

  constructor({ stdStrings, encoding, onUnsafe }: PsqlReaderOptions) {
    this.#stdStrings = stdStrings
    const mixed = mixedEncoding(encoding)
    this.#laterBytes = mixed === undefined ? undefined : new LaterBytes(mixed)
    this.#onUnsafe = onUnsafe
  }

  /** From here on, offsets and lines are those of another text: a COPY statement, or any other. */
  begin(text: 'copy statement' | 'sql'): void {
    this.#offset = 0
    this.#line = 1
    this.#statements = 0
    this.#isCopy = false
    this.#expectsCopy = text === 'copy statement'
    this.#told = 0
  }

  /** Reads a piece of the script, a byte string. */
  push(piece: string): void {
    this.#read(this.#carry + (this.#laterBytes?.hide(piece) ?? piece), false)
  }

  /** Reads what was kept back because it may go on, and says what is open. */
  end(): void {
    this.#read(this.#carry + (this.#laterBytes?.end() ?? ''), true)
    const open = this.#mode !== 'plain' && this.#mode !== 'line comment'
    if (open || this.#tokens > 0 || this.#parentheses > 0 || this.#beginDepth > 0) {
      this.#tell('unclosed', '', 0, open ? this.#mode : 'statement')
    }
    this.#reset()
  }

  /** Whether all that was read since {@link PsqlReader.begin} is one COPY … FROM stdin, which psql will go on to feed. */
  get isCopy(): boolean {
    return this.#statements === 1 && this.#tokens === 0 && this.#isCopy
  }

  #reset(): void {
    this.#mode = 'plain'
    this.#lastEscapes = undefined
    this.#parentheses = 0
    this.#brackets = 0
    this.#beginDepth = 0
    this.#initials = ''
    this.#tokens = 0
    this.#firstWord = ''
    this.#lastWords = ''
    this.#hasStdin = false
    this.#carry = ''
  }

  #tell(
    kind: UnsafeKind,
    text: string,
    at: number,
    excerpt: string = text.slice(at, at + EXCERPT).replace(/[\n\r].*/s, ''),
  ): void {
    if (++this.#told > MAX_TOLD) return
    let line = this.#line
    for (let feed = text.indexOf('\n'); feed !== -1 && feed < at; feed = text.indexOf('\n', feed + 1)) line++
    this.#onUnsafe({ kind, offset: this.#offset + at, line, excerpt })
  }

  #read(text: string, final: boolean): void {
    const nul = text.indexOf('\0')
    if (nul !== -1) this.#tell('nul', text, nul, '')
    let at = 0
    while (at < text.length) {
      const next = this.#step(text, at, final)
      if (next === -1) break
      at = next
    }
    for (let feed = text.indexOf('\n'); feed !== -1 && feed < at; feed = text.indexOf('\n', feed + 1)) this.#line++
    this.#offset += at
    this.#carry = text.slice(at)
    if (this.#carry.length <= MAX_TOKEN) return
    this.#tell('ambiguous', this.#carry, 0)
    this.#carry = ''
  }

  /** Reads one token, or the rest of what is open, and gives where it ends; −1 when more must be known. */
  #step(text: string, at: number, final: boolean): number {
    switch (this.#mode) {
      case 'plain':
        return this.#plain(text, at, final)
      case 'string':
        return this.#string(text, at, final)
      case 'name': {
        // a doubled quote closes the name and opens another
        const quote = text.indexOf('"', at)
        if (quote === -1) return text.length
        this.#mode = 'plain'
        return quote + 1
      }
      case 'dollar':
        return this.#dollar(text, at, final)
      case 'line comment': {
        lineEnd.lastIndex = at
        const end = lineEnd.exec(text)
        if (end === null) return text.length
        this.#mode = 'plain'
        return end.index
      }
      case 'block comment':
        return this.#blockComment(text, at, final)
      default:
        return this.#mode satisfies never
    }
  }

  #string(text: string, at: number, final: boolean): number {
    let stop = at
    if (this.#escapes) {
      stringStop.lastIndex = at
      stop = stringStop.exec(text)?.index ?? -1
    } else stop = text.indexOf("'", at)
    if (stop === -1) return text.length
    if (stop + 1 === text.length && !final) return stop === at ? -1 : stop
    if (text.charAt(stop) === '\\') return Math.min(stop + 2, text.length)
    if (this.#doubles && text.charAt(stop + 1) === "'") return stop + 2
    this.#mode = 'plain'
    this.#lastEscapes = this.#escapes
    return stop + 1
  }

  #dollar(text: string, at: number, final: boolean): number {
    const close = text.indexOf(this.#tag, at)
    if (close !== -1) {
      this.#mode = 'plain'
      return close + this.#tag.length
    }
    if (final) return text.length
    const kept = Math.max(at, text.length - this.#tag.length + 1)
    return kept === at ? -1 : kept
  }

  #blockComment(text: string, at: number, final: boolean): number {
    commentStop.lastIndex = at
    const stop = commentStop.exec(text)
    if (stop === null) {
      const kept = final ? text.length : text.length - 1
      return kept === at ? -1 : kept
    }
    this.#commentDepth += stop[0] === '/*' ? 1 : -1
    if (this.#commentDepth === 0) this.#mode = 'plain'
    return stop.index + 2
  }

  #plain(text: string, at: number, final: boolean): number {
    const char = text.charAt(at)
    switch (char) {
      case ' ':
      case '\t':
      case '\n':
      case '\r':
      case '\f':
      case '\v':
        return at + 1
      case '-':
      case '/': {
        if (at + 1 === text.length && !final) return -1
        const next = text.charAt(at + 1)
        if (char === '-' && next === '-') this.#mode = 'line comment'
        else if (char === '/' && next === '*') {
          this.#mode = 'block comment'
          this.#commentDepth = 1
        } else return this.#token(at + 1)
        return at + 2
      }
      case "'":
        return this.#openString(text, at, at, !this.#stdStrings, true)
      case '"':
        this.#token(at)
        this.#mode = 'name'
        return at + 1
      case '$':
        return this.#dollarSign(text, at, final)
      case ':':
        return this.#colon(text, at, final)
      case '\\':
        this.#tell('meta-command', text, at)
        return this.#token(at + 1)
      case ';':
        return this.#semicolon(text, at)
      case '(':
        this.#parentheses++
        return this.#token(at + 1)
      case ')':
        if (this.#parentheses > 0) this.#parentheses--
        return this.#token(at + 1)
      case '[':
        this.#brackets++
        return this.#token(at + 1)
      case ']':
        if (this.#brackets > 0) this.#brackets--
        return this.#token(at + 1)
      default:
        if (char >= '0' && char <= '9') return this.#numeral(text, at, number, final)
        if (wordStart.test(char)) return this.#word(text, at, final)
        return this.#token(at + 1)
    }
  }

  #token(end: number): number {
    this.#tokens++
    this.#lastEscapes = undefined
    this.#lastWords = ''
    return end
  }

  /** @param quote where the quote is, `at` being where its prefix is */
  #openString(text: string, at: number, quote: number, escapes: boolean, doubles: boolean): number {
    // `E'a'` and `'b'` on the next line are one string to the server, and may be to psql
    if (this.#lastEscapes !== undefined && this.#lastEscapes !== escapes) this.#tell('ambiguous', text, at)
    this.#token(at)
    this.#mode = 'string'
    this.#escapes = escapes
    this.#doubles = doubles
    return quote + 1
  }

  #dollarSign(text: string, at: number, final: boolean): number {
    dollarStart.lastIndex = at
    dollarStart.test(text)
    if (dollarStart.lastIndex === text.length && !final) return -1
    parameter.lastIndex = at
    if (parameter.test(text)) return this.#numeral(text, at, parameter, final)
    dollarQuote.lastIndex = at
    const tag = dollarQuote.exec(text)?.[0]
    this.#token(at)
    if (tag === undefined) return at + 1
    this.#mode = 'dollar'
    this.#tag = tag
    return at + tag.length
  }

  /** Releases differ in where a number ends that letters follow. */
  #numeral(text: string, at: number, pattern: RegExp, final: boolean): number {
    pattern.lastIndex = at
    pattern.test(text)
    const end = pattern.lastIndex
    // a point or exponent may go on
    if (end + 2 > text.length && !final) return -1
    if (wordStart.test(text.charAt(end))) this.#tell('ambiguous', text, at)
    return this.#token(end)
  }

  #colon(text: string, at: number, final: boolean): number {
    if (at + 1 === text.length && !final) return -1
    const next = text.charAt(at + 1)
    if (next === ':' || next === '=') return this.#token(at + 2)
    variable.lastIndex = at
    const name = variable.exec(text)?.[0]
    if (name === undefined) return this.#token(at + 1)
    if (variable.lastIndex === text.length && !final) return -1
    // within brackets it is a slice, which views have, and which psql leaves alone unless it has such a variable
    if (this.#brackets === 0 || ownVariables.has(name.slice(1)) || name.startsWith(':{')) {
      this.#tell('variable', text, at)
    }
    // what it says is read as part of the script, or else by psql as nothing but a name
    return this.#token(at + name.length)
  }

  #word(text: string, at: number, final: boolean): number {
    word.lastIndex = at
    word.test(text)
    const end = word.lastIndex
    if (end + 1 >= text.length && !final) return -1
    const follows = text.charAt(end)
    if (follows === "'" && end - at === 1) {
      switch (text.charAt(at)) {
        case 'e':
        case 'E':
          return this.#openString(text, at, end, true, true)
        case 'b':
        case 'B':
        case 'x':
        case 'X':
          return this.#openString(text, at, end, false, false)
        case 'n':
        case 'N':
          return this.#openString(text, at, end, !this.#stdStrings, true)
        default:
      }
    }
    if (end - at === 1 && follows === '&' && /[uU]/.test(text.charAt(at)) && text.charAt(end + 1) === "'") {
      return this.#openString(text, at, end + 1, false, true)
    }
    this.#countWord(end - at > 20 ? '' : text.slice(at, end).toLowerCase())
    this.#tokens++
    this.#lastEscapes = undefined
    return end
  }

  #countWord(lower: string): void {
    if (this.#tokens === 0) this.#firstWord = lower
    this.#lastWords = this.#lastWords === 'from' && lower === 'stdin' ? 'from stdin' : lower
    if (lower === 'stdin') this.#hasStdin = true
    if (this.#initials.length < 4) {
      this.#initials += /^(?:create|or|replace|function|procedure)$/.test(lower) ? lower.charAt(0) : '-'
    }
    if (this.#parentheses > 0 || !/^c(?:[fp]|or[fp])/.test(this.#initials)) return
    if (lower === 'begin') this.#beginDepth++
    else if (lower === 'case' && this.#beginDepth > 0) this.#beginDepth++
    else if (lower === 'end' && this.#beginDepth > 0) this.#beginDepth--
  }

  #semicolon(text: string, at: number): number {
    const copies = this.#firstWord === 'copy' && this.#hasStdin
    if (copies && !this.#expectsCopy) this.#tell('copy-from-stdin', text, at)
    this.#isCopy = copies && this.#lastWords === 'from stdin'
    this.#statements++
    this.#tokens = 0
    this.#firstWord = ''
    this.#lastWords = ''
    this.#hasStdin = false
    this.#lastEscapes = undefined
    // within these psql sends nothing yet, and what follows may be a statement of its own to the server
    if (this.#parentheses > 0 || this.#beginDepth > 0) return at + 1
    this.#brackets = 0
    this.#initials = ''
    return at + 1
  }
}
