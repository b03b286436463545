import { harmless } from '../index.ts'

/** A column of {@link table}. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Names in a line of a summary. */
const SHOWN = 5

/** The first names, in parentheses, and whether there are more. */
export function firstOf(names: readonly string[]): string {
  return `(${names.slice(0, SHOWN).join(', ')}${names.length > SHOWN ? ', …' : ''})`
}

/** Rows in aligned columns, with a line of titles; no blanks at the ends of lines. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column) => width(column.title))
  for (const row of rows) {
    for (const at of columns.keys()) widths[at] = Math.max(widths[at] ?? 0, width(row[at] ?? ''))
  }
  const line = (cells: readonly string[]) =>
    columns
      .map((column, at) => {
        const cell = cells[at] ?? ''
        const fill = ' '.repeat((widths[at] ?? 0) - width(cell))
        return column.align === 'right' ? fill + cell : cell + fill
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.title)), ...rows.map(line)].map((text) => `${text}\n`).join('')
}

function width(text: string): number {
  let cells = 0
  for (const character of text) cells += isWide(character.codePointAt(0) ?? 0) ? 2 : 1
  return cells
}

/** The blocks whose characters take two cells of a terminal: Hangul, CJK, full-width forms, emoji. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  )
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `0 B`, `999 B`, `1.5 KiB`, `12 MiB`: two or three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`
}

/** `0:07`, `12:34`, `1:02:03` */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60]
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600))
  return parts.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

/** Text from an archive made safe for a terminal and for one line: control characters appear as `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return harmless(text)
}
