import { identifierOf, tokenize, type LexerOptions, type Token } from '../sql/lexer.ts'

/** A secret in a text, without the secret. */
export interface FoundSecret {
  /** What it is, with the secret masked: `password=****`. */
  readonly shown: string
  /** Position in the text, in bytes. */
  readonly position: number
}

/** Words that begin or end the name of something that is kept secret. */
const secretName =
  /(?:^|_)(?:password|passwd|passwort|passphrase|pwd|secret|secret_key|secretkey|api_?key|apikey|access_?key|auth_?token|access_?token|refresh_?token|private_?key|client_?secret|credentials?)$/i

/** Secrets that can be told by their shape, wherever they are. */
const shapes: readonly (readonly [name: string, shape: RegExp])[] = [
  ['AWS access key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})/],
  ['GitLab token', /\bglpat-[A-Za-z0-9_-]{20,}/],
  ['Slack token', /\bxox[abprs]-[A-Za-z0-9-]{10,}/],
  ['Stripe key', /\b[rs]k_live_[A-Za-z0-9]{16,}/],
  ['Google API key', /\bAIza[0-9A-Za-z_-]{35}/],
  ['private key', /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/],
  // of what may go on with a token none begins: each would be followed to its end
  ['JSON web token', /(?<![\w-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/],
  ['password of a role', /\bSCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$/],
  ['hash of a password', /\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}/],
]

/** `postgres://user:secret@host` */
const inUrl = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@'"]{0,100}:([^\s:/@'"]{1,200})@/i
/** `password=secret` of a connection string, `password: secret` of a note. */
const assigned =
  /\b((?:[a-z0-9]+_)*(?:password|passwd|passphrase|pwd|secret|api_?key|access_?key|auth_?token|access_?token|client_?secret))\s*(?:=|:=?)\s*('[^']+'|"[^"]+"|[^\s'",;)]+)/i

/** What stands for a secret without being one. */
const placeholder =
  /^(?:['"]?)(?:|\*+|x{3,}|\.{3,}|<.*>|\[.*\]|\{.*\}|\$.*|%.*|:.*|null|none|new\..*|old\..*|changeme_?here|redacted)(?:['"]?)$/i

/** A text without any of these has none: most need not be read again. */
export const secretMarks: RegExp =
  /pass|pwd|secret|key|token|credential|akia|asia|gh[pousr]_|github_pat|glpat|xox|_live_|aiza|begin |eyj|scram|\$2[aby]\$|:\/\//i

/** Whether a text is an address or connection string with a password in it. */
export function hasPassword(text: string): boolean {
  return urlIn(text) !== undefined || assignedIn(text) !== undefined
}

/** The secret that a plain text holds: a comment, the content of a string. */
function secretIn(text: string): FoundSecret | undefined {
  if (!secretMarks.test(text)) return undefined
  return shapeIn(text) ?? urlIn(text) ?? assignedIn(text)
}

function shapeIn(text: string): FoundSecret | undefined {
  for (const [name, shape] of shapes) {
    const match = shape.exec(text)
    if (match !== null) return { shown: name, position: match.index }
  }
  return undefined
}

function urlIn(text: string): FoundSecret | undefined {
  const url = inUrl.exec(text)
  if (url?.[1] === undefined || placeholder.test(url[1])) return undefined
  return { shown: 'a password in a URL: ://…:****@…', position: url.index }
}

function assignedIn(text: string): FoundSecret | undefined {
  const pair = assigned.exec(text)
  if (pair?.[1] === undefined || pair[2] === undefined || placeholder.test(pair[2])) return undefined
  // what is computed, or is the name of something, is no secret
  if (/^[a-z_][\w.]*\(?$/i.test(pair[2]) && !/\d/.test(pair[2]) && !text.includes('host') && !text.includes('user')) {
    return undefined
  }
  return { shown: `${pair[1]}=****`, position: pair.index }
}

/** How SQL is looked through for secrets. */
interface Search {
  readonly lexer: LexerOptions
  /** Names are byte strings, and shown as text. */
  decode(text: string): string
}

/**
 * Secrets in SQL: strings that hold one, strings given to a name that is for secrets (`DEFAULT`, `:=`, `=`, an option),
 * and comments. Strings are read as SQL too, for bodies of functions.
 */
export function secretsIn(text: string, search: Search): readonly FoundSecret[] {
  return look(text, search, 0)
}

function look(text: string, search: Search, depth: number): readonly FoundSecret[] {
  if (!secretMarks.test(text)) return []
  const found: FoundSecret[] = []
  const tokens: Token[] = []
  for (const token of tokenize(text, search.lexer)) {
    if (token.kind === 'comment') {
      const secret = secretIn(text.slice(token.start, token.end))
      if (secret !== undefined) found.push({ ...secret, position: token.start })
    } else if (token.kind !== 'space') tokens.push(token)
  }
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'string') continue
    const string = stringOf(text.slice(token.start, token.end))
    const name = assignedTo(text, tokens, at)
    if (name !== undefined && string.content !== '' && !placeholder.test(string.content)) {
      found.push({ shown: `${search.decode(name)} '****'`, position: token.start })
      continue
    }
    for (const { shown, position } of inString(string, search, depth)) {
      // places in what was written with doubled quotes are others
      found.push({ shown, position: string.isAsWritten ? token.start + string.open + position : token.start })
    }
  }
  return found
}

interface StringContent {
  readonly content: string
  /** Whether nothing in it stands for something else. */
  readonly isAsWritten: boolean
  /** Where it begins. */
  readonly open: number
  readonly isDollarQuoted: boolean
}

function stringOf(source: string): StringContent {
  const isDollarQuoted = source.startsWith('$')
  const open = isDollarQuoted ? source.indexOf('$', 1) + 1 : source.indexOf("'") + 1
  const written = source.slice(open, source.length - (isDollarQuoted ? open : 1))
  if (isDollarQuoted) return { content: written, isAsWritten: true, open, isDollarQuoted }
  const content = written.replaceAll(/^e/i.test(source) ? /''|\\'/g : "''", "'")
  return { content, isAsWritten: content === written, open, isDollarQuoted }
}

/** Secrets in a string that may be SQL: the body of a function, what EXECUTE runs; or a connection string, a note. */
function inString(string: StringContent, search: Search, depth: number): readonly FoundSecret[] {
  const { content } = string
  if (depth < 2 && content.includes("'") && (/[;=]/.test(content) || firstOfSql.test(content))) {
    const inside = look(content, search, depth + 1)
    if (inside.length > 0) return inside
    // what programs do with passwords reads like giving one
    if (isProgram(string)) return found(shapeIn(content) ?? urlIn(content))
  }
  return found(secretIn(content))
}

const found = (secret: FoundSecret | undefined): readonly FoundSecret[] => (secret === undefined ? [] : [secret])

/** Whether a string with quotes in it is more likely a program than a connection string: `host=h password='x'`. */
function isProgram({ content, isDollarQuoted }: StringContent): boolean {
  if (content.includes('\n') || firstOfSql.test(content)) return true
  if (/^\s*\w[\w ]{0,40}=/.test(content)) return false
  return isDollarQuoted || content.includes(';')
}

const firstOfSql =
  /^\s*(?:ALTER|BEGIN|CALL|COMMENT|CREATE|DECLARE|DELETE|DO|EXECUTE|GRANT|INSERT|MERGE|SELECT|SET|UPDATE|VALUES|WITH)\b/i

/** The name of something secret that a string is given to: `password 'x'` of options, `token := 'x'`, `api_key text DEFAULT 'x'`, `secret => 'x'`. */
function assignedTo(text: string, tokens: readonly Token[], at: number): string | undefined {
  const before = tokens[at - 1]
  if (before === undefined) return undefined
  const source = text.slice(before.start, before.end)
  const named = (place: number): string | undefined => {
    const name = nameAt(text, tokens[place])
    return name !== undefined && secretName.test(name) ? name : undefined
  }
  // a part of an expression is no secret yet
  const next = tokens[at + 1]
  if (next?.kind === 'operator' && text.slice(next.start, next.end) !== '::') return undefined
  if (before.kind === 'operator' || before.kind === 'symbol') {
    if (source !== ':=' && source !== '=>' && source !== '=') return undefined
    return named(at - 2) ?? (source === ':=' ? declared(text, tokens, at - 2) : undefined)
  }
  if (before.kind !== 'word' && before.kind !== 'name') return undefined
  return source.toLowerCase() === 'default' ? declared(text, tokens, at - 2) : named(at - 1)
}

/** A type has no more words and signs than that, with what may stand before it. */
const MOST_OF_TYPE = 16

/** What a declaration is of, from the end of its type back: a column, a parameter, a variable (`v CONSTANT text`). */
function declared(text: string, tokens: readonly Token[], last: number): string | undefined {
  const named = (place: number): string | undefined => {
    const name = nameAt(text, tokens[place])
    return name !== undefined && secretName.test(name) ? name : undefined
  }
  let depth = 0
  for (let place = last; place >= 0 && place > last - MOST_OF_TYPE; place--) {
    const token = tokens[place]
    const mark = token === undefined ? '' : text.slice(token.start, token.end).toLowerCase()
    if (mark === ')') depth++
    // of `varchar(20)`, or before the first of a list
    else if (mark === '(' && depth-- > 0) continue
    if (depth > 0) continue
    // ALTER TABLE … ALTER COLUMN name SET DEFAULT
    if (mark === 'set') return named(place - 1)
    if (/^(?:[,(;]|declare|column)$/.test(mark)) return named(place + 1)
    if (place === 0) return named(0)
  }
  return undefined
}

function nameAt(text: string, token: Token | undefined): string | undefined {
  return token?.kind === 'word' || token?.kind === 'name' ? identifierOf(text, token) : undefined
}
