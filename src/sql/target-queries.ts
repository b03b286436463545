import { findWords, removal, replacement, type Judge, type Verdict } from './target-judges.ts'

/** Index of the parenthesis that closes the one at `open`; the last word when there is none. */
function closing(words: readonly string[], open: number): number {
  let depth = 0
  for (let at = open; at < words.length; at++) {
    if (words[at] === '(') depth++
    if (words[at] === ')' && --depth === 0) return at
  }
  return words.length - 1
}

/** `XMLSERIALIZE(… AS type INDENT)`; servers that know the word print NO INDENT where it is not meant (ruleutils.c). */
export const xmlIndent: Judge = (statement) => {
  const { words } = statement
  const edits: { start: number; end: number; text: string }[] = []
  for (let at = findWords(words, ['xmlserialize', '(']); at !== -1;) {
    const close = closing(words, at + 1)
    if (words[close - 1] === 'indent') {
      if (words[close - 2] !== 'no') return { refuses: true }
      edits.push(removal(statement, close - 2, close - 1))
    }
    at = findWords(words, ['xmlserialize', '('], at + 1)
  }
  return edits.length === 0 ? undefined : { edits }
}

/** `JOIN … USING (…) AS alias` */
export const joinAlias: Judge = ({ words }) => {
  for (let at = findWords(words, ['using', '(']); at !== -1;) {
    const close = closing(words, at + 1)
    if (words[close + 1] === 'as') return { refuses: true }
    at = findWords(words, ['using', '('], at + 1)
  }
  return undefined
}

/** `JSON(… FORMAT JSON)` and `JSON(… WITH UNIQUE KEYS)`; of a value alone it is a cast to the type for servers before 17. */
export const jsonOfMore: Judge = ({ text, tokens, words }) => {
  for (const [at, { start, end }] of tokens.entries()) {
    if (text.slice(start, end) !== 'JSON' || words[at + 1] !== '(') continue
    const close = closing(words, at + 1)
    let depth = 0
    for (let within = at + 2; within < close; within++) {
      if (words[within] === '(') depth++
      if (words[within] === ')') depth--
      const two = `${words[within]} ${words[within + 1]}`
      if (depth === 0 && (two === 'format json' || two === 'with unique')) return { refuses: true }
    }
  }
  return undefined
}

/** `SUBSTRING(a SIMILAR b ESCAPE c)`, which has been `SUBSTRING(a FROM b FOR c)` before, and is still. */
export const substringSimilar: Judge = (statement): Verdict | undefined => {
  const { words } = statement
  const edits: { start: number; end: number; text: string }[] = []
  for (let at = findWords(words, ['substring', '(']); at !== -1;) {
    const close = closing(words, at + 1)
    // what is in further parentheses belongs to something else
    let depth = 0
    for (let within = at + 2; within < close; within++) {
      const word = words[within] ?? ''
      if (word === '(') depth++
      if (word === ')') depth--
      if (depth > 0) continue
      if (word === 'similar') edits.push(replacement(statement, within, 'FROM'))
      if (word === 'escape') edits.push(replacement(statement, within, 'FOR'))
    }
    at = findWords(words, ['substring', '('], at + 1)
  }
  return edits.length === 0 ? undefined : { edits }
}

/** `MERGE INTO … RETURNING …`; RETURNING within parentheses belongs to a function of JSON. */
export const mergeReturning: Judge = ({ words }) => {
  for (let at = findWords(words, ['merge', 'into']); at !== -1; at = findWords(words, ['merge', 'into'], at + 1)) {
    let depth = 0
    for (let within = at; within < words.length && depth >= 0 && words[within] !== ';'; within++) {
      if (words[within] === '(') depth++
      if (words[within] === ')') depth--
      if (depth === 0 && words[within] === 'returning') return { refuses: true }
    }
  }
  return undefined
}
