import { closest } from './closest.ts'
import { ArchiveError } from './errors.ts'

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

function unknownOf<T extends object>(options: T, names: OptionNames<T>): string[] {
  return Object.keys(options).filter((option) => !Object.hasOwn(names, option))
}

function noSuchOption(action: string, option: string, hint: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot ${action}: there is no option ${JSON.stringify(option)}`, {
    hint,
    details: { option },
  })
}
