import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cli } from '../helpers/paths.ts'
import { run, type Outcome } from '../helpers/process.ts'
import { concat, copyEnd, dataBlock, tocBytes, type BuiltEntry } from '../unit/format/build-archive.ts'

/* `pgdmp sql --safe`: the status, what it says, and what it has written by then. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-safe-command-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const text = (dumpId: number, desc: string, defn: string): BuiltEntry => ({ dumpId, desc, tag: `o${dumpId}`, defn, copyStmt: null, offset: null }) // prettier-ignore
const on = text(900, 'STDSTRINGS', "SET standard_conforming_strings = 'on';\n")
const first = text(1, 'TABLE', 'CREATE TABLE first (x int);\n')
const last = text(3, 'TABLE', 'CREATE TABLE last (x int);\n')

const attacks = [
  {
    name: 'a command of psql in a definition',
    bytes: tocBytes([on, first, text(2, 'TABLE', 'SELECT 1;\n\\! touch owned\n'), last]),
    message: 'SQL of entry 2 ("TABLE") is not safe for psql in line',
  },
  {
    name: 'text behind the end of rows',
    bytes: concat(tocBytes([on, first, { dumpId: 2 }, last]), dataBlock(2, `a\n\\.\n\\! touch owned\n${copyEnd}`)),
    message: 'data of entry 2 ("TABLE DATA") is not safe for psql at byte 5',
  },
  {
    name: 'a string that stays open',
    bytes: tocBytes([on, first, text(2, 'VIEW', "SELECT 'a\n"), text(3, 'VIEW', "\n\\! touch owned\n';\n")]),
    message: 'SQL of entry 2 ("VIEW") is not safe for psql',
  },
]

let count = 0

async function sql(bytes: Uint8Array, ...args: readonly string[]): Promise<Outcome> {
  const path = join(folder, `${count++}.dump`)
  writeFileSync(path, bytes)
  return await run(process.execPath, [cli, 'sql', ...args, '--restrict-key=k', path])
}

describe('sql --safe', () => {
  test.each(attacks)('refuses $name with status 1, after a safe beginning', async ({ bytes, message }) => {
    const all = await sql(bytes)
    expect([all.status, all.stderr]).toEqual([0, ''])
    expect(all.stdout.toString()).toContain('touch owned')
    const safe = await sql(bytes, '--safe')
    expect(safe.status).toBe(1)
    expect(safe.stderr).toContain(`pgdmp: Cannot write SQL: ${message}`)
    expect(safe.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(safe.stderr).toContain('pg_dump does not write this')
    // what has gone out is what would have gone out anyway, and nothing of the attack
    expect(all.stdout.subarray(0, safe.stdout.length)).toEqual(safe.stdout)
    expect(safe.stdout.toString()).toContain('\\restrict k\n')
    expect(safe.stdout.toString()).not.toMatch(/touch owned|\\unrestrict|CREATE TABLE last/)
  })

  test.each(attacks)('leaves no file of a script with $name', async ({ bytes, message }) => {
    const out = join(folder, `out-${count}`)
    const { status, stdout, stderr } = await sql(bytes, '--safe', '-f', out)
    expect([status, stdout.toString()]).toEqual([1, ''])
    expect(stderr).toContain(message)
    expect(readdirSync(folder).filter((name) => name.startsWith('out-') || name.includes('.tmp'))).toEqual([])
  })

  test('writes what is safe as without it', async () => {
    const bytes = concat(tocBytes([on, first, { dumpId: 2 }, last]), dataBlock(2, `a\\tb\n${copyEnd}`))
    const [all, safe] = [await sql(bytes), await sql(bytes, '--safe')]
    expect([safe.status, safe.stderr]).toEqual([0, ''])
    expect(safe.stdout).toEqual(all.stdout)
  })
})
