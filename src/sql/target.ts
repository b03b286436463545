import { ArchiveError, type Finding } from '../errors.ts'
import type { ArchiveSettings, TocEntry } from '../toc/types.ts'
import type { LexerOptions } from './lexer.ts'
import { splitStatements, type Statement } from './split-statements.ts'
import type { Edit, StatementWords } from './target-judges.ts'
import { PartitionedTables } from './target-partitions.ts'
import { targetRules, type TargetRule } from './target-rules.ts'

/** Oldest and newest server to write for. */
const OLDEST = 9.6
const NEWEST = 18

/**
 * Reads the release of a server: `'9.6'`, `'13'`, `'17.2'` (the minor does not matter).
 * @throws ArchiveError USAGE for a release older than 9.6 or newer than 18
 */
export function parseTarget(target: string): number {
  const match = /^(?:9\.6|1\d)(?:\.\d+)?$/.exec(target)
  const version = match === null ? NaN : target.startsWith('9.6') ? OLDEST : Number.parseInt(target, 10)
  if (version >= OLDEST && version <= NEWEST) return version
  throw new ArchiveError('USAGE', `Cannot write SQL for server ${JSON.stringify(target)}: must be 9.6 to 18`, {
    hint: 'Name a major release such as "13"',
  })
}

/** What a server lacks of an entry. */
export interface TargetLack {
  /** To follow "PostgreSQL 13 has no". */
  readonly feature: string
  /** What becomes of the entry. */
  readonly note: string
}

/** Receives what a server lacks; without a `lack`, what it allows. */
export type OnLack = (finding: Finding, lack?: TargetLack) => void

/** First release in which only the owner of a database may create objects in its schema public. */
const CLOSED_PUBLIC = 15
/** First release that keeps the names of constraints NOT NULL: of tables, and of domains. */
const NAMED_NOT_NULL = { table: 18, domain: 17 } as const
/** First release that has multirange types, one for each range type. */
const MULTIRANGES = 14

/** Definitions as one server release takes them. */
export class TargetAdapter {
  readonly #version: number
  /** Whether it remains to be said that the schema public is open to everybody there. */
  #opensPublic: boolean
  /** Comments on constraints that have no name there, as {@link commentKey} says. */
  readonly #nameless = new Set<string>()
  readonly #partitioned: PartitionedTables
  /** Multirange types so far, as definitions write their names. */
  readonly #multiranges = new Set<string>()
  readonly #rules: readonly TargetRule[]
  readonly #lexer: LexerOptions
  readonly #onWarning: OnLack
  readonly #show: (byteString: string) => string

  /**
   * @param source release of the server that was dumped, as the header says; null where it does not
   * @param show a byte string of the archive for people
   */
  constructor(
    version: number,
    source: string | null,
    settings: ArchiveSettings,
    onWarning: OnLack,
    show: (byteString: string) => string = (byteString) => byteString,
  ) {
    this.#version = version
    this.#partitioned = new PartitionedTables(version)
    this.#opensPublic = version < CLOSED_PUBLIC && Number.parseInt(source ?? '', 10) >= CLOSED_PUBLIC
    this.#rules = targetRules.filter(({ since }) => since > version)
    this.#lexer = { stdStrings: settings.stdStrings, encoding: settings.encoding }
    this.#onWarning = onWarning
    this.#show = show
  }

  /** `SET transaction_timeout` */
  get hasTransactionTimeout(): boolean {
    return this.#version >= 17
  }

  /** Says whether the server takes `SET default_table_access_method`; reports the loss of a method other than heap. */
  takesAccessMethod(entry: TocEntry, accessMethod: string): boolean {
    return this.#takes(entry, 12, 'table access methods', accessMethod)
  }

  /** The same of `ALTER TABLE … SET ACCESS METHOD` of a partitioned table. */
  takesAccessMethodOfPartitioned(entry: TocEntry, accessMethod: string): boolean {
    return this.#takes(entry, 17, 'access methods of partitioned tables', accessMethod)
  }

  #takes(entry: TocEntry, since: number, feature: string, accessMethod: string): boolean {
    if (this.#version >= since) return true
    if (accessMethod !== 'heap') {
      const note = `${entry.tag ?? 'the table'} does without ${this.#show(accessMethod)}`
      this.#report(entry, feature, 'warning', note)
    }
    return false
  }

  /** A definition or drop command of an entry, with what the server lacks left out or said otherwise. */
  adapt(entry: TocEntry, sql: string): string {
    if (this.#opensPublic && entry.namespace === 'public') this.#reportPublic()
    if (entry.desc === 'COMMENT' && this.#nameless.has(commentKey(entry, entry.raw.byteString('tag') ?? ''))) {
      this.#report(entry, 'names of constraints NOT NULL', 'info', 'the comment is left out')
      return ''
    }
    const rules = this.#rules.filter(({ types }) => types === undefined || types.includes(entry.desc))
    if (rules.length === 0 || sql === '') return sql
    const edits: Edit[] = []
    for (const statement of splitStatements(sql, this.#lexer)) {
      this.#judge(entry, rules, sql, statement, edits)
    }
    return applyEdits(sql, edits)
  }

  #judge(entry: TocEntry, rules: readonly TargetRule[], sql: string, statement: Statement, edits: Edit[]): void {
    const seen = wordsOf(sql, statement)
    for (const tag of namelessTags(seen, this.#version)) this.#nameless.add(commentKey(entry, tag))
    const lack = this.#partitioned.lacks(entry.desc, seen)
    if (lack !== undefined) {
      this.#report(entry, lack, 'error', refusal)
      return
    }
    if (this.#usesMultirange(seen)) {
      this.#report(entry, 'multirange types', 'error', refusal)
      return
    }
    const own: Edit[] = []
    for (const { feature, judge } of rules) {
      const verdict = judge(seen)
      if (verdict === undefined) continue
      if ('refuses' in verdict) {
        this.#report(entry, feature, 'error', refusal)
        return
      }
      if (verdict.note !== undefined) this.#report(entry, feature, 'info', this.#show(verdict.note))
      if ('drop' in verdict) {
        edits.push(wholeStatement(sql, statement))
        return
      }
      for (const edit of verdict.edits) own.push(edit)
    }
    for (const edit of own) edits.push(edit)
  }

  /** The name of a multirange type does not tell what it is. */
  #usesMultirange({ text, tokens, words }: StatementWords): boolean {
    if (this.#version >= MULTIRANGES) return false
    const qualified = (dot: number): string => text.slice(tokens[dot - 1]?.start, tokens[dot + 1]?.end)
    const at = words.indexOf('multirange_type_name')
    if (at !== -1 && words[0] === 'create') {
      this.#multiranges.add(qualified(at + 3))
      return false
    }
    return (
      this.#multiranges.size > 0 && words.some((word, dot) => word === '.' && this.#multiranges.has(qualified(dot)))
    )
  }

  #reportPublic(): void {
    this.#opensPublic = false
    this.#onWarning({
      code: 'TARGET_ALLOWS',
      severity: 'warning',
      message: `PostgreSQL ${this.#version} lets everybody create objects in the schema public, which the server of the archive did not`,
      hint: 'Afterwards run REVOKE CREATE ON SCHEMA public FROM PUBLIC, unless everybody may',
    })
  }

  #report(entry: TocEntry, feature: string, severity: 'info' | 'warning' | 'error', note: string): void {
    const name = `${entry.desc} ${entry.namespace === null ? '' : `${entry.namespace}.`}${entry.tag ?? ''}`
    const finding: Finding = {
      code: 'TARGET_LACKS',
      severity,
      dumpId: entry.dumpId,
      message: `PostgreSQL ${this.#version} has no ${feature}: ${name}: ${note}`,
      ...(severity === 'error' && { hint: 'Leave the entry out with a list, or change the object before the dump' }),
    }
    this.#onWarning(finding, { feature, note })
  }
}

const refusal = 'the statement is written as it is, and the server will refuse it'

/** What comments on a constraint are known by: their tag is unique within a schema. */
function commentKey({ namespace }: TocEntry, tag: string): string {
  return `${namespace ?? ''}\0${tag}`
}

/** The tags that comments on the constraints NOT NULL of a table or domain have (dumpTableSchema, dumpDomain, pg_dump.c). */
function* namelessTags({ text, tokens, words }: StatementWords, version: number): Generator<string, void, void> {
  if (words[0] !== 'create') return
  const isDomain = words[1] === 'domain'
  if (!isDomain && !words.slice(1, 3).includes('table')) return
  if (version >= NAMED_NOT_NULL[isDomain ? 'domain' : 'table']) return
  const source = (at: number): string => text.slice(tokens[at]?.start, tokens[at]?.end)
  const name = source(words.indexOf('.') + 1)
  for (let at = words.indexOf('constraint'); at !== -1; at = words.indexOf('constraint', at + 1)) {
    if (words[at + 2] !== 'not' || words[at + 3] !== 'null') continue
    yield `CONSTRAINT ${source(at + 1)} ON ${isDomain ? 'DOMAIN ' : ''}${name}`
  }
}

function wordsOf(text: string, { tokens }: Statement): StatementWords {
  const words = tokens.map(({ kind, start, end }) => {
    if (kind === 'name') return '"'
    if (kind === 'string') return "'"
    return kind === 'number' ? '0' : text.slice(start, end).toLowerCase()
  })
  return { text, tokens, words }
}

/** The statement with its semicolon and the line breaks after it, so that no empty lines pile up. */
function wholeStatement(sql: string, { start, after }: Statement): Edit {
  let end = after
  while (sql.charAt(end) === '\n') end++
  return { start, end, text: '' }
}

/** The text with edits made; of two that overlap, the one that begins first. */
export function applyEdits(sql: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    // two rules may want the same words gone
    if (edit.start < at) continue
    result += sql.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return result + sql.slice(at)
}
