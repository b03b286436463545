import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { audit, open } from '../../src/index.ts'
import { allArchives, corpusRoot } from '../helpers/corpus.ts'
import { root } from '../helpers/paths.ts'

const document = readFileSync(join(root, 'spec/audit-precision.md'), 'utf8')
const wholeArchive = '(whole archive)'
const key = (database: string, rule: string, object: string): string => `${database}: ${rule}: ${object}`

/** Findings that the tables of the document explain, by database, rule and object, with the verdict. */
const explained = new Map<string, string>()
for (const chapter of document.split(/^## /m).slice(2)) {
  const database = chapter.slice(0, chapter.indexOf('\n'))
  for (const row of chapter.matchAll(/^\| ([a-z-]+) \| (right|wrong|debatable) \| [^|]+ \| (.+) \|$/gm)) {
    const [, rule = '', verdict = '', objects = ''] = row
    for (const [quoted] of objects.matchAll(/`[^`]+`|\(whole archive\)/g)) {
      explained.set(key(database, rule, quoted.replaceAll('`', '')), verdict)
    }
  }
}

/** The objects are written on one line and without quotation marks. */
const written = (object: string | undefined): string => {
  const text = (object ?? '').replaceAll('"', '').replace(/\s+/g, ' ').trim()
  return text === '' ? wholeArchive : text
}

/** What is found in an archive of the database. */
async function findingsOf(file: string, database?: string): Promise<readonly string[]> {
  await using archive = await open(file)
  const { findings } = await audit(archive)
  const name = database ?? archive.header.dbname ?? 'without a name'
  return findings.map(({ rule, object }) => key(name, rule, written(object)))
}

const archives = allArchives()
const documentation = join(root, 'test/fixtures/audit/documentation-18.dump')

describe('spec/audit-precision.md', () => {
  it(`explains every finding in the ${archives.length} archives of the ${corpusRoot === undefined ? 'fixtures' : 'corpus'}`, async () => {
    expect(archives.length).toBeGreaterThan(corpusRoot === undefined ? 20 : 150)
    const found = new Set<string>()
    for (const { file } of archives) for (const finding of await findingsOf(file)) found.add(finding)
    expect([...found].filter((finding) => !explained.has(finding))).toEqual([])
    if (corpusRoot === undefined) return
    const databases = new Set([...found].map((finding) => finding.slice(0, finding.indexOf(':'))))
    const stale = [...explained.keys()].filter(
      (finding) => databases.has(finding.slice(0, finding.indexOf(':'))) && !found.has(finding),
    )
    expect(stale).toEqual([])
  }, 60_000)

  it('explains what is found in the examples of the documentation, and nothing that is not', async () => {
    const found = new Set(await findingsOf(documentation, 'documentation'))
    const known = [...explained.keys()].filter((finding) => finding.startsWith('documentation: '))
    expect([...found].sort()).toEqual(known.sort())
  })

  it('counts its verdicts as they are', () => {
    const count = (verdict: string): number => [...explained.values()].filter((one) => one === verdict).length
    const [right, wrong, debatable] = [count('right'), count('wrong'), count('debatable')]
    const sum = `In all ${explained.size} findings: ${right} right, ${wrong} wrong, ${debatable} debatable.`
    expect(document).toContain(sum)
  })
})
