import { Catalog } from '../audit/catalog.ts'
import { mustBeMade } from '../audit/rules/restorability-needs.ts'
import { aBoolean, aFunction, anyOf, aSignal, checkOptions, type OptionKinds } from '../check-options.ts'
import { isArchiveError, type OnWarning } from '../errors.ts'
import { asFiltered } from '../ops/filter.ts'
import type { FilteredView } from '../ops/selection.ts'
import { packageVersion } from '../package-version.ts'
import { converterFrom } from '../restore/pglite-encoding.ts'
import { createMissingRoles } from '../restore/create-roles.ts'
import type { RestoreOptions } from '../restore/options.ts'
import { restore } from '../restore/restore.ts'
import { isServerError } from '../restore/target.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { conversing, type ConversingTarget } from './conversing-target.ts'
import { EntryStates } from './entry-states.ts'
import type { DrillDatabase, DrillPlace, DrillTarget, WantedDatabase } from './place.ts'
import { CatalogProof } from './prove-catalog.ts'
import { TableProof } from './prove-tables.ts'
import type { DrillReport, DrillTable } from './report.ts'
import { runChecks, type DrillCheck } from './user-checks.ts'
import { watched, type WatchedData } from './watched-view.ts'

/** Options of {@link drill}. */
export interface DrillOptions {
  /** The user's own checks, run at the end. */
  readonly checks?: readonly DrillCheck[]
  /** Creates roles that the archive names and the server does not have, and drops them at the end. PGlite: always. */
  readonly createRoles?: boolean
  /** SQL that this release of the server accepts, as in `restore`. */
  readonly targetVersion?: string
  /** Called between the restore and its proof, with what holds the database. */
  readonly onRestored?: (target: DrillTarget) => void | Promise<void>
  readonly onWarning?: OnWarning
  /** Called as it goes on: what is being done, and in the restore how far it is. */
  readonly onProgress?: (progress: {
    readonly stage: 'start' | 'restore' | 'proof'
    readonly bytes: number
    readonly entry: DumpId | undefined
  }) => void
  readonly signal?: AbortSignal
}

const optionKinds: OptionKinds<DrillOptions> = {
  checks: anyOf<readonly DrillCheck[]>(
    'a list of {name, sql}',
    (value) => Array.isArray(value) && value.every(isCheck),
  ),
  createRoles: aBoolean,
  targetVersion: anyOf<string>('a string such as "13"', (value) => typeof value === 'string'),
  onRestored: aFunction,
  onWarning: aFunction,
  onProgress: aFunction,
  signal: aSignal,
}

function isCheck(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'name' in value && typeof value.name === 'string' && 'sql' in value && typeof value.sql === 'string'
}

/**
 * Restores a view into a throw-away database, and proves the result (spec/drill.md): that every entry was restored,
 * that each table has the archive's rows, that sequences, large objects, constraints and indexes are as they should be,
 * and that the user's checks hold. What the place cannot do is not counted as proven. The archive is read once, and
 * again where a table's rows differ as text. The database is taken away whatever happens.
 *
 * @example
 * const report = await drill(archive, pglitePlace()) // from pgdmp/pglite
 * if (report.verdict === 'failed') console.log(report.problems)
 *
 * @throws ArchiveError as `restore` and `createRoles` do, UNSUPPORTED when the place cannot be had, USAGE when there is a
 *   database already, CONNECTION_LOST; `signal.reason`. What could not be taken away is a warning then (DRILL_LEFT)
 */
export async function drill(view: ArchiveView, place: DrillPlace, options: DrillOptions = {}): Promise<DrillReport> {
  checkOptions('drill', options, optionKinds)
  const { signal, onWarning } = options
  signal?.throwIfAborted()
  const begun = performance.now()
  const filtered = asFiltered(view, onWarning === undefined ? {} : { onWarning })
  options.onProgress?.({ stage: 'start', bytes: 0, entry: undefined })
  const database = await place.open(wantedBy(filtered, signal))
  const made: string[] = []
  let report: DrillReport
  try {
    report = await new Drill(filtered, place, database, options, begun, made).run()
  } catch (error) {
    const left = await closed(database, made)
    if (left !== undefined) onWarning?.({ code: 'DRILL_LEFT', severity: 'warning', message: left })
    throw error
  }
  return { ...report, left: await closed(database, made) }
}

/** Why something of a drill was not taken away: neither loses its report nor hides why it was given up. */
async function closed(database: DrillDatabase, made: readonly string[]): Promise<string | undefined> {
  try {
    await database.close(made)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const utf8 = new TextEncoder()

class Drill {
  readonly #view: FilteredView
  readonly #place: DrillPlace
  readonly #database: DrillDatabase
  /** For all but the restore itself, which has a conversation of its own. */
  readonly #target: ConversingTarget
  readonly #options: DrillOptions
  /** `performance.now()` when it began. */
  readonly #begun: number
  readonly #time = new Date()
  /** Roles that the drill made, or may have made. */
  readonly #made: string[]

  constructor(
    view: FilteredView,
    place: DrillPlace,
    database: DrillDatabase,
    options: DrillOptions,
    begun: number,
    made: string[],
  ) {
    this.#view = view
    this.#place = place
    this.#database = database
    this.#target = conversing(database.target, options.signal)
    this.#options = options
    this.#begun = begun
    this.#made = made
  }

  async run(): Promise<DrillReport> {
    using _target = this.#target
    const { differences } = this.#database
    const target = this.#target
    const version = (await target.rows('SELECT pg_catalog.version()'))[0]?.[0] ?? ''
    const options = await this.#restoreOptions()
    const states = new EntryStates(await this.#roles(options), this.#checksBytes())
    for (const difference of differences) states.add('unproven', undefined, difference, { object: 'DATABASE' })
    const started = performance.now()
    const { view, data } = watched(this.#view, this.#converter())
    const { complete } = await this.#restore(view, states, options)
    if (!complete) states.add('failed', undefined, 'the restore was stopped')
    const restored = performance.now()
    await this.#options.onRestored?.(this.#database.target)
    const proof = await this.#prove(states, data)
    const ended = performance.now()
    const { header } = this.#view
    const problems = states.problems()
    const failed =
      problems.some(({ status }) => status === 'failed') || proof.checks.some((one) => one.status === 'failed')
    return {
      drill: 1,
      tool: `pgdmp ${packageVersion}`,
      verdict: failed ? 'failed' : problems.length > 0 ? 'incomplete' : 'proven',
      time: this.#time.toISOString(),
      seconds: {
        start: seconds(started - this.#begun),
        restore: seconds(restored - started),
        proof: seconds(ended - restored),
      },
      archive: {
        dbname: header.dbname,
        serverVersion: header.remoteVersion,
        pgDumpVersion: header.dumpVersion,
        entries: this.#view.toc.length,
      },
      place: { name: this.#place.name, version },
      entries: states.counts(),
      rows: proof.tables.reduce(
        (sum, { status, databaseRows = 0 }) => sum + (status === 'proven' ? databaseRows : 0),
        0,
      ),
      ...proof,
      problems,
      left: undefined,
    }
  }

  /** Makes roles that are missing, where they may be made; gives the entries that name others. */
  async #roles(options: RestoreOptions): Promise<ReadonlyMap<DumpId, readonly string[]>> {
    if (this.#database.ownsServer || this.#options.createRoles === true) {
      try {
        await createMissingRoles(this.#view, this.#target, options, (names) => void this.#made.push(...names))
      } catch (error) {
        // what the server has refused is not there
        if (isServerError(error) || (isArchiveError(error) && error.code === 'USAGE')) this.#made.length = 0
        throw error
      }
    }
    const catalog = new Catalog(this.#view)
    catalog.read()
    const there = new Set((await this.#target.rows('SELECT rolname FROM pg_catalog.pg_roles')).map(([name]) => name))
    const missing = catalog.roles.filter((role) => mustBeMade(role) && !there.has(role.name))
    const entries = new Map<DumpId, string[]>()
    for (const { name, uses } of missing) {
      for (const { entry } of uses) entries.set(entry.dumpId, [...(entries.get(entry.dumpId) ?? []), name])
    }
    return entries
  }

  /** A database in SQL_ASCII takes any bytes, one in UTF8 does not. */
  #checksBytes(): boolean {
    return this.#database.convertsToUtf8 && this.#view.settings.encoding === 'SQL_ASCII'
  }

  #converter() {
    const { encoding } = this.#view.settings
    return this.#database.convertsToUtf8 ? converterFrom(encoding) : undefined
  }

  /** Of the pg_restore that comes with the server, or of the one next to it. */
  async #release(): Promise<string> {
    const [row] = await this.#target.rows('SHOW server_version_num')
    const major = Math.floor(Number(row?.[0] ?? 0) / 10_000)
    return String(Math.min(Math.max(major, 13), 18))
  }

  async #restoreOptions(): Promise<RestoreOptions> {
    const { targetVersion, signal } = this.#options
    return {
      compat: await this.#release(),
      noTablespaces: true,
      ...(targetVersion === undefined ? {} : { targetVersion }),
      ...(signal === undefined ? {} : { signal }),
    }
  }

  async #restore(
    view: FilteredView,
    states: EntryStates,
    options: RestoreOptions,
  ): Promise<{ readonly complete: boolean }> {
    const { onWarning, onProgress } = this.#options
    let last: DumpId | undefined
    return await restore(view, this.#database.target, {
      ...options,
      ...(onWarning === undefined ? {} : { onWarning }),
      onFailure: (failure) => states.refused(failure),
      onProgress: ({ bytes, entry }) => {
        if (entry !== last) {
          last = entry
          const found = entry === undefined ? undefined : view.entry(entry)
          if (found !== undefined) states.restored(found)
        }
        onProgress?.({ stage: 'restore', bytes, entry })
      },
    })
  }

  async #prove(states: EntryStates, data: WatchedData) {
    const target = this.#target
    const { signal, checks = [], onProgress } = this.#options
    onProgress?.({ stage: 'proof', bytes: 0, entry: undefined })
    for (const entry of states.entries()) noteTablespace(states, entry)
    await target.query(utf8.encode('RESET SESSION AUTHORIZATION'))
    await target.query(utf8.encode('RESET ROLE'))
    const tables: readonly DrillTable[] = await new TableProof(this.#view, data, target, states, signal).run()
    signal?.throwIfAborted()
    await target.query(utf8.encode(`SET client_encoding = 'UTF8';`))
    const catalog = new CatalogProof(target, states)
    await catalog.run(data)
    signal?.throwIfAborted()
    await this.#analyze(states)
    // as whoever connects finds them
    for (const setting of ['search_path', 'row_security', 'DateStyle', 'IntervalStyle', 'extra_float_digits']) {
      await target.query(utf8.encode(`RESET ${setting}`))
    }
    const { sequences, largeObjects, constraints, indexes } = catalog
    return { tables, sequences, largeObjects, constraints, indexes, checks: await runChecks(target, checks) }
  }

  async #analyze(states: EntryStates): Promise<void> {
    const target = this.#target
    try {
      const [row] = await target.rows(ownTables)
      if (row?.[0]) await target.query(utf8.encode(`ANALYZE ${row[0]}`))
    } catch (error) {
      if (!isServerError(error)) throw error
      states.add('failed', undefined, error.message, { object: 'ANALYZE', tellsValues: true })
    }
  }
}

/** Not the foreign ones: their servers are elsewhere. */
const ownTables = `SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', ')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`

/** Tablespaces are for servers that last. */
function noteTablespace(states: EntryStates, entry: TocEntry): void {
  const { tablespace } = entry
  if (tablespace) states.add('unproven', entry, `it is restored outside of its tablespace "${tablespace}"`)
}

/** What the archive says of its database. */
function wantedBy(view: FilteredView, signal: AbortSignal | undefined): WantedDatabase {
  const database = view.allEntries.find(({ desc }) => desc === 'DATABASE')
  const options = /^CREATE DATABASE [^]*? WITH TEMPLATE = template0 ?([^;]*);\s*$/.exec(database?.defn ?? '')?.[1] ?? ''
  return {
    encoding: view.settings.encoding,
    databaseOptions: options.replace(/ ?\bTABLESPACE = (?:"(?:[^"]|"")*"|\w+)/, '').trim(),
    extensions: view.toc.filter(({ desc }) => desc === 'EXTENSION').map(({ tag }) => tag ?? ''),
    signal,
  }
}

const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000
