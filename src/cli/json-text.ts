/** What a terminal may take for a command, or shows in another order, and JSON leaves as it is. */
const unsafe = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/** JSON of a value in which nothing drives a terminal: such characters are escapes, which every reader of JSON undoes. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    unsafe,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
