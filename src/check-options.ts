import { closest } from './closest.ts'
import { ArchiveError } from './errors.ts'
import { defaultLimits, limitPresets, mostStringBytes, type LimitPreset, type Limits } from './limits.ts'

/** What values an option can have; where the types were not looked at, anything may come. */
export interface Kind<V> {
  /** To follow "must be". */
  readonly must: string
  readonly is: (value: unknown) => value is V
  /** Items of an array, each told of by itself. */
  readonly items?: Kind<unknown>
  /** Fields of an object; those that are no `Kind` alone may be missing. */
  readonly fields?: Readonly<Record<string, Kind<unknown> & { readonly required?: boolean }>>
}

/**
 * All options of a function, complete by its type, each with its values; `true` where whoever uses the value looks at it.
 * An option that is undefined is not given.
 */
export type OptionKinds<T> = { readonly [K in keyof T]-?: Kind<Exclude<T[K], undefined>> | true }

function kind<V>(must: string, is: (value: unknown) => boolean): Kind<V> {
  return { must, is: (value): value is V => is(value) }
}

export const aBoolean = kind<boolean>('true or false', (value) => typeof value === 'boolean')
export const aString = kind<string>('a string', (value) => typeof value === 'string')
/** A text to be read, decoded or not. */
export const aText = kind<string | Uint8Array>(
  'a string or bytes',
  (value) => typeof value === 'string' || value instanceof Uint8Array,
)
/** Nothing tells what it takes and gives. */
export const aFunction = kind<never>('a function', (value) => typeof value === 'function')
/** One of this or of another realm. */
export const aSignal = objectWith<never>('an AbortSignal', 'throwIfAborted')
export const aTimeZone = objectWith<never>('a time zone, as loadTimeZone() gives it', 'formatLocal', 'formatInstant')

/** One of these values. */
export function oneOf<const V extends string | boolean>(...values: readonly V[]): Kind<V> {
  return kind(wordsOf(values.map(String)), (value) => values.some((one) => one === value))
}

/** A number of which `is` holds. */
export function aNumber(must: string, is: (value: number) => boolean): Kind<number> {
  return kind(must, (value) => typeof value === 'number' && is(value))
}

/** Whatever `is` holds of. */
export function anyOf<V>(must: string, is: (value: unknown) => boolean): Kind<V> {
  return kind(must, is)
}

/** An array of such items. */
export function listOf<V>(items: Kind<V>, must: string): Kind<readonly V[]> {
  return { ...kind<readonly V[]>(must, Array.isArray), items }
}

const anInteger = aNumber('an integer', Number.isInteger)
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

export const anArchiveFormat = oneOf('custom', 'directory', 'tar')
const anOverwrite = oneOf('replace', 'refuse')
const aMethod = { ...oneOf('none', 'gzip', 'lz4', 'zstd'), required: true }

/** `{method, level, long}` */
export const aCompression: Kind<never> = {
  ...kind<never>('{method, level, long}', isObject),
  fields: { method: aMethod, level: anInteger, long: aBoolean },
}

/** `{method, level, long}`, or the method alone. */
export const aCompressionOrMethod: Kind<never> = {
  ...kind<never>('none, gzip, lz4 or zstd, or {method, level, long}', (value) => aMethod.is(value) || isObject(value)),
  fields: aCompression.fields ?? {},
}

const aVersionNumber = {
  ...aNumber('an integer, 0 or more', (value) => Number.isInteger(value) && value >= 0),
  required: true,
}

/** `{major, minor, rev}` of an archive. */
const anArchiveVersion: Kind<never> = {
  ...kind<never>('{major, minor, rev}', isObject),
  fields: { major: aVersionNumber, minor: aVersionNumber, rev: aVersionNumber },
}

/** What all that write an archive have. */
export const writingKinds = {
  format: anArchiveFormat,
  archiveVersion: anArchiveVersion,
  overwrite: anOverwrite,
  signal: aSignal,
}

function objectWith<V>(must: string, ...methods: readonly string[]): Kind<V> {
  return kind(
    must,
    (value) => isObject(value) && methods.every((name) => typeof Reflect.get(value, name) === 'function'),
  )
}

/** `a, b or c` */
function wordsOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
}

/**
 * Refuses options that a function does not have but that are nearly called like one that it has, and values that an
 * option cannot have: in JavaScript nothing else tells of a slip. Others are left alone, since one object of options may
 * serve several functions.
 *
 * @param action what cannot be done then, as in `filter`
 * @throws ArchiveError USAGE with `{option}`
 */
export function checkOptions<T extends object>(action: string, options: T, kinds: OptionKinds<T>): void {
  checkIsObject(action, options)
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(kinds, option)) continue
    const near = closest(option, Object.keys(kinds))
    if (near !== undefined) throw noSuchOption(action, option, `Did you mean ${near}?`)
  }
  checkValues(action, options, kinds)
}

/**
 * Refuses wrong values, and every option that a function does not have: of a selection, where one that is overlooked
 * would select everything, and of limits.
 *
 * @throws ArchiveError USAGE with `{option}`
 */
export function checkAllOptions<T extends object>(action: string, options: T, kinds: OptionKinds<T>): void {
  checkIsObject(action, options)
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(kinds, option)) continue
    const known = Object.keys(kinds)
    const near = closest(option, known)
    throw noSuchOption(
      action,
      option,
      near === undefined ? `The options are ${known.join(', ')}` : `Did you mean ${near}?`,
    )
  }
  checkValues(action, options, kinds)
}

/**
 * Refuses an argument that is not of its kind; unlike an option it must be there.
 * @throws ArchiveError USAGE
 */
export function checkArgument(action: string, name: string, value: unknown, expected: Kind<unknown>): void {
  if (value === undefined) throw wrongValue(action, name, value, expected)
  checkValue(action, name, value, expected)
}

function checkIsObject(action: string, options: unknown): void {
  if (isObject(options)) return
  throw new ArchiveError('USAGE', `Cannot ${action}: what is given as options is ${shown(options)}, must be an object`)
}

function checkValues<T extends object>(action: string, options: T, kinds: OptionKinds<T>): void {
  const expected: Readonly<Record<string, Kind<unknown> | true>> = kinds
  // what is inherited counts as well: it is what the function will read
  for (const option in options) {
    const its = Object.hasOwn(kinds, option) ? expected[option] : undefined
    if (its !== undefined && its !== true) checkValue(action, option, options[option], its)
  }
}

function checkValue(action: string, name: string, value: unknown, expected: Kind<unknown>): void {
  if (value === undefined) return
  if (!expected.is(value)) throw wrongValue(action, name, value, expected)
  const { items, fields } = expected
  if (items !== undefined && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (!items.is(item)) throw wrongValue(action, `${name}[${index}]`, item, items)
    }
  }
  if (fields === undefined || !isObject(value)) return
  for (const [field, its] of Object.entries(fields)) {
    const given: unknown = Reflect.get(value, field)
    if (given === undefined && its.required === true) throw wrongValue(action, `${name}.${field}`, given, its)
    checkValue(action, `${name}.${field}`, given, its)
  }
}

function wrongValue(action: string, name: string, value: unknown, { must }: Kind<unknown>): ArchiveError {
  return new ArchiveError('USAGE', `Cannot ${action}: ${name} is ${shown(value)}, must be ${must}`, {
    details: { option: name.replace(/[.[].*/s, ''), value },
  })
}

/** A value for people, whatever it is. */
function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
    case 'function':
      return 'a function'
    case 'object':
      return value === null ? 'null' : objectText(value)
    default:
      return String(value)
  }
}

const aLimit = aNumber('0 or more', (value) => value >= 0)

const someLimits = anyOf<never>(`an object, or one of ${Object.keys(limitPresets).join(', ')}`, isObject)

const limitKinds: OptionKinds<Limits> = {
  tocEntries: aLimit,
  tocBytes: aLimit,
  stringBytes: aLimit,
  dependencies: aLimit,
  rowBytes: aLimit,
  fieldsPerRow: aLimit,
  fileNameBytes: aLimit,
  entryBytes: aLimit,
  expansionRatio: aLimit,
  zstdWindow: aLimit,
  spoolBytes: aLimit,
  spoolPercent: aLimit,
}

/**
 * The limits that an option means.
 * @throws ArchiveError USAGE for a preset, limit or value that there is not
 */
export function resolveLimits(action: string, limits: LimitPreset | Partial<Limits> | undefined): Limits {
  if (limits === undefined) return defaultLimits
  if (typeof limits === 'string') {
    if (Object.hasOwn(limitPresets, limits)) return withinStrings(limitPresets[limits])
    throw new ArchiveError('USAGE', `Cannot ${action}: there are no limits ${JSON.stringify(limits)}`, {
      hint: `Use ${Object.keys(limitPresets).join(', ')}, or an object`,
      details: { option: 'limits' },
    })
  }
  if (!isObject(limits)) throw wrongValue(action, 'limits', limits, someLimits)
  checkAllOptions('set limits', limits, limitKinds)
  const given = Object.entries(limits).filter(([, value]) => value !== undefined)
  return withinStrings({ ...defaultLimits, ...Object.fromEntries(given) })
}

/** Longer strings than JavaScript has cannot be read, whatever the limit. */
function withinStrings(limits: Limits): Limits {
  return limits.stringBytes <= mostStringBytes ? limits : { ...limits, stringBytes: mostStringBytes }
}

function objectText(value: object): string {
  try {
    return (JSON.stringify(value) ?? 'an object').slice(0, 60)
  } catch {
    return 'an object'
  }
}

function noSuchOption(action: string, option: string, hint: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot ${action}: there is no option ${JSON.stringify(option)}`, {
    hint,
    details: { option },
  })
}
