import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { create } from '../../../src/create.ts'
import { fixture } from '../../helpers/corpus.ts'
import { cli } from '../../helpers/paths.ts'
import { run } from '../../helpers/process.ts'

/* `pgdmp drill` into PGlite, as a command. */

const timeout = 60_000
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-drill-command-'))
const archive = join(folder, 'secret.dump')
const temporary = join(folder, 'temporary')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A cell that PostgreSQL refuses, and shows as it does so. */
const secret = 'the secret of a cell'

beforeAll(async () => {
  mkdirSync(temporary)
  const writer = await create(archive, { dbname: 'secrets' })
  const place = { namespace: 'public' }
  for (const [tag, type, value] of [
    ['refused', 'integer', secret],
    ['taken', 'text', secret],
  ] as const) {
    const defn = `CREATE TABLE public.${tag} (a ${type});\n`
    const table = writer.addEntry({ ...place, desc: 'TABLE', tag, defn })
    const data = { columns: ['a'], data: [[value]], dependencies: [table] }
    writer.addEntry({ ...place, desc: 'TABLE DATA', tag, ...data })
  }
  const defn = 'CREATE INDEX i ON public.taken USING btree (((a)::integer));\n'
  writer.addEntry({ ...place, desc: 'INDEX', tag: 'i', defn })
  await writer.finish()
})

const drill = (...args: string[]) =>
  run(process.execPath, [cli, 'drill', ...args], { timeout, env: { TMPDIR: temporary } })

test('the folder of PGlite goes with it, and the report names what was done', { timeout }, async () => {
  const { status, stdout, stderr } = await drill('--verbose', fixture('18/sqlascii-Fc.dump').file)
  expect(status).toBe(0)
  expect(stderr).toBe('')
  expect(readdirSync(temporary)).toEqual([])
  const lines = stdout.toString().split('\n')
  expect(lines[0]).toMatch(/^sqlascii-Fc\.dump, of database \w+ on PostgreSQL 18/)
  expect(lines[1]).toMatch(/^ {2}restored into pglite: PostgreSQL 18/)
  expect(stdout.toString()).toContain('its encoding is UTF8, in the archive SQL_ASCII')
  // --verbose
  expect(stdout.toString()).toMatch(/^ {2}proven {4}\S+: \d+ rows, compared: text$/m)
})

test('a receipt tells what failed, and no value of any row', { timeout }, async () => {
  const checks = join(folder, 'checks.sql')
  writeFileSync(checks, 'SELECT a FROM taken;\n')
  const { status, stdout, stderr } = await drill('--into=pglite:memory', '--receipt=-', `--check=${checks}`, archive)
  expect(status).toBe(1)
  const receipt = JSON.parse(stdout.toString())
  expect(receipt.verdict).toBe('failed')
  expect(receipt.checks).toEqual([{ name: checks, statement: 'SELECT a FROM taken', status: 'failed' }])
  expect(receipt.problems).toMatchObject([
    { status: 'failed', object: 'TABLE DATA public.refused' },
    { status: 'failed', object: 'INDEX public.i' },
    { status: 'unproven', object: 'DATABASE', reason: expect.stringContaining('locale') },
  ])
  expect(stdout.toString()).not.toContain(secret)
  // the report is for whoever sees the rows anyway
  expect(stderr.split(secret)).toHaveLength(4)
})

test('a folder is left, and not used again; --quiet says the verdict alone', { timeout }, async () => {
  const into = `--into=pglite:${join(folder, 'kept')}`
  const first = await drill(into, '--quiet', archive)
  expect(first.status).toBe(1)
  expect(first.stdout.toString()).toBe('secret.dump: FAILED: 2, and 1 not proven\n')
  expect(first.stderr).toBe('')
  const before = readdirSync(join(folder, 'kept'))
  expect(before).toContain('PG_VERSION')
  const second = await drill(into, '--quiet', archive)
  expect(second.status).toBe(2)
  expect(second.stderr).toMatch(/--into=pglite:\S+ is there already, must be a new folder/)
  expect(readdirSync(join(folder, 'kept'))).toEqual(before)
})

test.each(['--keep', '--create-roles'])('%s is for servers', { timeout }, async (option) => {
  const { status, stderr } = await drill(option, archive)
  expect(status).toBe(2)
  expect(stderr).toContain(`drill: ${option} is for servers, must not be given with --into pglite`)
})
