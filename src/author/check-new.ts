import { ArchiveError } from '../errors.ts'
import type { CreateOptions, NewEntry } from '../create.ts'
import type { DumpId, Section } from '../toc/types.ts'

/*
 * What programs hand over may be anything: in JavaScript nobody has looked at types. A wrong value would be written as
 * zero, or as its name in English, and found by whoever restores.
 */

const MOST_DUMP_ID = 2 ** 31 - 1

const sections: Readonly<Record<Exclude<Section, 'unknown'>, true>> = {
  none: true,
  'pre-data': true,
  data: true,
  'post-data': true,
}

/** pg_class.relkind (pg_class.h). */
const relkinds: ReadonlySet<string> = new Set(['', ...'rtSvmcfpIi'])

/** Types of which an archive has one entry, which is there from the start. */
const settingOptions: Readonly<Record<string, keyof CreateOptions>> = {
  ENCODING: 'encoding',
  STDSTRINGS: 'stdStrings',
  SEARCHPATH: 'searchPath',
}

/** Values of fields that the types promise, which is no proof. */
type Unproven<T> = Readonly<Partial<Record<keyof T, unknown>>>

/** @throws ArchiveError USAGE */
export function checkNewEntry(entry: NewEntry, dumpId: DumpId, begun: boolean): void {
  const given: Unproven<NewEntry> = entry
  const check = checker(`add entry ${dumpId}`, dumpId)
  check('desc', given.desc, isText, 'a string')
  check('tag', given.tag, isText, 'a string')
  for (const field of ['namespace', 'owner', 'defn', 'dropStmt', 'copyStmt', 'tablespace', 'tableam'] as const) {
    check(field, given[field], isOptional(isTextOrNull), 'a string or null')
  }
  check('section', given.section, isOptional(isSection), 'none, pre-data, data or post-data')
  check('relkind', given.relkind, isOptional(isRelkind), 'a letter of pg_class.relkind, or empty')
  checkList('columns', given.columns, isText, 'a string', check)
  checkList('dependencies', given.dependencies, isDumpId, `a dump id, 1 to ${MOST_DUMP_ID}`, check)
  check('catalogId', given.catalogId, isOptional(isObject), '{tableoid, oid}')
  if (isObject(given.catalogId)) {
    for (const field of ['tableoid', 'oid']) {
      check(`catalogId.${field}`, fieldOf(given.catalogId, field), isOid, '0 to 4294967295')
    }
  }
  check('data', given.data, isOptional(isItems), 'rows or bytes that can be iterated')
  check('largeObjects', given.largeObjects, isOptional(isItems), 'objects that can be iterated')
  const option = begun && Object.hasOwn(settingOptions, entry.desc) ? settingOptions[entry.desc] : undefined
  if (option === undefined) return
  throw new ArchiveError('USAGE', `Cannot add entry ${dumpId}: it is a second ${entry.desc} entry, must be one`, {
    dumpId,
    hint: `Give ${option} to create()`,
  })
}

/** @throws ArchiveError USAGE */
export function checkDumpId(given: unknown): void {
  checker('add an entry')('dumpId', given, isOptional(isDumpId), `1 to ${MOST_DUMP_ID}`)
}

type Check = (name: string, value: unknown, is: (value: unknown) => boolean, must: string) => void

function checker(action: string, dumpId?: DumpId): Check {
  return (name, value, is, must) => {
    if (is(value)) return
    throw new ArchiveError('USAGE', `Cannot ${action}: ${name} is ${shown(value)}, must be ${must}`, { dumpId })
  }
}

/** Odd moments such as 30 February are kept as they are; what an Int cannot hold is none. @throws ArchiveError USAGE */
export function checkCreateDate(given: unknown): void {
  const check = checker('create the archive')
  if (given instanceof Date) return check('createDate', given, isMoment, 'a valid Date')
  check('createDate', given, isOptional(isObject), 'a Date, or an object with the fields of a CreateDate')
  if (given === undefined) return
  for (const field of ['year', 'month', 'day', 'hour', 'minute', 'second', 'isdst']) {
    const less = field === 'year' ? 1900 : field === 'month' ? 1 : 0
    check(`createDate.${field}`, fieldOf(given, field), (value) => isInt(value, less), 'an integer of 32 bits')
  }
}

function checkList(name: string, given: unknown, is: (value: unknown) => boolean, must: string, check: Check): void {
  check(name, given, isOptional(Array.isArray), `an array, each ${must}`)
  if (!Array.isArray(given)) return
  for (const [index, item] of given.entries()) if (!is(item)) check(`${name}[${index}]`, item, is, must)
}

function isOptional(is: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || is(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function fieldOf(value: unknown, field: string): unknown {
  return isObject(value) ? (Object.getOwnPropertyDescriptor(value, field)?.value as unknown) : undefined // any, until looked at
}

function isSection(value: unknown): boolean {
  return typeof value === 'string' && Object.hasOwn(sections, value)
}

function isRelkind(value: unknown): boolean {
  return typeof value === 'string' && relkinds.has(value)
}

function isMoment(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime())
}

/** @param less what is taken off before it is stored in 32 bits */
function isInt(value: unknown, less: number): boolean {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false
  // the magnitude is stored beside the sign
  return Math.abs(value - less) < 2 ** 31
}

function isDumpId(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MOST_DUMP_ID
}

function isOid(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff
}

function isItems(value: unknown): boolean {
  return isObject(value) && (Symbol.iterator in value || Symbol.asyncIterator in value)
}

/** A value for people, whatever it is. */
function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
    case 'object':
      return value instanceof Date ? dateText(value) : objectText(value)
    case 'function':
      return 'a function'
    default:
      return String(value)
  }
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : date.toISOString()
}

function objectText(value: object | null): string {
  try {
    return (JSON.stringify(value) ?? 'an object').slice(0, 60)
  } catch {
    return 'an object'
  }
}
