import {
  aBoolean,
  aString,
  aFunction,
  anyOf,
  aNumber,
  aSignal,
  checkOptions,
  type OptionKinds,
} from '../check-options.ts'
import { qualifiedName, readingOf, type Reading } from '../audit/reading.ts'
import { statementsOf } from '../audit/statement.ts'
import { isFiltered } from '../ops/filter.ts'
import { storesData } from '../ops/sql-plan.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { keyOf } from './created-objects.ts'
import type { FinishRefusal, FinishReport, RowDifference, SequenceMended } from './finish-report.ts'
import { FinishSessions } from './finish-sessions.ts'
import { literal, quoted, textArray, type Ask } from './questions.ts'
import { isServerError, type EndableTarget, type RestoreTarget, type ServerRow } from './target.ts'

/** Options of {@link finish}. */
export interface FinishOptions {
  /** Rows of TABLE DATA entries by dump id, as `countRows` gives them: with it the rows are counted. */
  readonly rows?: ReadonlyMap<DumpId, number>
  /** Run ANALYZE, default true. */
  readonly analyze?: boolean
  /** Sessions that work at the same time, default 1. */
  readonly jobs?: number
  /** Opens another session in the same database, which is ended when all is done; default: that of the target. */
  readonly another?: () => Promise<EndableTarget>
  /** The role of each session, as `role` of the restore; default: the one that the target has. */
  readonly role?: string
  readonly signal?: AbortSignal
  /** Called as it goes on: what is being done, and how much of it is done. */
  readonly onProgress?: (progress: FinishProgress) => void
}

/** How far {@link finish} is. */
export interface FinishProgress {
  readonly step: 'sequences' | 'constraints' | 'rows' | 'analyze'
  readonly done: number
  readonly total: number
}

const finishOptionKinds: OptionKinds<FinishOptions> = {
  rows: anyOf('what countRows() gives', (value) => value instanceof Map),
  analyze: aBoolean,
  jobs: aNumber('an integer, 1 or more', (value) => Number.isInteger(value) && value >= 1),
  another: aFunction,
  role: aString,
  signal: aSignal,
  onProgress: aFunction,
}

/**
 * What is to be done after a restore, and a look at what it left: sequences that are behind their column are set,
 * constraints that are not valid though they are in the archive are validated, rows are counted and compared with the
 * archive, and the tables are analyzed; indexes that are not valid, materialized views without rows and triggers that
 * were left off are told. Only tables of the view are looked at. Never VACUUM FULL.
 *
 * @param view the view that was restored
 * @param target in the database that was restored into, outside of a transaction; its settings change. It is again who
 * connected, whoever the restore has become last
 * @throws ArchiveError UNSUPPORTED for a target that answers no questions, CONNECTION_LOST when one is gone; the reason of
 * the signal, which ends what is running. What the server refuses is in the report
 *
 * @example
 * const { view, rows } = countRows(archive)
 * await restore(view, target)
 * const { good, rows: differences } = await finish(view, target, { rows })
 */
export async function finish(
  view: ArchiveView,
  target: RestoreTarget,
  options: FinishOptions = {},
): Promise<FinishReport> {
  checkOptions('finish', options, finishOptionKinds)
  const another = options.another ?? target.another?.bind(target)
  await using sessions = new FinishSessions(target, { ...options, another })
  return await new Finish(view, sessions, options).run()
}

const name = (...parts: readonly string[]): string => parts.join('.')

class Finish {
  readonly #view: ArchiveView
  readonly #sessions: FinishSessions
  readonly #ask: Ask
  readonly #reading: Reading
  readonly #options: FinishOptions
  readonly #refused: FinishRefusal[] = []
  /** Tables, partitioned ones and materialized views of the view, as `schema\0name`. */
  readonly #tables = new Set<string>()
  readonly #schemas = new Set<string>()

  constructor(view: ArchiveView, sessions: FinishSessions, options: FinishOptions) {
    this.#view = view
    this.#sessions = sessions
    this.#ask = sessions.first
    this.#reading = readingOf(view)
    this.#options = options
  }

  async run(): Promise<FinishReport> {
    for (const entry of this.#view.toc) {
      if (!/^(?:TABLE|TABLE DATA|MATERIALIZED VIEW)$/.test(entry.desc)) continue
      this.#schemas.add(entry.namespace ?? '')
      this.#tables.add(`${entry.namespace ?? ''}\0${entry.tag ?? ''}`)
    }
    await this.#sessions.begin()
    const sequences = await this.#mendSequences()
    const { validated, notValid } = await this.#validate()
    const { counted, rows, incomplete } = await this.#countRows()
    const analyzed = this.#options.analyze === false ? 0 : await this.#analyze()
    const found = {
      ...(await this.#invalidIndexes()),
      unpopulated: await this.#unpopulated(),
      disabledTriggers: await this.#disabledTriggers(),
    }
    const { unpopulated, invalidIndexes, disabledTriggers } = found
    const wrong = [rows, incomplete, unpopulated, invalidIndexes, disabledTriggers, this.#refused]
    const good = wrong.every((list) => list.length === 0)
    return {
      good,
      analyzed,
      counted,
      rows,
      incomplete,
      sequences,
      validated,
      notValid,
      ...found,
      refused: this.#refused,
    }
  }

  /** Rows that begin with schema and table of the view. */
  async #ofTables(sql: string): Promise<readonly (readonly string[])[]> {
    const rows = await this.#ask(sql)
    return rows
      .filter(([schema, table]) => this.#tables.has(`${schema}\0${table}`))
      .map((row: ServerRow) => row.map((value) => value ?? ''))
  }

  /** Whether the server is of a release, or newer. */
  async #isFrom(major: number): Promise<boolean> {
    const [row] = await this.#ask(`SELECT current_setting('server_version_num')::int >= ${major * 10000}`)
    return row?.[0] === 't'
  }

  get #inSchemas(): string {
    return `n.nspname = ANY (${textArray(this.#schemas)})`
  }

  /** What the server refuses is told, and the rest goes on. */
  async #trying(step: FinishRefusal['step'], object: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isServerError(error)) throw error
      this.#refused.push({ step, object, message: error.message, sqlState: error.sqlState })
    }
  }

  #progress(step: FinishProgress['step'], done: number, total: number): void {
    this.#options.onProgress?.({ step, done, total })
  }

  /** Sequences that a column owns, or takes its default from. */
  async #mendSequences(): Promise<readonly SequenceMended[]> {
    const rows =
      await this.#ofTables(`SELECT DISTINCT n.nspname, c.relname, a.attname, sn.nspname, s.relname, q.seqincrement > 0
      FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class s ON s.oid = q.seqrelid
      JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
      JOIN (SELECT objid AS sequence, refobjid AS relation, refobjsubid AS number FROM pg_catalog.pg_depend
          WHERE classid = 'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_class'::regclass
          AND deptype IN ('a', 'i') AND refobjsubid > 0
        UNION SELECT d.refobjid, f.adrelid, f.adnum FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass
          AND d.refclassid = 'pg_catalog.pg_class'::regclass) AS of ON of.sequence = s.oid
      JOIN pg_catalog.pg_class c ON c.oid = of.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = of.number
      WHERE NOT q.seqcycle AND a.atttypid IN (20, 21, 23, 1700) AND c.relkind IN ('r', 'p') AND ${this.#inSchemas}`)
    // partitions and others share one, which is set to what the furthest has reached
    const sequences = new Map<string, (readonly string[])[]>()
    for (const row of rows) {
      const key = `${row[3]}\0${row[4]}`
      sequences.set(key, [...(sequences.get(key) ?? []), row])
    }
    const mended: SequenceMended[] = []
    let done = 0
    await this.#sessions.each([...sequences.values()], async (ask, columns) => {
      let set: SequenceMended | undefined
      for (const column of columns) set = await this.#mendSequence(ask, column, set)
      if (set !== undefined) mended.push(set)
      this.#progress('sequences', ++done, sequences.size)
    })
    return mended
  }

  /** @returns what became of the sequence, `before` included */
  async #mendSequence(
    ask: Ask,
    [schema = '', table = '', column = '', in_ = '', sequence = '', rises]: readonly string[],
    before: SequenceMended | undefined,
  ): Promise<SequenceMended | undefined> {
    const object = name(in_, sequence)
    let set = before
    await this.#trying('sequence', object, async () => {
      const [most, beyond] = rises === 't' ? ['max', '>'] : ['min', '<']
      const [found] = await ask(`SELECT r.reached, CASE WHEN s.is_called THEN s.last_value END,
        pg_catalog.setval(${literal(quoted(in_, sequence))}::regclass, r.reached)
        FROM (SELECT pg_catalog.${most}(${quoted(column)})::bigint AS reached FROM ${quoted(schema, table)}) r, ${quoted(in_, sequence)} s
        WHERE r.reached ${beyond} s.last_value OR (r.reached = s.last_value AND NOT s.is_called)`)
      if (found === undefined) return
      const [to, from = null] = found
      const is = { sequence: object, column: name(schema, table, column), to: to ?? '' }
      set = { ...is, from: before === undefined ? from : before.from }
    })
    return set
  }

  async #validate(): Promise<Pick<FinishReport, 'validated' | 'notValid'>> {
    const enforced = (await this.#isFrom(18)) ? 'AND o.conenforced' : ''
    const rows = await this.#ofTables(`SELECT n.nspname, c.relname, o.conname FROM pg_catalog.pg_constraint o
      JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT o.convalidated ${enforced} AND o.coninhcount = 0 AND ${this.#inSchemas}`)
    const archived = this.#notValidInArchive()
    const isArchived = ([schema = '', table = '', constraint = '']: readonly string[]): boolean =>
      archived.has(keyOf('constraint', schema, table, constraint))
    const validated: string[] = []
    const others = rows.filter((row) => !isArchived(row))
    let done = 0
    await this.#sessions.each(others, async (ask, [schema = '', table = '', constraint = '']) => {
      const object = `${name(schema, table)} ${constraint}`
      await this.#trying('constraint', object, async () => {
        await ask(`ALTER TABLE ${quoted(schema, table)} VALIDATE CONSTRAINT ${quoted(constraint)}`)
        validated.push(object)
      })
      this.#progress('constraints', ++done, others.length)
    })
    return { validated, notValid: rows.filter(isArchived).map(([schema, table, one]) => `${schema}.${table} ${one}`) }
  }

  #notValidInArchive(): ReadonlySet<string> {
    const reading = this.#reading
    const keys = new Set<string>()
    for (const entry of this.#view.toc) {
      const defn = entry.raw.byteString('defn') ?? ''
      if (!/NOT VALID/i.test(defn)) continue
      for (const statement of statementsOf(defn, reading)) {
        if (statement.command !== 'ALTER TABLE' || !statement.has(statement.length - 2, 'not', 'valid')) continue
        const table = qualifiedName(reading, statement, statement.word(2) === 'only' ? 3 : 2, entry)
        if (table === undefined || !statement.has(table.next, 'add', 'constraint')) continue
        const constraint = reading.decode(statement.name(table.next + 2) ?? '')
        keys.add(keyOf('constraint', table.schema, table.name, constraint))
      }
    }
    return keys
  }

  /** But for rows that were dumped with --load-via-partition-root: nothing says into which partition each goes. */
  async #countRows(): Promise<Pick<FinishReport, 'counted' | 'rows' | 'incomplete'>> {
    const expected = this.#options.rows
    if (expected === undefined) return { counted: 0, rows: [], incomplete: [] }
    const all = this.#view.toc.filter((entry) => entry.desc === 'TABLE DATA' && this.#isWanted(entry))
    const entries = all.filter((entry) => expected.has(entry.dumpId) && this.#isOwnCopy(entry))
    const incomplete = all
      .filter((entry) => storesData(entry) && !expected.has(entry.dumpId))
      .map(({ namespace, tag }) => name(namespace ?? '', tag ?? ''))
    const rows: RowDifference[] = []
    let done = 0
    await this.#sessions.each(entries, async (ask, { namespace, tag, dumpId }) => {
      const table = name(namespace ?? '', tag ?? '')
      await this.#trying('rows', table, async () => {
        const [count] = await ask(`SELECT pg_catalog.count(*) FROM ONLY ${quoted(namespace ?? '', tag ?? '')}`)
        const found = Number(count?.[0])
        const wanted = expected.get(dumpId) ?? 0
        if (found !== wanted) rows.push({ table, expected: wanted, found })
      })
      this.#progress('rows', ++done, entries.length)
    })
    return { counted: entries.length, rows, incomplete }
  }

  /** Whether the rows of an entry go into its own table, not into the root of its partitions. */
  #isOwnCopy(entry: TocEntry): boolean {
    const copy = entry.raw.byteString('copyStmt') ?? ''
    if (copy === '') return true
    const [statement] = statementsOf(copy, this.#reading)
    const table = statement === undefined ? undefined : qualifiedName(this.#reading, statement, 1, entry)
    return table !== undefined && table.schema === (entry.namespace ?? '') && table.name === (entry.tag ?? '')
  }

  #isWanted(entry: TocEntry): boolean {
    return !isFiltered(this.#view) || this.#view.parts(entry).data
  }

  /** Partitions are analyzed with their root. */
  async #analyze(): Promise<number> {
    const rows = await this.#ofTables(`SELECT n.nspname, c.relname, pn.nspname, p.relname, c.relpages
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
      LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND ${this.#inSchemas} ORDER BY pg_relation_size(c.oid) DESC`)
    const roots = rows.filter(
      ([, , schema = '', parent = '']) => parent === '' || !this.#tables.has(`${schema}\0${parent}`),
    )
    let done = 0
    await this.#sessions.each(roots, async (ask, [schema = '', table = '']) => {
      await this.#trying('analyze', name(schema, table), async () => {
        await ask(`ANALYZE ${quoted(schema, table)}`)
      })
      this.#progress('analyze', ++done, roots.length)
    })
    return roots.length - this.#refused.filter(({ step }) => step === 'analyze').length
  }

  async #invalidIndexes(): Promise<Pick<FinishReport, 'invalidIndexes' | 'incompleteIndexes'>> {
    const rows =
      await this.#ofTables(`SELECT n.nspname, c.relname, xn.nspname, x.relname, x.relkind FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_namespace xn ON xn.oid = x.relnamespace
      WHERE NOT (i.indisvalid AND i.indisready) AND ${this.#inSchemas}`)
    const named = (isPartitioned: boolean): readonly string[] =>
      rows
        .filter(([, , , , kind]) => (kind === 'I') === isPartitioned)
        .map(([, , schema = '', index = '']) => name(schema, index))
    return { invalidIndexes: named(false), incompleteIndexes: named(true) }
  }

  async #unpopulated(): Promise<readonly string[]> {
    const refreshed = new Set(
      this.#view.toc.flatMap(({ desc, namespace, tag }) =>
        desc === 'MATERIALIZED VIEW DATA' ? [`${namespace}\0${tag}`] : [],
      ),
    )
    const rows = await this.#ofTables(`SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'm' AND NOT c.relispopulated AND ${this.#inSchemas}`)
    return rows.filter(([schema, view]) => refreshed.has(`${schema}\0${view}`)).map((row) => name(...row))
  }

  async #disabledTriggers(): Promise<readonly string[]> {
    // what switches one of a partitioned table off does the same to those that partitions have of it
    const byItself = (await this.#isFrom(13))
      ? `AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger p WHERE p.oid = t.tgparentid AND p.tgenabled = 'D')`
      : ''
    const rows = await this.#ofTables(`SELECT n.nspname, c.relname, t.tgname FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE t.tgenabled = 'D' ${byItself} AND ${this.#inSchemas}`)
    const off = new Set(
      this.#view.toc.flatMap(({ desc, defn, namespace, tag }) =>
        desc === 'TRIGGER' && / DISABLE TRIGGER /.test(defn ?? '') ? [`${namespace}\0${tag}`] : [],
      ),
    )
    return rows
      .filter(([schema, table, trigger]) => !off.has(`${schema}\0${table} ${trigger}`))
      .map(([schema, table, trigger]) => `${schema}.${table} ${trigger}`)
  }
}
