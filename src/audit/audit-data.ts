import { aFunction, aNumber, aSignal, checkOptions } from '../check-options.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { CopyFields, endOfNumber, isNull, KeyHash } from './copy-fields.ts'
import { DataPlan, type ForeignKey, type KeyTable, type ServedColumn, type TablePlan } from './data-plan.ts'
import { isChosen } from './row-filter.ts'
import type { LeftOut } from './row-keys.ts'
import { KeyBudget } from './key-set.ts'
import { formatNumber } from './text.ts'
import type { AuditData, CatalogSequence, ConstraintViolation } from './types.ts'

/** Options of {@link auditData}. */
export interface AuditDataOptions {
  /** Memory for the keys of tables, in bytes; a check that does not fit is left out, and said to be. Default 256 MiB. */
  readonly memory?: number
  readonly signal?: AbortSignal
  /** Called before the rows of each entry. */
  readonly onProgress?:
    | ((progress: { readonly entry: TocEntry; readonly done: number; readonly of: number }) => void)
    | undefined
}

const defaultMemory = 256 * 1024 * 1024

/**
 * Reads the rows of an archive and says what they break: keys that two rows have, foreign keys without their row,
 * sequences that will give values which are there already. Reads each table once, and once more those that refer to a
 * table which comes later; memory stays within the budget, whatever the size of the archive.
 *
 * Values are compared by their text. Where equal values may have several texts (citext, double precision, …) a foreign key
 * is not checked, and two equal keys of such types are not seen. A row of more than 16 MiB (or `limits.rowBytes`) and one
 * that lacks fields is counted, not compared, and nothing is said of rows that refer to its table; `leftOut` tells. Unique
 * indexes of expressions are not checked, and of those of some rows only the ones whose condition is made, by AND and
 * OR, of such about one column: whether it is NULL, is true, or equals an integer or a text, or does not.
 *
 * @example
 * const data = await auditData(archive, { memory: 2 ** 30 })
 * const { findings } = await audit(archive, { data })
 */
export async function auditData(view: ArchiveView, options: AuditDataOptions = {}): Promise<AuditData> {
  checkOptions('auditData', options, {
    memory: aNumber('a number of bytes', (bytes) => bytes >= 0),
    signal: aSignal,
    onProgress: aFunction,
  })
  const reader = dataReader(view, options)
  await reader.read()
  return reader.result()
}

/** The catalog is not kept while the rows are read: of a large archive it is more than what is needed of it. */
function dataReader(view: ArchiveView, options: AuditDataOptions): DataReader {
  const catalog = new Catalog(view)
  catalog.read()
  const plan = new DataPlan(catalog, new KeyBudget(options.memory ?? defaultMemory))
  return new DataReader(view, plan.tables(), options, plan.leftOut)
}

interface Violation {
  readonly entry: TocEntry
  readonly row: number
  count: number
}

interface Reached {
  readonly sequence: CatalogSequence
  column: ServedColumn['column']
  reached: bigint
}

class DataReader {
  readonly #view: ArchiveView
  readonly #plans: readonly TablePlan[]
  readonly #options: AuditDataOptions
  readonly #leftOut: LeftOut[]
  readonly #counts = new Map<TocEntry, number>()
  readonly #reached = new Map<CatalogSequence, Reached>()
  readonly #duplicates = new Map<KeyTable, Violation>()
  readonly #orphans = new Map<string, Violation & Pick<ForeignKey, 'table' | 'constraint'>>()
  readonly #hash = new KeyHash()
  readonly #maxRowBytes: number
  #done = 0
  #all = 0

  constructor(view: ArchiveView, plans: readonly TablePlan[], options: AuditDataOptions, leftOut: LeftOut[]) {
    this.#view = view
    this.#plans = plans
    this.#options = options
    this.#leftOut = leftOut
    this.#maxRowBytes = Math.min(view.limits.rowBytes, maxRowBytes)
  }

  async read(): Promise<void> {
    const canGoBack = this.#view.storage?.seekable !== false
    const order = canGoBack ? parentsFirst(this.#plans) : this.#plans
    this.#all = order.length
    this.#view.plan(order.map(({ entry }) => entry))
    const later: { readonly plan: TablePlan; readonly foreignKeys: readonly ForeignKey[] }[] = []
    for (const plan of order) {
      const now = plan.foreignKeys.filter(({ parent }) => parent.pending === 0)
      const deferred = plan.foreignKeys.filter(({ parent }) => parent.pending > 0)
      await this.#first(plan, now)
      if (deferred.length > 0) later.push({ plan, foreignKeys: deferred })
    }
    for (const { foreignKeys } of later) {
      for (const { parent } of foreignKeys)
        if (parent.pending > 0) parent.gap ??= 'rows of its parent could not be read'
    }
    if (!canGoBack) {
      for (const { plan, foreignKeys } of later) {
        for (const { constraint } of foreignKeys) {
          this.#leave(
            plan.entry,
            `foreign key ${constraint.name ?? ''}`,
            'its rows come before those that they refer to, and the input cannot go back',
          )
        }
      }
      return
    }
    const again = later.filter(({ foreignKeys }) => foreignKeys.some(({ parent }) => parent.gap === undefined))
    this.#all += again.length
    const second = new Set(again)
    for (const one of later) if (!second.has(one)) this.#sayGaps(one.plan, one.foreignKeys)
    this.#view.plan(again.map(({ plan }) => plan.entry))
    for (const { plan, foreignKeys } of again) await this.#second(plan, foreignKeys)
  }

  result(): AuditData {
    const counts = this.#counts
    const behind: AuditData['behind'][number][] = []
    for (const one of this.#reached.values()) {
      const { value, increment } = one.sequence
      if (value === undefined) continue
      const next = value.isCalled ? value.last : value.last - increment
      if (increment > 0n ? one.reached > next : one.reached < next) behind.push(one)
    }
    const duplicates: ConstraintViolation[] = []
    for (const [{ table, unique }, violation] of this.#duplicates) {
      if (unique !== undefined) duplicates.push({ table, constraint: unique, ...violation })
    }
    return {
      rowCount: (entry) => counts.get(entry),
      behind,
      duplicates,
      orphans: [...this.#orphans.values()],
      leftOut: this.#leftOut,
    }
  }

  async #first(plan: TablePlan, foreignKeys: readonly ForeignKey[]): Promise<void> {
    const { entry, keys, sequences, columns: expected } = plan
    let row = 0
    let tooFew = 0
    const checked = foreignKeys.filter(({ parent }) => parent.gap === undefined)
    this.#sayGaps(plan, foreignKeys)
    const { rows, tooLong } = await this.#scan(plan, (bytes, starts, ends, fields, at) => {
      row = at
      if (fields < expected) {
        tooFew++
        return
      }
      for (const { key, columns, where } of keys) {
        if (where !== undefined && !isChosen(where, bytes, starts, ends)) continue
        if (key.gap !== undefined || !this.#hash.of(bytes, starts, ends, columns, key.takesNull)) continue
        const added = key.keys.add(this.#hash.high, this.#hash.low)
        if (added === undefined) this.#overflow(key, entry)
        else if (!added && key.unique !== undefined) this.#duplicate(key, entry, row)
      }
      for (const foreignKey of checked) this.#check(foreignKey, entry, row, bytes, starts, ends)
      for (const served of sequences) this.#reach(served, bytes, starts, ends)
    })
    this.#counts.set(entry, rows)
    this.#sayRows(entry, tooLong, `longer than ${formatNumber(this.#maxRowBytes)} bytes`)
    this.#sayRows(entry, tooFew, 'of fewer fields than there are columns')
    for (const { key } of keys) {
      if (tooLong + tooFew > 0) this.#gap(key, 'not all keys of the table that it refers to could be read')
      key.pending--
      this.#release(key)
    }
    for (const { parent } of foreignKeys) {
      parent.users--
      this.#release(parent)
    }
  }

  async #second(plan: TablePlan, foreignKeys: readonly ForeignKey[]): Promise<void> {
    const checked = foreignKeys.filter(({ parent }) => parent.gap === undefined)
    this.#sayGaps(plan, foreignKeys)
    await this.#scan(plan, (bytes, starts, ends, fields, row) => {
      if (fields < plan.columns) return
      for (const foreignKey of checked) this.#check(foreignKey, plan.entry, row, bytes, starts, ends)
    })
    for (const { parent } of foreignKeys) {
      parent.users--
      this.#release(parent)
    }
  }

  async #scan(
    { entry, numeric }: TablePlan,
    onRow: (bytes: Uint8Array, starts: Int32Array, ends: Int32Array, fields: number, row: number) => void,
  ): Promise<CopyFields> {
    const { signal, onProgress } = this.#options
    signal?.throwIfAborted()
    onProgress?.({ entry, done: this.#done++, of: this.#all })
    const rows: CopyFields = new CopyFields((bytes, starts, ends, fields) => {
      for (const at of numeric) if (at < fields) ends[at] = endOfNumber(bytes, starts[at] ?? 0, ends[at] ?? 0)
      onRow(bytes, starts, ends, fields, rows.rows)
    }, this.#maxRowBytes)
    for await (const chunk of this.#view.data(entry, signal === undefined ? {} : { signal })) rows.push(chunk)
    return rows
  }

  #check(
    { table, constraint, columns, parent }: ForeignKey,
    entry: TocEntry,
    row: number,
    bytes: Uint8Array,
    starts: Int32Array,
    ends: Int32Array,
  ): void {
    const hasKey = this.#hash.of(bytes, starts, ends, columns)
    if (hasKey ? parent.keys.has(this.#hash.high, this.#hash.low) : !constraint.matchFull) return
    if (!hasKey && columns.every((column) => isNull(bytes, starts[column] ?? 0, ends[column] ?? 0))) return
    const id = `${table.entry.dumpId} ${constraint.name ?? constraint.columns.join()}`
    const known = this.#orphans.get(id)
    if (known === undefined) this.#orphans.set(id, { table, constraint, entry, row, count: 1 })
    else known.count++
  }

  #duplicate(key: KeyTable, entry: TocEntry, row: number): void {
    const known = this.#duplicates.get(key)
    if (known === undefined) this.#duplicates.set(key, { entry, row, count: 1 })
    else known.count++
  }

  #overflow(key: KeyTable, entry: TocEntry): void {
    this.#gap(key, 'the keys do not fit in the memory that was granted')
    if (key.unique !== undefined) this.#leave(entry, `the key ${key.unique.name ?? ''}`, key.gap ?? '')
  }

  /** Gives a key up as one to look for: what is not in it may be there. */
  #gap(key: KeyTable, why: string): void {
    key.gap ??= why
    key.keys.clear()
  }

  /** What could be read of its rows is checked none the less. */
  #sayRows(entry: TocEntry, count: number, what: string): void {
    if (count > 0)
      this.#leave(
        entry,
        count === 1 ? '1 row' : `${formatNumber(count)} rows`,
        `${count === 1 ? 'it is' : 'they are'} ${what}`,
      )
  }

  #sayGaps({ entry }: TablePlan, foreignKeys: readonly ForeignKey[]): void {
    for (const { constraint, parent } of foreignKeys) {
      if (parent.gap === undefined) continue
      this.#leave(entry, `foreign key ${constraint.name ?? ''}`, parent.gap)
    }
  }

  #leave(entry: TocEntry, what: string, why: string): void {
    this.#leftOut.push({ entry, what, why })
  }

  /** Gives the keys up that nobody needs any more. */
  #release(key: KeyTable): void {
    if (key.pending === 0 && key.users === 0) key.keys.clear()
  }

  #reach({ sequence, column, place }: ServedColumn, bytes: Uint8Array, starts: Int32Array, ends: Int32Array): void {
    const start = starts[place] ?? 0
    const end = ends[place] ?? 0
    if (isNull(bytes, start, end) || end - start > 40) return
    let text = ''
    for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] ?? 0)
    const [, whole] = /^(-?\d+)(?:\.\d+)?$/.exec(text) ?? []
    if (whole === undefined) return
    const reached = BigInt(whole)
    // what it never gives never meets what it gives
    if (reached > sequence.max || reached < sequence.min) return
    const known = this.#reached.get(sequence)
    if (known === undefined) this.#reached.set(sequence, { sequence, column, reached })
    else if (sequence.increment > 0n ? reached > known.reached : reached < known.reached) {
      known.column = column
      known.reached = reached
    }
  }
}

const maxRowBytes = 16 * 1024 * 1024

/** Tables that others refer to before those, as far as they do not refer to each other. */
function parentsFirst(plans: readonly TablePlan[]): readonly TablePlan[] {
  const holders = new Map<KeyTable, TablePlan[]>()
  for (const plan of plans) {
    for (const { key } of plan.keys) {
      const known = holders.get(key)
      if (known === undefined) holders.set(key, [plan])
      else known.push(plan)
    }
  }
  const ordered = new Set<TablePlan>()
  const entered = new Set<TablePlan>()
  // a stack of its own: chains of tables may be long
  for (const first of plans) {
    const stack = [first]
    while (stack.length > 0) {
      const plan = stack.at(-1)
      if (plan === undefined) break
      if (!entered.has(plan)) {
        entered.add(plan)
        for (const { parent } of plan.foreignKeys) {
          for (const holder of holders.get(parent) ?? []) if (!entered.has(holder)) stack.push(holder)
        }
        continue
      }
      stack.pop()
      ordered.add(plan)
    }
  }
  return [...ordered]
}
