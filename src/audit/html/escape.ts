import { harmless } from '../text.ts'

/** Text that is HTML already. */
export interface Html {
  readonly html: string
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML, for elements and quoted attributes; what would hide or reorder text is shown as an escape. */
export function escapeHtml(text: string): string {
  return harmless(text).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** A template whose values are escaped, unless they are HTML themselves; arrays are joined. */
export function markup(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[] | undefined)[]
): Html {
  let text = parts[0] ?? ''
  for (const [index, value] of values.entries()) text += textOf(value) + (parts[index + 1] ?? '')
  return { html: text }
}

function textOf(value: string | number | Html | readonly Html[] | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  return 'html' in value ? value.html : value.map((one) => one.html).join('')
}

/** A link where the address is one of the web, the text alone where it is anything else. */
export function link(address: string): Html {
  return /^https?:\/\/[^\s"'<>]+$/.test(address)
    ? markup`<a href="${address}" rel="noopener noreferrer">${address}</a>`
    : markup`${address}`
}

/** A table that scrolls where it is too wide. */
export function plainTable(head: readonly string[], rows: readonly Html[]): Html {
  return markup`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${head.map((name) => markup`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}
