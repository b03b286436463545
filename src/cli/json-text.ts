import { ArchiveError } from '../index.ts'

/** What a terminal may take for a command, or shows in another order, and JSON leaves as it is. */
const unsafe = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/**
 * JSON of a value in which nothing drives a terminal: such characters are escapes, which every reader of JSON undoes.
 * @throws ArchiveError LIMIT_EXCEEDED where it is longer than a string of JavaScript can be
 */
export function jsonText(value: unknown, indent?: number): string {
  return stringify(value, indent).replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function stringify(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new ArchiveError('LIMIT_EXCEEDED', 'Cannot write JSON: names or definitions are too long for it', {
      cause,
      hint: 'Lower the limit string-bytes to learn which entry has them',
    })
  }
}
