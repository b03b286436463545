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
  ['JSON web token', /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/],
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
const candidates =
  /pass|pwd|secret|key|token|credential|akia|asia|gh[pousr]_|github_pat|glpat|xox|_live_|aiza|begin |eyj|scram|\$2[aby]\$|:\/\//i

/** Whether a text can have a secret at all. */
export function mayHoldSecret(text: string): boolean {
  return candidates.test(text)
}

/** The secret that a plain text holds: a comment, the content of a string. */
export function secretIn(text: string): FoundSecret | undefined {
  if (!candidates.test(text)) return undefined
  for (const [name, shape] of shapes) {
    const found = shape.exec(text)
    if (found !== null) return { shown: name, position: found.index }
  }
  const url = inUrl.exec(text)
  if (url?.[1] !== undefined && !placeholder.test(url[1])) {
    return { shown: 'a password in a URL: ://…:****@…', position: url.index }
  }
  const pair = assigned.exec(text)
  if (pair?.[1] === undefined || pair[2] === undefined || placeholder.test(pair[2])) return undefined
  // what is computed, or is the name of something, is no secret
  if (/^[a-z_][\w.]*\(?$/i.test(pair[2]) && !/\d/.test(pair[2]) && !text.includes('host') && !text.includes('user')) {
    return undefined
  }
  return { shown: `${pair[1]}=****`, position: pair.index }
}

/**
 * Secrets in SQL: strings that hold one, strings given to a name that is for secrets (`DEFAULT`, `:=`, `=`, an option),
 * and comments. Strings are read as SQL too, for bodies of functions.
 */
export function secretsIn(text: string, lexer: LexerOptions): readonly FoundSecret[] {
  const found: FoundSecret[] = []
  look(text, lexer, 0, 0, (secret) => found.push(secret))
  return found
}

function look(
  text: string,
  lexer: LexerOptions,
  offset: number,
  depth: number,
  tell: (secret: FoundSecret) => void,
): void {
  if (!candidates.test(text)) return
  const tokens: Token[] = []
  for (const token of tokenize(text, lexer)) {
    if (token.kind === 'comment') {
      const secret = secretIn(text.slice(token.start, token.end))
      if (secret !== undefined) tell({ ...secret, position: offset + token.start })
    } else if (token.kind !== 'space') tokens.push(token)
  }
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'string') continue
    const source = text.slice(token.start, token.end)
    const open = source.startsWith('$') ? source.indexOf('$', 1) + 1 : source.indexOf("'") + 1
    const content = source.slice(open, source.length - (source.startsWith('$') ? open : 1))
    const position = offset + token.start
    const name = assignedTo(text, tokens, at)
    if (name !== undefined && secretName.test(name) && content !== '' && !placeholder.test(content)) {
      tell({ shown: `${name} '****'`, position })
      continue
    }
    // a body, or what EXECUTE runs
    if (depth < 2 && /[;=]/.test(content) && content.includes("'")) {
      look(content, lexer, offset + token.start + open, depth + 1, tell)
      continue
    }
    const secret = secretIn(content)
    if (secret !== undefined) tell({ ...secret, position })
  }
}

/** The name that a string is given to: `password 'x'` of options, `token := 'x'`, `api_key text DEFAULT 'x'`, `secret => 'x'`. */
function assignedTo(text: string, tokens: readonly Token[], at: number): string | undefined {
  const before = tokens[at - 1]
  if (before === undefined) return undefined
  const source = text.slice(before.start, before.end)
  if (before.kind === 'operator' || before.kind === 'symbol') {
    if (source !== ':=' && source !== '=>' && source !== '=') return undefined
    return nameAt(text, tokens[at - 2])
  }
  if (before.kind !== 'word' && before.kind !== 'name') return undefined
  if (source.toLowerCase() !== 'default') return nameAt(text, before)
  // the column: back over its type, to the comma or parenthesis before it
  for (let place = at - 2; place > 0 && place > at - 12; place--) {
    const token = tokens[place]
    const mark = token === undefined ? '' : text.slice(token.start, token.end)
    if (mark === ',' || mark === '(') return nameAt(text, tokens[place + 1])
    // ALTER TABLE … ALTER COLUMN name SET DEFAULT
    if (mark.toLowerCase() === 'set') return nameAt(text, tokens[place - 1])
  }
  return undefined
}

function nameAt(text: string, token: Token | undefined): string | undefined {
  return token?.kind === 'word' || token?.kind === 'name' ? identifierOf(text, token) : undefined
}
