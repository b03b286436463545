import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { adaptTo } from '../../../src/audit/adapt-to.ts'
import { audit } from '../../../src/audit/audit.ts'
import { auditData } from '../../../src/audit/audit-data.ts'
import { targetProfile, targetProfiles } from '../../../src/audit/find-profile.ts'
import { rolesSql } from '../../../src/audit/roles-sql.ts'
import type { Finding } from '../../../src/errors.ts'
import { mapEntries } from '../../../src/ops/map-entries.ts'
import { withFields } from '../../../src/toc/changed-entry.ts'
import { decoderFor } from '../../../src/toc/encoding.ts'
import { root } from '../../helpers/paths.ts'

const folder = join(root, 'test/fixtures/audit-fit')
const archives = ['fit-15.dump', 'fit-18.dump']

test.each(archives)('audit() finds in %s what is to be found, and nothing else', async (file) => {
  const expected: unknown = JSON.parse(readFileSync(join(folder, file.replace('.dump', '.findings.json')), 'utf8'))
  await using archive = await open(join(folder, file))
  const { findings } = await audit(archive, { data: await auditData(archive), settings: { security: 'off' } })
  const shown = findings.map(({ rule, severity, desc, object, message }) => ({ rule, severity, desc, object, message }))
  expect(JSON.parse(JSON.stringify(shown))).toEqual(expected)
})

test('auditData() counts the rows of each table, and those alone', async () => {
  await using archive = await open(join(folder, 'fit-18.dump'))
  const data = await auditData(archive)
  const counts = archive.toc
    .filter(({ desc }) => desc === 'TABLE DATA')
    .map((entry) => [entry.tag, data.rowCount(entry)] as const)
  expect(Object.fromEntries(counts)).toMatchObject({ parent: 50, child: 21, tree: 5, parted_low: 1, bare: 0 })
})

test('auditData() sees rows of one key', async () => {
  await using archive = await open(join(folder, 'fit-18.dump'))
  const decode = decoderFor('UTF8')
  // no server lets rows break a key that it has: the key is put on another column
  const broken = mapEntries(archive, (entry) =>
    entry.desc === 'CONSTRAINT' && entry.tag === 'tree tree_pkey'
      ? withFields(entry, { fields: { defn: (defn) => (defn ?? '').replace('(id)', '(other)') } }, decode)
      : entry,
  )
  const { duplicates } = await auditData(broken)
  expect(duplicates.map(({ constraint, row, count }) => [constraint.name, row, count])).toEqual([['tree_pkey', 2, 2]])
  const { findings } = await audit(broken, { data: await auditData(broken) })
  expect(findings.find(({ rule }) => rule === 'data-unique-violation')?.message).toBe(
    'Key tree_pkey of app.tree fails: 2 rows, the first of them row 2 of app.tree',
  )
})

test('auditData() leaves a check out that does not fit in its memory, and says so', async () => {
  await using archive = await open(join(folder, 'fit-18.dump'))
  const { leftOut, orphans } = await auditData(archive, { memory: 0 })
  expect(orphans).toEqual([])
  expect(leftOut.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['foreign key tree_above', 'the key tree_pkey', 'foreign key child_parent_fkey']),
  )
})

test('auditData() checks on forward-only input what can be checked there', async () => {
  const bytes = readFileSync(join(folder, 'fit-18.dump'))
  await using archive = await open(
    (async function* () {
      yield new Uint8Array(bytes)
    })(),
  )
  const { leftOut, behind } = await auditData(archive)
  expect(behind.map(({ reached }) => reached)).toEqual([3n])
  expect(leftOut.some(({ what }) => what === 'foreign key tree_above')).toBe(true)
})

test('rolesSql() creates each role that is named, quoted, and none of the server itself', async () => {
  await using archive = await open(join(folder, 'fit-18.dump'))
  const script = rolesSql(archive)
  expect(script).toContain(`WHERE rolname = 'audit reader') THEN CREATE ROLE "audit reader"; END IF; END$roles$;`)
  expect(script.match(/CREATE ROLE/g)).toHaveLength(3)
  expect(script).not.toMatch(/CREATE ROLE "?public/i)
  expect(script).not.toContain('GRANT')
  expect(rolesSql(archive, { memberships: true })).toContain('GRANT audit_owner TO CURRENT_USER')
})

test('adaptTo() moves out of tablespaces, keeps what is refused and reports it', async () => {
  await using archive = await open(join(folder, 'fit-18.dump'))
  const told: Finding[] = []
  const there = adaptTo(archive, { target: 'supabase', onWarning: (finding) => told.push(finding) })
  expect(there.toc.filter(({ tablespace }) => tablespace).length).toBe(0)
  expect(there.toc.some(({ desc, tag }) => desc === 'TABLE' && tag === 'elsewhere')).toBe(true)
  const refused = told.filter(({ severity }) => severity === 'error').map(({ message }) => message)
  expect(refused).toEqual([expect.stringContaining('FUNCTION app.from_library(integer) (c)')])
})

test('every fact of a profile names its source and day, and only what was run is called proven', () => {
  for (const { name, facts } of targetProfiles) {
    const ids = facts.map(({ id }) => id)
    expect(new Set(ids).size, name).toBe(ids.length)
    for (const { source, date, proven } of facts) {
      expect(source, name).toMatch(/^https:\/\//)
      expect(date, name).toBe('2026-11-27')
      if (proven) expect(name).toMatch(/^(?:postgres:1[3578](?::owner)?|pglite)$/)
    }
  }
})

test('targetProfile() refuses a name that is not known, with what was probably meant', () => {
  expect(() => targetProfile('supabse')).toThrowError(
    expect.objectContaining({ code: 'USAGE', hint: 'Did you mean "supabase"?' }),
  )
})
