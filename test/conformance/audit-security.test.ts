import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isKnownType } from '../../src/audit/statement-check.ts'
import { audit, auditRules, open } from '../../src/index.ts'
import { allArchives } from '../helpers/corpus.ts'
import { root } from '../helpers/paths.ts'

const folder = join(root, 'test/fixtures/audit')
const { archives }: { readonly archives: readonly { readonly file: string; readonly sha256: string }[] } = JSON.parse(
  readFileSync(join(folder, 'manifest.json'), 'utf8'),
)

/** Rules about what somebody did to an archive: no genuine one, of whatever release, gives them a reason. */
const ofForgery: ReadonlySet<unknown> = new Set([
  'definition-does-more',
  'definition-of-other-object',
  'definition-not-ended',
  'definition-read-two-ways',
  'unknown-entry-type',
  'psql-command-in-definition',
  'odd-version-text',
  'object-in-system-schema',
])

const securityFindings = async (file: string): Promise<readonly Record<string, unknown>[]> => {
  await using archive = await open(file)
  const { findings } = await audit(archive)
  return findings
    .filter(({ category }) => category === 'security')
    .map(({ rule, severity, desc, object, message }) => ({ rule, severity, desc, object, message }))
}

describe('the rules about security', () => {
  it.each(archives)('find in $file what is to be found, and nothing else', async ({ file, sha256 }) => {
    const path = join(folder, file)
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(sha256)
    const expected = JSON.parse(readFileSync(path.replace('.dump', '.findings.json'), 'utf8'))
    const found = await securityFindings(path)
    expect(JSON.parse(JSON.stringify(found))).toEqual(expected)
  })

  it('all find something in one of the archives made for them', () => {
    const found = new Set<string>()
    for (const { file } of archives) {
      const findings: { readonly rule: string }[] = JSON.parse(
        readFileSync(join(folder, file.replace('.dump', '.findings.json')), 'utf8'),
      )
      for (const { rule } of findings) found.add(rule)
    }
    const rules = auditRules.filter(({ category }) => category === 'security').map(({ id }) => id)
    expect(rules.filter((id) => !found.has(id))).toEqual([])
  })

  it('never show a secret', async () => {
    for (const { file } of archives) {
      await using archive = await open(join(folder, file))
      expect(JSON.stringify(await audit(archive))).not.toMatch(/sesame|AKIAABC/)
    }
  })

  it('take no genuine archive for a forged one', async () => {
    const wrong = new Set<string>()
    let upgrades = 0
    for (const { file, path } of allArchives()) {
      await using archive = await open(file)
      for (const { desc } of archive.toc) if (!isKnownType(desc)) wrong.add(`${path}: ${desc}`)
      const { findings } = await audit(archive)
      for (const { rule, desc, object, message } of findings) {
        if (ofForgery.has(rule)) wrong.add(`${path}: ${rule} ${desc} ${object}: ${message}`)
        if (rule === 'binary-upgrade-archive') upgrades++
      }
      expect(findings.some(({ rule }) => rule === 'binary-upgrade-archive')).toBe(path.includes('binary-upgrade'))
    }
    expect([...wrong]).toEqual([])
    expect(upgrades).toBeLessThan(allArchives().length / 10)
  })
})
