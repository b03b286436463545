import { charLength } from './multibyte.ts'

/** One element of an array's text that is no array itself. */
interface ArrayElement {
  /** What it stands for. */
  readonly value: string
  readonly start: number
  readonly end: number
}

/**
 * Elements of an array's text, such as `{a,"b c",{d}}` (array_in, arrayfuncs.c); those of inner arrays too. What is no
 * array has none.
 */
export function arrayElements(text: string, encoding: string): readonly ArrayElement[] {
  const elements: ArrayElement[] = []
  if (!text.startsWith('{')) return elements
  for (let at = 1; at < text.length;) {
    if (/[{},\s]/.test(text.charAt(at))) at++
    else {
      const element = elementAt(text, at, encoding)
      elements.push(element)
      at = element.end
    }
  }
  return elements
}

function elementAt(text: string, start: number, encoding: string): ArrayElement {
  const isQuoted = text.startsWith('"', start)
  let value = ''
  let at = isQuoted ? start + 1 : start
  while (at < text.length) {
    const char = text.charAt(at)
    if (isQuoted ? char === '"' : /[{},]/.test(char)) break
    if (char === '\\') at++
    const length = charLength(encoding, text, at)
    value += text.slice(at, at + length)
    at += length
  }
  if (isQuoted) return { value, start, end: at + 1 }
  const trimmed = value.trimEnd()
  return { value: trimmed, start, end: at }
}

/** An element as the server writes it (array_out). */
export function arrayElement(value: string, encoding: string): string {
  if (value !== '' && !/[{},"\\\s]/.test(value) && value.toLowerCase() !== 'null') return value
  let quoted = ''
  for (let at = 0; at < value.length;) {
    const length = charLength(encoding, value, at)
    const char = value.slice(at, at + length)
    quoted += char === '"' || char === '\\' ? `\\${char}` : char
    at += length
  }
  return `"${quoted}"`
}
