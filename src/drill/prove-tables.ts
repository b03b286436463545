import { encodeByteString } from '../bytes/byte-string.ts'
import { joinBytes } from '../bytes/join-bytes.ts'
import { parseCopyStatement } from '../copy/copy-statement.ts'
import { InsertRows } from '../copy/insert-rows.ts'
import type { FilteredView } from '../ops/selection.ts'
import { storesData } from '../ops/sql-plan.ts'
import { literal, quoted } from '../restore/questions.ts'
import { saysViaRoot } from '../restore/table-data.ts'
import { isServerError, type ServerRow } from '../restore/target.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import { encoderFor } from '../toc/encode-name.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { TocEntry } from '../toc/types.ts'
import type { EntryStates } from './entry-states.ts'
import type { DrillTarget } from './place.ts'
import type { DrillTable } from './report.ts'
import { RowDigest, RowSplitter } from './row-digest.ts'
import type { WatchedData } from './watched-view.ts'

/** Entries whose rows were copied into one table: several for the root of partitions. */
interface Copied {
  /** Byte strings. */
  readonly table: readonly string[]
  readonly columns: readonly string[]
  /** Those of each entry, which may have them in another order: quoted. */
  readonly columnsOf: Map<TocEntry, string>
  /** Rows were handed to the root of partitions, which chose among them. */
  viaRoot: boolean
  readonly entries: TocEntry[]
  /** Their rows. */
  readonly archive: RowDigest
}

/** What a statement fills: byte strings. */
type Goal = Pick<Copied, 'table' | 'columns'>

const lineFeed = Uint8Array.of(0x0a)

function newCopied(table: readonly string[], columns: readonly string[]): Copied {
  return { table, columns, columnsOf: new Map(), viaRoot: false, entries: [], archive: new RowDigest() }
}

/**
 * Whether rows of a partition were handed to another table, as `goesThroughRoot` of the restore: by the names, whatever
 * quotes they are in.
 */
function goesToRoot({ raw }: TocEntry, table: readonly string[]): boolean {
  if (saysViaRoot(raw)) return true
  const [schema] = table.slice(-2, -1)
  return table.at(-1) !== raw.byteString('tag') || (schema !== undefined && schema !== raw.byteString('namespace'))
}

/** Characters of a row that are shown. */
const SHOWN = 500

/** Where the archive's rows go when they are read a second time. */
const secondReading = 'pg_temp.pgdmp_drill_rows'

/** Compares the rows that were restored with those of the archive. */
export class TableProof {
  readonly #view: FilteredView
  readonly #data: WatchedData
  readonly #target: DrillTarget
  readonly #states: EntryStates
  readonly #signal: AbortSignal | undefined
  /** Tables whose rows were not handed to the root of partitions. */
  readonly #direct = new Set<string>()
  /** A byte string as text. */
  readonly #text: (byteString: string) => string

  constructor(
    view: FilteredView,
    data: WatchedData,
    target: DrillTarget,
    states: EntryStates,
    signal: AbortSignal | undefined,
  ) {
    this.#view = view
    this.#data = data
    this.#target = target
    this.#states = states
    this.#signal = signal
    const decode = decoderFor(view.settings.encoding)
    this.#text = (byteString) => decode(encodeByteString(byteString))
  }

  async run(): Promise<readonly DrillTable[]> {
    const tables: DrillTable[] = []
    const copied = new Map<string, Copied>()
    for (const entry of this.#states.entries()) {
      if (entry.desc !== 'TABLE DATA' || !this.#view.parts(entry).data) continue
      const isCopied = entry.copyStmt !== null
      const rows = isCopied ? this.#data.rows.get(entry.dumpId) : this.#data.inserted.get(entry.dumpId)?.digest
      const goal = isCopied ? copyGoal(entry) : await this.#insertGoal(entry)
      const viaRoot = goal === undefined ? saysViaRoot(entry.raw) : goesToRoot(entry, goal.table)
      if (!viaRoot) this.#direct.add(JSON.stringify([entry.namespace, entry.tag]))
      if (this.#states.statusOf(entry.dumpId) !== 'proven') tables.push(this.#untold(entry, rows))
      else if (!storesData(entry)) tables.push(this.#untold(entry, rows, 'the archive holds no data of it'))
      else if (rows !== undefined && goal !== undefined) gather(copied, entry, goal, rows)
      else if (isCopied) tables.push(this.#untold(entry, rows, 'its COPY statement cannot be read'))
      else tables.push(await this.#counted(entry))
    }
    for (const table of copied.values()) {
      this.#signal?.throwIfAborted()
      tables.push(await this.#compared(table))
    }
    return tables
  }

  /** Where INSERT statements put their values; undefined for what cannot be read. */
  async #insertGoal(entry: TocEntry): Promise<Goal | undefined> {
    if (this.#states.statusOf(entry.dumpId) !== 'proven') return undefined
    const { target, digest } = this.#data.inserted.get(entry.dumpId) ?? {}
    if (digest === undefined) return undefined
    const { raw } = entry
    const own = [raw.byteString('namespace') ?? '', raw.byteString('tag') ?? ''].filter((name) => name !== '')
    const table = target?.table ?? own
    const columns = target?.columns ?? (await this.#columnsOf(entry, table))
    if (columns === undefined || target === undefined) return columns && { table, columns }
    if (columns.length !== target.count) return undefined
    return { table, columns: columns.filter((_, at) => !target.defaults.includes(at)) }
  }

  /** Byte strings of all columns in their order. */
  async #columnsOf(entry: TocEntry, table: readonly string[]): Promise<readonly string[] | undefined> {
    await this.#speak('UTF8')
    const rows = await this.#ask([entry], columnNames(quoted(...table.map(this.#text))))
    const encode = encoderFor(this.#view.settings.encoding)
    const names = rows?.map(([name]) => encode(name ?? '')) ?? []
    return rows === undefined ? undefined : names.filter((name) => name !== undefined)
  }

  #untold(entry: TocEntry, rows: RowDigest | undefined, reason?: string): DrillTable {
    if (reason !== undefined) this.#states.add('unproven', entry, reason)
    return {
      table: tableName(entry),
      dumpIds: [entry.dumpId],
      status: this.#states.statusOf(entry.dumpId),
      compared: 'nothing',
      archiveRows: rows?.rows ?? this.#data.inserted.get(entry.dumpId)?.rows,
      databaseRows: undefined,
      digest: rows?.hex(),
      difference: undefined,
    }
  }

  /** Rows that came as INSERT statements which cannot be read: how many there are. */
  async #counted(entry: TocEntry): Promise<DrillTable> {
    const { namespace, tag } = entry
    const name = quoted(...(namespace ? [namespace] : []), tag ?? '')
    await this.#speak('UTF8')
    const archiveRows = this.#data.inserted.get(entry.dumpId)?.rows ?? 0
    const answer = await this.#ask([entry], `SELECT count(*), ${isPartition(name)} FROM ONLY ${name}`)
    const [count, partition] = answer?.[0] ?? []
    const databaseRows = count == null ? undefined : Number(count)
    const right = databaseRows === archiveRows
    const rows = `${databaseRows} rows of ${archiveRows} in the archive`
    if (right)
      this.#states.add(
        'unproven',
        entry,
        `INSERT statements that pg_dump does not write: rows are counted, not compared`,
      )
    else if (partition === 't') this.#states.add('unproven', entry, `${rows}: others may be in other partitions`)
    else if (databaseRows !== undefined) this.#states.add('failed', entry, rows)
    const status = this.#states.statusOf(entry.dumpId)
    return { ...this.#untold(entry, undefined), status, compared: 'count', archiveRows, databaseRows }
  }

  async #compared(copied: Copied): Promise<DrillTable> {
    const { entries, archive } = copied
    const name = quoted(...copied.table)
    const source = copied.viaRoot ? `${name}${await this.#others(copied)}` : `ONLY ${name}`
    const columns = listOf(copied.columns)
    await this.#speak(this.#view.settings.encoding)
    const database = await this.#digestOf(entries, `SELECT ${columns} FROM ${source}`)
    // rows with their fields in different orders have no digest together
    const isOneText = entries.every((entry) => copied.columnsOf.get(entry) === columns)
    let compared: DrillTable['compared'] = 'text'
    let difference: DrillTable['difference']
    if (database !== undefined && !(isOneText && database.equals(archive))) {
      compared = 'values'
      // whatever a second reading gives, which goes the same way as the first
      if (database.rows !== archive.rows) {
        this.#all('failed', entries, `${database.rows} rows of ${archive.rows} in the archive`)
      }
      difference = await this.#readAgain(copied, columns, source, database)
    }
    const statuses = entries.map(({ dumpId }) => this.#states.statusOf(dumpId))
    return {
      table: copied.table.map(this.#text).join('.'),
      dumpIds: entries.map(({ dumpId }) => dumpId),
      status: statuses.find((status) => status !== 'proven') ?? 'proven',
      compared,
      archiveRows: archive.rows,
      databaseRows: database?.rows,
      digest: isOneText ? archive.hex() : undefined,
      difference,
    }
  }

  /**
   * Leaves those partitions out that have entries of their own: a condition, or nothing.
   */
  async #others({ table, entries }: Copied): Promise<string> {
    await this.#speak('UTF8')
    const name = quoted(...table.map(this.#text))
    const partitions = await this.#ask(entries, partitionsOf(name))
    const oids = (partitions ?? [])
      .filter(([schema, partition]) => this.#direct.has(JSON.stringify([schema, partition])))
      .map(([, , oid]) => oid)
    return oids.length === 0 ? '' : ` WHERE tableoid <> ALL ('{${oids.join(',')}}'::pg_catalog.oid[])`
  }

  /**
   * The rows differ as text: the database may print values otherwise than the one that was dumped (time zones, floats).
   * So it reads those of the archive once more, into a table that is like the other one.
   * @returns what differs; undefined when nothing does
   */
  async #readAgain(
    { entries, columnsOf }: Copied,
    columns: string,
    source: string,
    database: RowDigest,
  ): Promise<DrillTable['difference']> {
    const nothing = { archive: undefined, database: undefined }
    if (this.#view.storage?.seekable === false) {
      this.#all('unproven', entries, 'rows differ as text; whether values do needs an archive that can be read twice')
      return nothing
    }
    try {
      const like = `SELECT ${columns} FROM ${source}`
      await this.#target.query(encodeByteString(`CREATE TABLE ${secondReading} AS ${like} WITH NO DATA`))
      for (const entry of entries) {
        const list = columnsOf.get(entry) ?? ''
        const copy = `COPY ${secondReading}${list === '' ? '' : ` (${list})`} FROM stdin`
        await this.#copyAgain(entry, copy)
      }
      const again = await this.#digestOf(entries, `SELECT ${columns} FROM ${secondReading}`)
      if (again?.equals(database) === true) return undefined
      this.#all('failed', entries, 'its rows are not those of the archive')
      await this.#speak('UTF8')
      return await this.#firstDifference(this.#text(columns), this.#text(source))
    } catch (error) {
      if (!isServerError(error)) throw error
      this.#all('failed', entries, `its rows are not those of the archive, and reading them again: ${error.message}`, {
        tellsValues: true,
      })
      return nothing
    } finally {
      await this.#target.query(encodeByteString(`DROP TABLE IF EXISTS ${secondReading}`))
    }
  }

  async #copyAgain(entry: TocEntry, statement: string): Promise<void> {
    const input = await this.#target.copyFrom(encodeByteString(statement))
    const source = this.#view.data(entry).borrow()
    const asCopied = entry.copyStmt === null ? this.#insertsAsRows() : (chunk: Uint8Array) => chunk
    try {
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
        this.#signal?.throwIfAborted()
        const rows = asCopied(chunk)
        if (rows.length > 0) await input.write(rows)
      }
      await input.end()
    } catch (error) {
      if (!isServerError(error)) await input.abort('the data cannot be read').catch(() => undefined)
      throw error
    } finally {
      await source.cancel()
    }
  }

  /** Gives the rows that end in each piece of INSERT statements. */
  #insertsAsRows(): (chunk: Uint8Array) => Uint8Array {
    const { encoding, stdStrings } = this.#view.settings
    const rows: Uint8Array[] = []
    const reader = new InsertRows({ stdStrings, charLength: charLengthOf(encoding) }, (row) => {
      rows.push(joinBytes([row, lineFeed]))
    })
    return (chunk) => {
      reader.push(chunk)
      return joinBytes(rows.splice(0))
    }
  }

  /** A row on either side that the other one does not have, as the server writes rows. */
  async #firstDifference(columns: string, source: string): Promise<DrillTable['difference']> {
    const archive = `SELECT r::text FROM (SELECT ${columns} FROM ${secondReading}) r`
    const database = `SELECT r::text FROM (SELECT ${columns} FROM ${source}) r`
    const first = async (sql: string): Promise<string | undefined> => {
      const row = (await this.#target.rows(`SELECT left(row, ${SHOWN}) FROM (${sql}) rows (row) ORDER BY 1 LIMIT 1`))[0]
      return row?.[0] ?? undefined
    }
    return {
      archive: await first(`${archive} EXCEPT ALL ${database}`),
      database: await first(`${database} EXCEPT ALL ${archive}`),
    }
  }

  async #digestOf(entries: readonly TocEntry[], select: string): Promise<RowDigest | undefined> {
    const digest = new RowDigest()
    const splitter = new RowSplitter((row) => digest.add(row))
    try {
      const statement = encodeByteString(`COPY (${select}) TO STDOUT`)
      await this.#target.copyTo(statement, (bytes) => splitter.push(bytes))
      splitter.finish()
      return digest
    } catch (error) {
      if (!isServerError(error)) throw error
      this.#all('failed', entries, `its rows cannot be read: ${error.message}`, { tellsValues: true })
      return undefined
    }
  }

  async #ask(entries: readonly TocEntry[], sql: string): Promise<readonly ServerRow[] | undefined> {
    try {
      return await this.#target.rows(sql)
    } catch (error) {
      if (!isServerError(error)) throw error
      this.#all('failed', entries, `its rows cannot be read: ${error.message}`, { tellsValues: true })
      return undefined
    }
  }

  #all(
    status: 'failed' | 'unproven',
    entries: readonly TocEntry[],
    reason: string,
    what: { readonly tellsValues?: boolean } = {},
  ): void {
    for (const entry of entries) this.#states.add(status, entry, reason, what)
  }

  async #speak(encoding: string): Promise<void> {
    await this.#target.query(encodeByteString(`SET client_encoding = '${encoding}';\n`))
  }
}

function copyGoal({ raw }: TocEntry): Goal | undefined {
  const statement = parseCopyStatement(raw.byteString('copyStmt') ?? '')
  if (statement === undefined || statement.withOids) return undefined
  return { table: statement.table, columns: statement.columns ?? [] }
}

function gather(copied: Map<string, Copied>, entry: TocEntry, { table, columns }: Goal, rows: RowDigest): void {
  const key = JSON.stringify(table)
  const known = copied.get(key) ?? newCopied(table, columns)
  copied.set(key, known)
  known.entries.push(entry)
  known.archive.addAll(rows)
  known.columnsOf.set(entry, listOf(columns))
  known.viaRoot ||= goesToRoot(entry, table)
}

function listOf(columns: readonly string[]): string {
  return columns.map((column) => quoted(column)).join(', ')
}

function isPartition(name: string): string {
  return `(SELECT relispartition FROM pg_catalog.pg_class WHERE oid = ${regclass(name)})`
}

/** In the order of the table. */
function columnNames(name: string): string {
  return `SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = ${regclass(name)} AND attnum > 0
    AND NOT attisdropped ORDER BY attnum`
}

/** Tables below a partitioned one, at any depth: schema, name, OID. */
function partitionsOf(name: string): string {
  return `WITH RECURSIVE tree (oid) AS (SELECT ${regclass(name)}::pg_catalog.oid
    UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)
    SELECT n.nspname, c.relname, c.oid FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind <> 'p'`
}

const regclass = (name: string): string => `${literal(name)}::pg_catalog.regclass`

function tableName({ namespace, tag }: TocEntry): string {
  return `${namespace ? `${namespace}.` : ''}${tag ?? ''}`
}
