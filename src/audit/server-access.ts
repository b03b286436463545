import { identifierOf, tokenize, type LexerOptions, type Token } from '../sql/lexer.ts'

/** A place where SQL reaches beyond the database. */
export interface ServerAccess {
  /** What it does, as a sentence's end. */
  readonly does: string
  /** The function or command: `pg_read_file`, `COPY … PROGRAM`. */
  readonly what: string
}

const files = 'reads or lists files of the server'
const writes = 'writes files of the server'
const network = 'connects to other databases'
const control = 'controls the server'

/** Functions that reach beyond the database; most are for superusers alone until someone grants them. */
const functions = new Map<string, string>([
  ...[
    'pg_read_file',
    'pg_read_binary_file',
    'pg_read_file_old',
    'pg_read_file_all',
    'pg_stat_file',
    'pg_current_logfile',
  ].map((name) => [name, files] as const),
  ...['pg_ls_dir', 'pg_ls_logdir', 'pg_ls_waldir', 'pg_ls_tmpdir', 'pg_ls_archive_statusdir', 'pg_ls_summariesdir'].map(
    (name) => [name, files] as const,
  ),
  ...['pg_ls_logicalsnapdir', 'pg_ls_logicalmapdir', 'pg_ls_replslotdir', 'pg_logdir_ls', 'lo_import'].map(
    (name) => [name, files] as const,
  ),
  ...['lo_export', 'pg_file_write', 'pg_file_rename', 'pg_file_unlink', 'pg_file_sync'].map(
    (name) => [name, writes] as const,
  ),
  ...['dblink', 'dblink_connect', 'dblink_connect_u', 'dblink_exec', 'dblink_open', 'dblink_send_query'].map(
    (name) => [name, network] as const,
  ),
  ...[
    'pg_reload_conf',
    'pg_rotate_logfile',
    'pg_promote',
    'pg_terminate_backend',
    'pg_cancel_backend',
    'pg_switch_wal',
  ].map((name) => [name, control] as const),
  ...['pg_create_restore_point', 'pg_wal_replay_pause', 'pg_drop_replication_slot', 'pg_replication_origin_drop'].map(
    (name) => [name, control] as const,
  ),
])

/** A text without any of these has no such place: most need not be read again. */
export const serverMarks: RegExp =
  /copy|foreign\s+table|dblink|lo_(?:im|ex)port|pg_(?:read|ls|stat_file|file|logdir|current_logfile|reload|rotate|promote|terminate|cancel|switch_wal|create_restore|wal_replay|drop_repl|replication_origin_d)|alter\s+system|\bload\b/i

/** Deeper than this no string holds SQL that holds strings. */
const maxDepth = 3

/**
 * Every place of SQL, or of a body in a procedural language, that reaches beyond the database; each kind once. Strings are
 * read as SQL too, as far as they hold some: what EXECUTE runs is made of them.
 */
export function serverAccess(text: string, lexer: LexerOptions): readonly ServerAccess[] {
  const found = new Map<string, ServerAccess>()
  look(text, lexer, 0, (access) => void found.set(access.what, access))
  return [...found.values()]
}

type Tell = (access: ServerAccess) => void

function look(text: string, lexer: LexerOptions, depth: number, tell: Tell): void {
  if (!serverMarks.test(text)) return
  const tokens: Token[] = []
  for (const token of tokenize(text, lexer)) if (token.kind !== 'space' && token.kind !== 'comment') tokens.push(token)
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'string') {
      if (depth < maxDepth) look(contentOf(text.slice(token.start, token.end)), lexer, depth + 1, tell)
      continue
    }
    if (token.kind !== 'word' && token.kind !== 'name') continue
    const word = identifierOf(text, token)
    const does = functions.get(word)
    if (does !== undefined && isCall(text, tokens, at)) tell({ what: word, does })
    else if (token.kind === 'word') command(text, tokens, at, word, tell)
  }
}

/** The text in a string's quotes, roughly: enough to find words in it. */
function contentOf(string: string): string {
  if (string.startsWith('$')) {
    const tag = string.slice(0, string.indexOf('$', 1) + 1)
    return string.slice(tag.length, string.length - tag.length)
  }
  return string.slice(string.indexOf("'") + 1, -1).replaceAll("''", "'")
}

const wordAt = (text: string, token: Token | undefined): string =>
  token?.kind === 'word' ? text.slice(token.start, token.end).toLowerCase() : ''

const markAt = (text: string, token: Token | undefined): string =>
  token?.kind === 'symbol' ? text.slice(token.start, token.end) : ''

/** A name before a parenthesis, and not the name of a table that is created or filled, nor of another schema's function. */
function isCall(text: string, tokens: readonly Token[], at: number): boolean {
  if (markAt(text, tokens[at + 1]) !== '(') return false
  const before = wordAt(text, tokens[at - 1])
  return before !== 'into' && before !== 'table' && before !== 'function'
}

function command(text: string, tokens: readonly Token[], at: number, word: string, tell: Tell): void {
  if (word === 'alter' && wordAt(text, tokens[at + 1]) === 'system') {
    tell({ what: 'ALTER SYSTEM', does: 'changes the configuration of the server' })
  } else if (word === 'load' && tokens[at + 1]?.kind === 'string' && isFirst(text, tokens, at)) {
    tell({ what: 'LOAD', does: 'loads a library into the server' })
  } else if (word === 'copy' && isFirst(text, tokens, at)) {
    copy(text, tokens, at, tell)
  }
}

/** Whether a statement can begin here: at the beginning, and after what ends one or opens a block. */
function isFirst(text: string, tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 1]
  if (before === undefined || /^[;)(]$/.test(markAt(text, before))) return true
  return /^(?:begin|then|else|loop|do|execute|perform|atomic|as)$/.test(wordAt(text, before))
}

/** `COPY … FROM PROGRAM 'command'`, `COPY … TO '/file'` */
function copy(text: string, tokens: readonly Token[], at: number, tell: Tell): void {
  let depth = 0
  for (let place = at + 1; place < tokens.length && place < at + 2000; place++) {
    const mark = markAt(text, tokens[place])
    if (mark === '(') depth++
    else if (mark === ')') depth--
    else if (mark === ';') return
    const word = wordAt(text, tokens[place])
    if (depth > 0 || (word !== 'to' && word !== 'from')) continue
    const next = tokens[place + 1]
    if (wordAt(text, next) === 'program') tell({ what: 'COPY … PROGRAM', does: 'runs a program on the server' })
    // of text put together with || or format(), the rest is not known: it ends here
    else if (next?.kind === 'string' || next === undefined || markAt(text, next) === '%') {
      tell({ what: 'COPY with a file', does: word === 'to' ? writes : files })
    }
    return
  }
}
