import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { quotedKeywords, type KeywordCategory } from '../../../src/sql/keywords.ts'
import { postgres } from '../../helpers/postgres.ts'

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

  // PGDMP_SERVERS: connection strings of running servers by major, as JSON: {"17": "host=… user=…"}
  const servers = JSON.parse(process.env['PGDMP_SERVERS'] ?? '{}') as Readonly<Record<string, string>>
  it.for(postgres)('is what pg_get_keywords() of a server $version says', ({ major, psql }, { skip }) => {
    const server = servers[String(major)]
    if (server === undefined) return skip('no server to ask (set PGDMP_SERVERS)')
    const query = "SELECT word, catcode FROM pg_get_keywords() WHERE catcode <> 'U'"
    const rows = execFileSync(psql, ['-XAtq', '-F', ' ', '-c', query, server], { encoding: 'utf8' })
    const own = [...quotedKeywords(major)].map(([word, category]) => `${word} ${codes[category]}`)
    expect(own.sort()).toEqual(rows.trim().split('\n').sort())
  })
})
