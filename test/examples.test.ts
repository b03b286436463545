import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from './helpers/corpus.ts'
import { root, shipped } from './helpers/paths.ts'
import { run } from './helpers/process.ts'

const folder = join(root, 'examples')
const latin1 = fixture('18/latin1-Fc.dump').file
const full = fixture('18/full-Fc.dump').file

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-examples-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const csv = join(scratch, 'cities.csv')
writeFileSync(csv, 'name,"Odd ""column""",population\r\nBerlin,"a, b\tand ""c""",3677472\r\nAtlantis,"",\r\n')
const made = join(scratch, 'cities.dump')

/** What each example is run with, and what it must print. */
const examples: Readonly<
  Record<string, { readonly args: readonly string[]; readonly stdin?: string; readonly prints: RegExp }>
> = {
  'csv-to-archive.mjs': {
    args: [csv, 'city', made],
    prints: /restore it with pg_restore -d DATABASE \S+cities\.dump\n$/,
  },
  'demo.mjs': { args: [latin1], prints: /TABLE DATA Größe Straße postgres[^]*COPY "Größe"\."Straße"[^]*Try next/ },
  'from-a-pipe.mjs': { args: [], stdin: latin1, prints: /^Größe\.Straße\t3\n$/ },
  'large-objects.mjs': { args: [full], prints: /^100001\t1200000\n100002\t0\n/ },
  'one-table.mjs': {
    args: [full, 'child'],
    prints: /CREATE TABLE "Sch 1"\."Parent Table"[^]*COPY plain\.child[^]*REFERENCES "Sch 1"\."Parent Table"\(code\)/,
  },
  'who-owns-what.mjs': { args: [latin1], prints: /^postgres\t11 entries\n$/ },
}

test('every example is run', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(examples).sort())
})

describe.each(Object.entries(examples))('%s', (name, { args, stdin, prints }) => {
  test('prints what it says', async () => {
    const input = stdin === undefined ? {} : { stdin: readFileSync(stdin) }
    const outcome = await run(process.execPath, [join(folder, name), ...args], input)
    expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 0, stderr: '' })
    expect(outcome.stdout.toString()).toMatch(prints)
  })

  test('has no more than 40 lines', () => {
    expect(readFileSync(join(folder, name), 'utf8').split('\n').length).toBeLessThanOrEqual(41)
  })
})

test('csv-to-archive.mjs makes an archive of the rows', async () => {
  const { open, toSql } = await shipped()
  await using archive = await open(made)
  const sql = Buffer.from(await toSql(archive, { restrictKey: false }).bytes()).toString()
  expect(sql).toContain(
    'CREATE TABLE public."city" (\n    "name" text,\n    "Odd ""column""" text,\n    "population" text\n);\n',
  )
  expect(sql).toContain(
    'COPY public.city (name, "Odd ""column""", population) FROM stdin;\n' +
      'Berlin\ta, b\\tand "c"\t3677472\nAtlantis\t\t\\N\n\\.\n\n\n',
  )
})
