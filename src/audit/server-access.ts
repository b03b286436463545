import { identifierOf, tokenize, type LexerOptions, type Token } from '../sql/lexer.ts'
import { spelledName, stringContent } from './spelled.ts'
import type { DefinitionStatement } from './types.ts'

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
const functions: ReadonlyMap<string, string> = new Map(
  (
    [
      [
        files,
        `pg_read_file pg_read_binary_file pg_read_file_old pg_read_file_all pg_read_file_off_len pg_stat_file pg_ls_dir
        pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir pg_ls_summariesdir pg_ls_logicalsnapdir
        pg_ls_logicalmapdir pg_ls_replslotdir pg_logdir_ls pg_current_logfile pg_hba_file_rules pg_ident_file_mappings
        pg_show_all_file_settings lo_import`,
      ],
      [writes, 'lo_export pg_file_write pg_file_rename pg_file_unlink pg_file_sync'],
      [network, 'dblink dblink_connect dblink_connect_u dblink_exec dblink_open dblink_send_query'],
      [
        control,
        `pg_reload_conf pg_rotate_logfile pg_promote pg_terminate_backend pg_cancel_backend pg_switch_wal
        pg_create_restore_point pg_wal_replay_pause pg_wal_replay_resume pg_backup_start pg_backup_stop pg_start_backup
        pg_stop_backup pg_create_physical_replication_slot pg_create_logical_replication_slot
        pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_drop_replication_slot
        pg_replication_slot_advance pg_replication_origin_create pg_replication_origin_drop pg_import_system_collations`,
      ],
    ] as const
  ).flatMap(([does, names]) => names.split(/\s+/).map((name) => [name, does] as const)),
)

/** What a function does that reaches beyond the database; undefined for any other. */
export function accessOf(name: string): ServerAccess | undefined {
  const does = functions.get(name)
  return does === undefined ? undefined : { what: name, does }
}

/** A text without any of these has no such place: most need not be read again. */
export const serverMarks: RegExp =
  /copy|foreign|system|dblink|lo_(?:im|ex)port|pg_(?:read|ls|stat_file|file|logdir|current_logfile|hba|ident|show|reload|rotate|promote|terminate|cancel|switch_wal|create|backup|start|stop|wal_replay|drop_repl|replication|import)|\bload\b|u&["']|\\[0-7xu]/i

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
      if (depth < maxDepth) look(stringContent(text, tokens, at, lexer), lexer, depth + 1, tell)
      continue
    }
    if (token.kind !== 'word' && token.kind !== 'name') continue
    const word = spelledName(text, tokens, at) ?? identifierOf(text, token)
    // the strings of Perl, Python and JavaScript are in these quotes, too
    if (token.kind === 'name' && depth < maxDepth && /\s/.test(word)) look(word, lexer, depth + 1, tell)
    const access = accessOf(word)
    if (access !== undefined && isCall(text, tokens, at, word)) tell(access)
    else if (token.kind === 'word') command(text, tokens, at, word, tell)
  }
}

const wordAt = (text: string, token: Token | undefined): string =>
  token?.kind === 'word' ? text.slice(token.start, token.end).toLowerCase() : ''

const markAt = (text: string, token: Token | undefined): string =>
  token?.kind === 'symbol' ? text.slice(token.start, token.end) : ''

/**
 * A name before a parenthesis, and not the name of a table that is created or filled, nor of another schema's function;
 * those of the extension dblink may be in any.
 */
function isCall(text: string, tokens: readonly Token[], at: number, name: string): boolean {
  if (markAt(text, tokens[at + 1]) !== '(') return false
  let first = at
  if (markAt(text, tokens[at - 1]) === '.') {
    first = at - 2
    const schema = tokens[first]
    const named = schema === undefined ? '' : (spelledName(text, tokens, first) ?? identifierOf(text, schema))
    if (named !== 'pg_catalog' && !name.startsWith('dblink')) return false
  }
  const before = wordAt(text, tokens[first - 1])
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
  if (before === undefined || /^[;)({]$/.test(markAt(text, before))) return true
  // behind a label, and within the strings of JavaScript
  if (before.kind === 'operator' && /^(?:>>|`)$/.test(text.slice(before.start, before.end))) return true
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
    // what it runs is a string, or put together: a word behind it makes this a sentence
    const isProgram = wordAt(text, next) === 'program' && wordAt(text, tokens[place + 2]) === ''
    if (isProgram) tell({ what: 'COPY … PROGRAM', does: 'runs a program on the server' })
    // of text put together with || or format(), the rest is not known: it ends here
    else if (next?.kind === 'string' || next === undefined || markAt(text, next) === '%') {
      tell({ what: 'COPY with a file', does: word === 'to' ? writes : files })
    }
    return
  }
}

/** Commands that make something which calls a function, named without a parenthesis or behind the word FUNCTION. */
const callers: ReadonlySet<string> = new Set([
  'CREATE AGGREGATE',
  'CREATE CAST',
  'CREATE CONVERSION',
  'CREATE OPERATOR',
  'CREATE OPERATOR CLASS',
  'ALTER OPERATOR FAMILY',
  'CREATE TRANSFORM',
  'CREATE TYPE',
])

/** What an operator, aggregate, cast and their like call; and what a function in `internal` is another name for. */
export function accessByReference(statement: DefinitionStatement): readonly ServerAccess[] {
  if (statement.command === 'CREATE FUNCTION') return accessByOtherName(statement)
  if (!callers.has(statement.command)) return []
  const found: ServerAccess[] = []
  for (let at = 2; at < statement.length; at++) {
    const access = accessOf(statement.name(at) ?? '')
    if (access === undefined) continue
    const isQualified = statement.mark(at - 1) === '.'
    if (isQualified && statement.name(at - 2) !== 'pg_catalog') continue
    const before = isQualified ? at - 3 : at - 1
    if (statement.mark(before) === '=' || statement.has(before, 'function|procedure|from')) found.push(access)
  }
  return found
}

/** `LANGUAGE internal AS 'pg_read_file_all'` */
function accessByOtherName(statement: DefinitionStatement): readonly ServerAccess[] {
  const language = statement.find('language')
  if (!isNamed(statement, language + 1, 'internal')) return []
  for (let at = statement.find('as'); at !== -1; at = statement.find('as', at + 1)) {
    const name = statement.literal(at + 1)?.replace(/^be_/, '')
    for (let end = name?.length ?? 0; end > 0; end = name?.lastIndexOf('_', end - 1) ?? -1) {
      const access = accessOf(name?.slice(0, end) ?? '')
      if (access !== undefined) return [access]
    }
  }
  return []
}

const isNamed = (statement: DefinitionStatement, at: number, name: string): boolean =>
  (statement.literal(at) ?? statement.name(at)) === name
