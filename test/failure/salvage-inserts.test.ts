import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { create, open, salvage, type SalvagedEntry } from '../../src/index.ts'
import { random } from '../helpers/damage.ts'

/*
 * Which rows are kept of a table that was dumped as INSERT statements, and is cut or damaged. PGDMP_INSERTS sets how
 * often it is tried.
 */

const rounds = Number(process.env['PGDMP_INSERTS'] ?? 12)
const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-inserts-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const count = 3000
/** Statements whose values hold what could be taken for the end of one; in threes where rows are grouped. */
function statementsOf(rowsOfEach: number): readonly string[] {
  const next = random(7)
  const row = (index: number): string => {
    const noise = Array.from({ length: 1 + Math.floor(next() * 5) }, () => Math.floor(next() * 1e9).toString(36))
    return `(${index}, 'it''s ${noise.join(' ')};\nINSERT INTO public.t VALUES (${index});', ${next() < 0.5 ? 'NULL' : 'true'})`
  }
  return Array.from({ length: Math.ceil(count / rowsOfEach) }, (_, at) => {
    const rows = Array.from({ length: rowsOfEach }, (__, index) => row(at * rowsOfEach + index))
    return rowsOfEach === 1
      ? `INSERT INTO public.t VALUES ${rows[0]};\n`
      : `INSERT INTO public.t VALUES\n${rows.map((each) => `\t${each}`).join(',\n')};\n`
  })
}

interface Made {
  readonly bytes: Buffer
  readonly statements: readonly string[]
  /** Where the data of the table lie. */
  readonly from: number
}

async function make(compression: 'gzip' | 'lz4' | 'zstd' | 'none', rowsOfEach: number): Promise<Made> {
  const file = join(scratch, 'sound')
  const archive = await create(file, { compression, overwrite: 'replace' })
  const statements = statementsOf(rowsOfEach)
  const defn = 'CREATE TABLE public.t (a integer, b text, c boolean);\n'
  const table = archive.addEntry({ desc: 'TABLE', tag: 't', namespace: 'public', defn })
  const data = [Buffer.from(`${statements.join('')}\n\n`)]
  archive.addEntry({ desc: 'TABLE DATA', tag: 't', namespace: 'public', copyStmt: null, dependencies: [table], data })
  await archive.finish()
  await using opened = await open(file)
  const entry = opened.toc.find(({ desc }) => desc === 'TABLE DATA')
  if (entry?.data.state !== 'set') throw new Error('the data have no offset')
  return { bytes: readFileSync(file), statements, from: entry.data.offset + 20 }
}

/** What is kept of an archive, statement by statement. */
async function kept(
  bytes: Uint8Array,
): Promise<{ readonly told: SalvagedEntry; readonly statements: readonly string[] }> {
  const [input, output] = [join(scratch, 'broken'), join(scratch, 'saved')]
  writeFileSync(input, bytes)
  const { entries } = await salvage(input, output, { overwrite: 'replace' })
  const told = entries.find(({ desc }) => desc === 'TABLE DATA')
  if (told === undefined) throw new Error('nothing is told of the table')
  await using saved = await open(output)
  const entry = saved.toc.find(({ desc }) => desc === 'TABLE DATA')
  if (entry === undefined) return { told, statements: [] }
  const text = Buffer.from(await saved.data(entry).bytes({ maxBytes: Infinity })).toString()
  expect(text.endsWith('\n\n')).toBe(true)
  // a value may hold what looks like a statement, but that does not begin with a row's number and a quote
  return {
    told,
    statements: text
      .slice(0, -2)
      .split(/(?=^INSERT INTO public\.t VALUES(?:\n\t| )\(\d+, ')/m)
      .filter(Boolean),
  }
}

describe.each([1, 3])('salvage() of INSERT statements of %d rows', (rowsOfEach) => {
  test.each(['gzip', 'lz4', 'zstd', 'none'] as const)('in %s keeps the first ones', async (compression) => {
    const { bytes, statements, from } = await make(compression, rowsOfEach)
    const next = random(11)
    let some = 0
    for (let round = 0; round < rounds; round++) {
      const at = from + Math.floor(next() * (bytes.length - from))
      const cut = await kept(bytes.subarray(0, at))
      expect(cut.statements, `cut at ${at}`).toEqual(statements.slice(0, cut.statements.length))
      expect(cut.told.state).not.toBe('whole')
      const broken = Buffer.from(bytes)
      broken[at] = (broken[at] ?? 0) ^ (1 << Math.floor(next() * 8))
      const damaged = await kept(broken)
      // what can be decoded before the damage is right, whatever comes of the rest
      expect(damaged.statements.slice(0, cut.statements.length), `flipped at ${at}`).toEqual(cut.statements)
      if (compression === 'none') {
        // the damage concerns one statement, or two where it takes one's end
        const original = new Set(statements)
        expect(damaged.statements.filter((each) => !original.has(each)).length).toBeLessThanOrEqual(1)
        expect(damaged.statements.length).toBeGreaterThanOrEqual(statements.length - 2)
      } else if (damaged.told.state === 'partial') {
        expect(damaged.statements).toEqual(statements.slice(0, damaged.statements.length))
      }
      if (cut.statements.length > 0) some++
    }
    expect(some).toBeGreaterThan(0)
  })
})
