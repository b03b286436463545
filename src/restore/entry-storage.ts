import { fmtId, fmtQualifiedId, type QuoteRules } from '../sql/quote.ts'
import type { TocEntry } from '../toc/types.ts'
import { defines } from './held-back.ts'
import type { Command, StorageSetting } from './session.ts'

/** The settings in an order that steps of a journal are named by. */
const settings: readonly StorageSetting[] = ['default_tablespace', 'default_table_access_method']

/** Something of an entry's object that is stored otherwise than the archive says. */
export interface Misplaced {
  readonly number: number
  /** What stores it as it should be. */
  readonly command: Command
}

/**
 * Knows where objects are created in another tablespace or with another access method than the archive says, because
 * the server has refused the setting that says so: without a journal that is all there is to it, as in pg_restore.
 */
export class EntryStorage {
  readonly #quote: QuoteRules
  readonly #refused = new Set<StorageSetting>()

  constructor(quote: QuoteRules) {
    this.#quote = quote
  }

  /** The server has taken a command, or refused it. */
  answered({ setting }: Command, taken: boolean): void {
    if (setting === undefined) return
    if (taken) this.#refused.delete(setting)
    else this.#refused.add(setting)
  }

  /** What of an object lacks a setting that was refused. */
  lacking(entry: TocEntry): readonly Misplaced[] {
    return this.all(entry).filter(({ number }) => this.#refused.has(settings[number] ?? 'default_tablespace'))
  }

  /** What a command creates otherwise than it should. */
  misplacedBy({ sql }: Command, entry: TocEntry | undefined): readonly Misplaced[] {
    return this.#refused.size > 0 && entry !== undefined && defines.test(sql) ? this.lacking(entry) : []
  }

  /** All that can be said of where an object is stored. */
  all(entry: TocEntry): readonly Misplaced[] {
    const object = this.#object(entry)
    if (object === undefined) return []
    const [tablespace, method] = [entry.raw.byteString('tablespace'), entry.raw.byteString('tableam')]
    const found: Misplaced[] = []
    const say = (number: number, what: string, name: string): void =>
      void found.push({ number, command: { sql: `ALTER ${object} SET ${what} ${fmtId(this.#quote, name)};\n\n` } })
    if (tablespace) say(0, 'TABLESPACE', tablespace)
    if (method && entry.relkind !== 'p') say(1, 'ACCESS METHOD', method)
    return found
  }

  #object({ desc, raw }: TocEntry): string | undefined {
    const [namespace, tag] = [raw.byteString('namespace'), raw.byteString('tag') ?? '']
    if (desc === 'TABLE' || desc === 'MATERIALIZED VIEW' || desc === 'INDEX') {
      return `${desc} ${fmtQualifiedId(this.#quote, namespace, tag)}`
    }
    if (desc !== 'CONSTRAINT' || !namespace) return undefined
    // its tag has the table before the name, and either may have spaces
    const [, name] = /^ALTER TABLE [^]* DROP CONSTRAINT ([^]*);\s*$/.exec(raw.byteString('dropStmt') ?? '') ?? []
    return name === undefined ? undefined : `INDEX ${fmtId(this.#quote, namespace)}.${name}`
  }
}
