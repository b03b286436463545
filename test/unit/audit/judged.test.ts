import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { audit, open } from '../../../src/index.ts'
import { root } from '../../helpers/paths.ts'

const folder = join(root, 'test/fixtures/audit-judged')
/** About the whole archive, or what nobody doubts. */
const left = new Set(['needs-role', 'needs-extension', 'pg-restore-version', 'statistics-absent'])

/** Names that begin with `bad_` in what a server of this release made. */
function badNames(major: number): ReadonlySet<string> {
  const sql = readFileSync(join(folder, 'judged.sql'), 'utf8')
  const [ofAll = '', of15 = '', of18 = ''] = sql.split(/^\\if .*$/m)
  const made = [ofAll, ...(major >= 15 ? [of15] : []), ...(major >= 18 ? [of18] : [])].join('\n')
  return new Set(made.match(/\bbad_\w+/g))
}

describe.each([13, 18])('in what pg_dump %i wrote of judged.sql', (major) => {
  const found = async (): Promise<readonly string[]> => {
    await using archive = await open(join(folder, `judged-${major}.dump`))
    const { findings } = await audit(archive)
    return findings
      .filter(({ rule }) => !left.has(rule))
      .map(({ rule, severity, object }) => `${severity} ${rule} ${object}`)
  }

  test('everything called bad_… is found, and nothing called ok_…', async () => {
    const all = (await found()).join('\n')
    const missed = [...badNames(major)].filter((name) => !new RegExp(String.raw`\b${name}\b`).test(all))
    expect(missed).toEqual([])
    expect(all.match(/^.*\bok[_ ].*$/gm) ?? []).toEqual([])
  })

  test('what is found is what somebody has looked through', async () => {
    const known: unknown = JSON.parse(readFileSync(join(folder, `judged-${major}.findings.json`), 'utf8'))
    expect([...(await found())].sort()).toEqual(known)
  })
})
