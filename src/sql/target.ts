import { ArchiveError, type OnWarning } from '../errors.ts'
import type { ArchiveSettings, TocEntry } from '../toc/types.ts'
import { splitStatements, type LexerOptions, type Statement } from './lexer.ts'
import type { Edit, StatementWords } from './target-judges.ts'
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

/** Definitions as one server release takes them. */
export class TargetAdapter {
  readonly #version: number
  readonly #rules: readonly TargetRule[]
  readonly #lexer: LexerOptions
  readonly #onWarning: OnWarning

  constructor(version: number, settings: ArchiveSettings, onWarning: OnWarning) {
    this.#version = version
    this.#rules = targetRules.filter(({ since }) => since > version)
    this.#lexer = { stdStrings: settings.stdStrings, encoding: settings.encoding }
    this.#onWarning = onWarning
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
      const note = `${entry.tag ?? 'the table'} does without ${accessMethod}`
      this.#report(entry, feature, 'warning', note)
    }
    return false
  }

  /** A definition or drop command of an entry, with what the server lacks left out or said otherwise. */
  adapt(entry: TocEntry, sql: string): string {
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
    const own: Edit[] = []
    for (const { feature, judge } of rules) {
      const verdict = judge(seen)
      if (verdict === undefined) continue
      if ('refuses' in verdict) {
        this.#report(entry, feature, 'error', 'the statement is written as it is, and the server will refuse it')
        return
      }
      if (verdict.note !== undefined) this.#report(entry, feature, 'info', verdict.note)
      if ('drop' in verdict) {
        edits.push(wholeStatement(sql, statement))
        return
      }
      own.push(...verdict.edits)
    }
    edits.push(...own)
  }

  #report(entry: TocEntry, feature: string, severity: 'info' | 'warning' | 'error', note: string): void {
    const name = `${entry.desc} ${entry.namespace === null ? '' : `${entry.namespace}.`}${entry.tag ?? ''}`
    this.#onWarning({
      code: 'TARGET_LACKS',
      severity,
      dumpId: entry.dumpId,
      message: `PostgreSQL ${this.#version} has no ${feature}: ${name}: ${note}`,
      ...(severity === 'error' && { hint: 'Leave the entry out with a list, or change the object before the dump' }),
    })
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

function applyEdits(sql: string, edits: readonly Edit[]): string {
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
