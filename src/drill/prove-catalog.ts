import { createSha256, toHex } from '../codec/sha256.ts'
import { literal, quoted } from '../restore/questions.ts'
import { isServerError, type ServerRow } from '../restore/target.ts'
import type { TocEntry } from '../toc/types.ts'
import { nameOf, type EntryStates } from './entry-states.ts'
import type { DrillTarget } from './place.ts'
import type { DrillStatus } from './report.ts'
import type { WatchedData } from './watched-view.ts'

const qualified = (schema: string | null, name: string): string =>
  schema === null || schema === '' ? quoted(name) : quoted(schema, name)

type Counts = { [S in DrillStatus]: number }
const noCounts = (): Counts => ({ proven: 0, failed: 0, unproven: 0 })

/** Large objects that are asked for at once. */
const OBJECTS_AT_ONCE = 100

/** Bytes of a large object that are read at once, where it is read in pieces. */
const BYTES_AT_ONCE = 4 * 1024 * 1024

/** Sequences that serve a column, with what to ask of both. */
const servingSequences = `SELECT n.nspname, c.relname, tn.nspname, t.relname, a.attname, s.seqincrement > 0
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE t.relkind IN ('r', 'p') AND a.atttypid IN (20, 21, 23, 1700) AND c.relpersistence <> 't'
ORDER BY 1, 2`

const ofUsers = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_temp_'`

/**
 * Constraints of tables and domains, whether PostgreSQL has checked them against the rows; those that it is told not to enforce are none, and those
 * that are inherited are as their parents are.
 */
const constraints = `SELECT n.nspname, coalesce(t.relname, d.typname), c.conname, c.convalidated
FROM pg_catalog.pg_constraint c
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
LEFT JOIN pg_catalog.pg_type d ON d.oid = c.contypid
JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
WHERE ${ofUsers} AND c.conparentid = 0 AND c.conislocal AND coalesce((pg_catalog.to_jsonb(c) ->> 'conenforced')::boolean, true)
ORDER BY c.convalidated, 1, 2, 3`

const indexes = `SELECT n.nspname, c.relname, i.indisvalid AND i.indisready, c.relkind
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE ${ofUsers} ORDER BY 3, 1, 2`

/** Looks at what is no rows of tables: sequences, large objects, constraints, indexes, materialized views. */
export class CatalogProof {
  readonly #target: DrillTarget
  readonly #states: EntryStates
  readonly sequences: Counts = noCounts()
  readonly largeObjects: Counts = noCounts()
  constraints = 0
  indexes = 0

  constructor(target: DrillTarget, states: EntryStates) {
    this.#target = target
    this.#states = states
  }

  /** The session's client encoding must be UTF8. */
  async run(data: WatchedData): Promise<void> {
    for (const entry of this.#states.entries()) {
      if (entry.desc === 'SEQUENCE SET') await this.#sequence(entry)
      if (entry.desc === 'MATERIALIZED VIEW DATA') await this.#populated(entry)
    }
    await this.#objects(data)
    await this.#servingSequences()
    await this.#constraints()
    await this.#indexes()
  }

  /** Whether a sequence is where the archive sets it. */
  async #sequence(entry: TocEntry): Promise<void> {
    if (this.#states.statusOf(entry.dumpId) === 'proven') await this.#compareSequence(entry)
    this.sequences[this.#states.statusOf(entry.dumpId)]++
  }

  async #compareSequence(entry: TocEntry): Promise<void> {
    const set = /setval\((?:E?'(?:[^']|'')*'), (-?\d+), (true|false)\);\s*$/.exec(entry.defn ?? '')
    if (set === null) return this.#states.add('unproven', entry, 'what the archive sets it to cannot be read')
    const sql = `SELECT last_value, is_called FROM ${qualified(entry.namespace, entry.tag ?? '')}`
    const row = (await this.#ask(sql, entry))?.[0]
    if (row === undefined) return
    const [, value, called] = set
    const isCalled = called === 'true'
    if (row[0] === value && (row[1] === 't') === isCalled) return
    this.#states.add(
      'failed',
      entry,
      `it is at ${row[0]}${used(row[1] === 't')}, in the archive at ${value}${used(isCalled)}`,
      { tellsValues: true },
    )
  }

  async #populated(entry: TocEntry): Promise<void> {
    if (this.#states.statusOf(entry.dumpId) !== 'proven') return
    const name = literal(qualified(entry.namespace, entry.tag ?? ''))
    const sql = `SELECT relispopulated FROM pg_catalog.pg_class WHERE oid = ${name}::pg_catalog.regclass`
    const row = (await this.#ask(sql, entry))?.[0]
    if (row !== undefined && row[0] !== 't') this.#states.add('failed', entry, 'it is not populated')
  }

  async #objects({ objects }: WatchedData): Promise<void> {
    const wanted = [...objects]
    for (let from = 0; from < wanted.length; from += OBJECTS_AT_ONCE) {
      const some = wanted.slice(from, from + OBJECTS_AT_ONCE)
      const oids = some.map(([oid]) => oid)
      const found = await this.#digestsOf(oids)
      for (const [oid, { sha256, entry }] of some) {
        // one that is too large to be a value is in the way of the others
        const digest = found === undefined ? await this.#digestInPieces(oid, entry) : found.get(oid)
        this.#object(oid, digest, sha256, entry)
      }
    }
  }

  /** Of those that are there; undefined where the server refuses. */
  async #digestsOf(oids: readonly number[]): Promise<ReadonlyMap<number, string> | undefined> {
    const sql = `SELECT o, pg_catalog.encode(pg_catalog.sha256(pg_catalog.lo_get(o)), 'hex')
      FROM pg_catalog.unnest('{${oids.join(',')}}'::pg_catalog.oid[]) o
      WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid = o)`
    try {
      return new Map((await this.#target.rows(sql)).map(([oid, sha256]) => [Number(oid), sha256 ?? '']))
    } catch (error) {
      if (!isServerError(error)) throw error
      return undefined
    }
  }

  /** Undefined where it is not there, or cannot be read. */
  async #digestInPieces(oid: number, entry: TocEntry): Promise<string | undefined> {
    const there = await this.#ask(`SELECT FROM pg_catalog.pg_largeobject_metadata WHERE oid = ${oid}`, entry)
    if (there === undefined || there.length === 0) return undefined
    const hash = createSha256()
    for (let offset = 0; ; offset += BYTES_AT_ONCE) {
      const sql = `SELECT pg_catalog.encode(pg_catalog.lo_get(${oid}, ${offset}, ${BYTES_AT_ONCE}), 'hex')`
      const hex = (await this.#ask(sql, entry))?.[0]?.[0]
      if (hex == null) return undefined
      if (hex === '') return toHex(hash.digest())
      hash.update(bytesOf(hex))
    }
  }

  #object(oid: number, found: string | null | undefined, sha256: string, entry: TocEntry): void {
    const status = found === sha256 ? 'proven' : 'failed'
    this.largeObjects[status]++
    if (status === 'proven') return
    this.#states.add(
      status,
      entry,
      `large object ${oid} ${found === undefined ? 'is not there' : 'is not that of the archive'}`,
    )
  }

  /** Whether what a sequence gives next is beyond the values of its column. */
  async #servingSequences(): Promise<void> {
    const sets = new Map<string, TocEntry>()
    for (const entry of this.#states.entries()) {
      if (entry.desc === 'SEQUENCE SET') sets.set(qualified(entry.namespace, entry.tag ?? ''), entry)
    }
    for (const [schema, name, tableSchema, table, column, rises] of (await this.#ask(servingSequences)) ?? []) {
      const sequence = qualified(schema ?? '', name ?? '')
      const field = quoted(column ?? '')
      const beyond = rises === 't' ? '>' : '<'
      const extreme = rises === 't' ? 'max' : 'min'
      const sql = `SELECT m, last_value FROM (SELECT ${extreme}(${field}) FROM ${qualified(tableSchema ?? '', table ?? '')}) t (m),
        ${sequence} WHERE m ${beyond} last_value OR (m = last_value AND NOT is_called)`
      const entry = sets.get(sequence)
      const [row] = (await this.#ask(sql, entry)) ?? []
      if (row === undefined) continue
      const reason = `it is at ${row[1]}, behind ${row[0]} in column ${column} of ${tableSchema}.${table}`
      // a sequence that is where the archive sets it was behind in the database that was dumped
      const asDumped = entry !== undefined && this.#states.statusOf(entry.dumpId) === 'proven'
      const status = asDumped ? 'unproven' : 'failed'
      this.#states.add(status, entry, asDumped ? `${reason}, as when it was dumped` : reason, {
        object: `SEQUENCE ${schema}.${name}`,
        tellsValues: true,
      })
    }
  }

  async #constraints(): Promise<void> {
    const entries = new Map<string, TocEntry>()
    for (const entry of this.#states.entries()) {
      if (entry.desc.endsWith('CONSTRAINT')) entries.set(JSON.stringify([entry.namespace, entry.tag]), entry)
    }
    for (const [schema, table, name, validated] of (await this.#ask(constraints)) ?? []) {
      this.constraints++
      if (validated === 't') continue
      const entry = entries.get(JSON.stringify([schema, `${table} ${name}`]))
      const asDumped = entry?.defn?.includes(' NOT VALID') === true
      const reason = asDumped ? 'not validated, as when it was dumped' : 'not validated'
      const object = `CONSTRAINT ${schema}.${table} ${name}`
      this.#states.add(asDumped ? 'unproven' : 'failed', entry, reason, {
        object: entry === undefined ? object : nameOf(entry),
      })
    }
  }

  async #indexes(): Promise<void> {
    const entries = new Map<string, TocEntry>()
    for (const entry of this.#states.entries()) {
      if (entry.desc === 'INDEX') entries.set(JSON.stringify([entry.namespace, entry.tag]), entry)
    }
    for (const [schema, name, valid, kind] of (await this.#ask(indexes)) ?? []) {
      this.indexes++
      if (valid === 't') continue
      const entry = entries.get(JSON.stringify([schema, name]))
      // that of a partitioned table is valid when each partition has one attached, each of which is an entry
      const [status, reason] =
        kind === 'I'
          ? (['unproven', 'some partition has no such index'] as const)
          : (['failed', 'it is not valid'] as const)
      this.#states.add(status, entry, reason, { object: `INDEX ${schema}.${name}` })
    }
  }

  /** What the server refuses is a failure of the entry. */
  async #ask(sql: string, entry?: TocEntry): Promise<readonly ServerRow[] | undefined> {
    try {
      return await this.#target.rows(sql)
    } catch (error) {
      if (!isServerError(error)) throw error
      this.#states.add('failed', entry, `it cannot be looked at: ${error.message}`, { tellsValues: true })
      return undefined
    }
  }
}

function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2)
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16)
  return bytes
}

const used = (called: boolean): string => (called ? ' (used)' : '')
