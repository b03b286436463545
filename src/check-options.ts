import { closest } from './closest.ts'
import { ArchiveError } from './errors.ts'

/** The names of all options of a function, complete by its type. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>

/**
 * Refuses options that a function does not have: in JavaScript nothing else tells of a slip, and a selection with one
 * would select everything.
 *
 * @param action what cannot be done then, as in `filter`
 * @throws ArchiveError USAGE with `{option}`
 */
export function checkOptions<T extends object>(action: string, options: T, names: OptionNames<T>): void {
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(names, option)) continue
    const known = Object.keys(names)
    const near = closest(option, known)
    throw new ArchiveError('USAGE', `Cannot ${action}: there is no option ${JSON.stringify(option)}`, {
      hint: near === undefined ? `The options are ${known.join(', ')}` : `Did you mean ${near}?`,
      details: { option },
    })
  }
}
