import { describe, expect, it } from 'vitest'
import { quotedKeywords, type KeywordCategory } from '../../../src/sql/keywords.ts'
import { serverOf, withoutServers } from '../../helpers/servers.ts'

const codes: Readonly<Record<KeywordCategory, string>> = {
  reserved: 'R',
  'type or function name': 'T',
  'column name': 'C',
}

describe('quotedKeywords()', () => {
  it('has the same words from 13 to 15, and more from 16 on', () => {
    expect([13, 14, 15, 16, 17, 18].map((major) => quotedKeywords(major as 13).size)).toEqual([
      151, 151, 151, 156, 164, 164,
    ])
  })

  it('leaves out what is unreserved: json before 17', () => {
    expect(quotedKeywords(16).has('json')).toBe(false)
    expect(quotedKeywords(17).get('json')).toBe('column name')
    expect(quotedKeywords(18).has('name')).toBe(false)
  })

  it.for([13, 15, 17, 18] as const)('is what pg_get_keywords() of a server %d says', (major, { skip }) => {
    const server = serverOf(major)
    if (server === undefined) return skip(withoutServers)
    const rows = server.ask(["SELECT word || ' ' || catcode::text FROM pg_get_keywords() WHERE catcode <> 'U'"])
    const own = [...quotedKeywords(major)].map(([word, category]) => `${word} ${codes[category]}`)
    expect(own.sort()).toEqual(rows.trim().split('\n').sort())
  })
})
