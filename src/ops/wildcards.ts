type Token = string | typeof any | typeof many

const any = Symbol('any character')
const many = Symbol('any characters')

const wildcardsOnly = /^(?:[^\\^$.*+?()[\]{}|]|\.\*|\.(?![+?{])|\\[^\w\s])*$/su
const part = /\.\*|\.|\\.|[^]/gu

/**
 * What a regular expression of nothing but literal text, `.` and `.*` covers; undefined for any other. The time is at
 * most that of comparing every character of the name with every one of the pattern: a regular expression of many `.*`
 * would try for ever where a name is made for it, and names come from archives.
 */
export function wildcardTest(regex: string): ((value: string) => boolean) | undefined {
  if (!wildcardsOnly.test(regex)) return undefined
  const tokens = (regex.match(part) ?? []).map((text): Token => {
    if (text === '.*') return many
    if (text === '.') return any
    return text.startsWith('\\') ? text.slice(1) : text
  })
  const isText = (token: Token): token is string => typeof token === 'string'
  const first = tokens.findIndex((token) => !isText(token))
  // a file may have thousands of names, for each of which every entry is looked at
  if (first < 0) {
    const text = tokens.join('')
    return (value) => value === text
  }
  const start = tokens.slice(0, first).join('')
  const end = tokens.slice(tokens.findLastIndex((token) => !isText(token)) + 1).join('')
  return (value) => value.startsWith(start) && value.endsWith(end) && covers(tokens, Array.from(value))
}

function covers(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0
  let at = 0
  /** Where to go on after the last `many`, which takes one character more each time. */
  let retryToken = -1
  let retryAt = 0
  while (at < characters.length) {
    const wanted = tokens[token]
    if (wanted === many) {
      retryToken = ++token
      retryAt = at
    } else if (wanted !== undefined && (wanted === any || wanted === characters[at])) {
      token++
      at++
    } else if (retryToken !== -1) {
      token = retryToken
      at = ++retryAt
    } else {
      return false
    }
  }
  while (tokens[token] === many) token++
  return token === tokens.length
}
