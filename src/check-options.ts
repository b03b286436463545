import { closest } from './closest.ts'
import { ArchiveError } from './errors.ts'
import { defaultLimits, limitPresets, type LimitPreset, type Limits } from './limits.ts'

/** The names of all options of a function, complete by its type. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>

/**
 * Refuses options that a function does not have but that are nearly called like one that it has: in JavaScript nothing
 * else tells of a slip. Others are left alone, since one object of options may serve several functions.
 *
 * @param action what cannot be done then, as in `filter`
 * @throws ArchiveError USAGE with `{option}`
 */
export function checkOptions<T extends object>(action: string, options: T, names: OptionNames<T>): void {
  for (const option of unknownOf(options, names)) {
    const near = closest(option, Object.keys(names))
    if (near !== undefined) throw noSuchOption(action, option, `Did you mean ${near}?`)
  }
}

/**
 * Refuses every option that a function does not have: of a selection, where one that is overlooked would select
 * everything, and of limits.
 *
 * @throws ArchiveError USAGE with `{option}`
 */
export function checkAllOptions<T extends object>(action: string, options: T, names: OptionNames<T>): void {
  for (const option of unknownOf(options, names)) {
    const known = Object.keys(names)
    const near = closest(option, known)
    throw noSuchOption(
      action,
      option,
      near === undefined ? `The options are ${known.join(', ')}` : `Did you mean ${near}?`,
    )
  }
}

const limitNames: OptionNames<Limits> = {
  tocEntries: true,
  tocBytes: true,
  stringBytes: true,
  dependencies: true,
  rowBytes: true,
  fieldsPerRow: true,
  fileNameBytes: true,
  entryBytes: true,
  expansionRatio: true,
  zstdWindow: true,
}

/**
 * The limits that an option means.
 * @throws ArchiveError USAGE for a preset, limit or value that there is not
 */
export function resolveLimits(action: string, limits: LimitPreset | Partial<Limits> | undefined): Limits {
  if (limits === undefined) return defaultLimits
  if (typeof limits === 'string') {
    if (Object.hasOwn(limitPresets, limits)) return limitPresets[limits]
    throw new ArchiveError('USAGE', `Cannot ${action}: there are no limits ${JSON.stringify(limits)}`, {
      hint: `Use ${Object.keys(limitPresets).join(', ')}, or an object`,
      details: { option: 'limits' },
    })
  }
  checkAllOptions('set limits', limits, limitNames)
  for (const [limit, value] of Object.entries(limits)) {
    if (value === undefined || value >= 0) continue
    throw new ArchiveError('USAGE', `Cannot ${action}: limits.${limit} is ${String(value)}, must be 0 or more`, {
      details: { option: limit },
    })
  }
  const given = Object.entries(limits).filter(([, value]) => value !== undefined)
  return { ...defaultLimits, ...Object.fromEntries(given) }
}

function unknownOf<T extends object>(options: T, names: OptionNames<T>): string[] {
  return Object.keys(options).filter((option) => !Object.hasOwn(names, option))
}

function noSuchOption(action: string, option: string, hint: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot ${action}: there is no option ${JSON.stringify(option)}`, {
    hint,
    details: { option },
  })
}
