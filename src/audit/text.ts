/** Controls, and the characters that reorder, hide or break text. */
export const unsafe: RegExp = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const everyUnsafe = new RegExp(unsafe, 'gu')

/** Text from an archive on one line, without characters that control, hide or reorder: those appear as `\x1b`, `\u202e`. */
export function harmless(text: string): string {
  return text.replaceAll(everyUnsafe, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16)
    if (code.length <= 2) return `\\x${code.padStart(2, '0')}`
    return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\u{${code}}`
  })
}

/** `12,345,678` */
export function formatNumber(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}
