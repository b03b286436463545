import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, describe, expect, test } from 'vitest'
import { hostileArchives, type HostileArchive } from '../helpers/hostile-archives.ts'
import { root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { placeHostile } from './place-hostile.ts'

/*
 * Hostile archives, opened in every way by a process whose memory is measured. Nothing but an ArchiveError comes out,
 * nothing hangs, nothing takes more memory than is said here.
 */

/** MB that the whole process may have at any time, whatever it reads: a bomb inflates to more. */
const mostMemory = 300
const seed = Number(process.env['PGDMP_SEED'] ?? 20_261_127)
const mixtures = Number(process.env['PGDMP_HOSTILE'] ?? 40)

const cache = join(root, 'node_modules/.cache/pgdmp-hostile')
mkdirSync(cache, { recursive: true })
const program = mkdtempSync(join(cache, 'run-'))
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-hostile-'))
afterAll(() => {
  for (const path of [program, folder]) rmSync(path, { recursive: true, force: true })
})

/** What open-hostile did, or is about to do. */
interface Line {
  readonly name: string
  readonly way: string
  readonly work: string
  readonly strict: boolean
  readonly outcome?: string
  readonly peak: number
  readonly done?: number
}

const outfile = join(program, 'open-hostile.mjs')
buildSync({
  entryPoints: [join(root, 'test/failure/open-hostile.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['source'],
  packages: 'external',
})

async function openAll(group: string, archives: readonly HostileArchive[]): Promise<readonly Line[]> {
  const placed = []
  for (const [at, archive] of archives.entries())
    placed.push(await placeHostile(archive, join(folder, `${group}-${at}`)))
  const file = join(folder, `${group}.json`)
  writeFileSync(file, JSON.stringify(placed))
  const { status, stdout, stderr } = await run(process.execPath, [outfile, file], { timeout: 280_000 })
  const lines = stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line) // as open-hostile prints it
  // after a hang or a crash the last line says where
  expect({ status, stderr, last: lines.at(-1) }).toMatchObject({
    status: 0,
    stderr: '',
    last: { done: archives.length },
  })
  return lines
}

const all = hostileArchives(seed, mixtures)
const groups = [...new Set(all.map(({ name }) => name.split(/[: ]/)[0] ?? ''))]

describe.skipIf(process.platform === 'win32')('hostile archives', () => {
  test.concurrent.each(groups)('%s', { timeout: 300_000 }, async (group) => {
    const archives = all.filter(({ name }) => name.split(/[: ]/)[0] === group)
    const lines = await openAll(group, archives)
    const done = lines.filter(({ outcome }) => outcome !== undefined)
    expect(done.filter(({ outcome = '' }) => outcome.startsWith('foreign'))).toEqual([])
    expect(lines.filter(({ peak }) => peak > mostMemory).slice(0, 3)).toEqual([])
    for (const { name, verdict, bomb } of archives) {
      const of = done.filter((line) => line.name === name)
      const read = of.filter(({ work, strict }) => !strict && (work === 'sql' || work === 'verify'))
      if (verdict === 'sound') expect(read.filter(({ outcome }) => outcome !== 'good')).toEqual([])
      if (verdict === 'passed-over') {
        const outcomes = new Set(read.map(({ work, outcome }) => `${work} ${outcome}`))
        expect([...outcomes].sort()).toEqual(['sql good', 'verify FRAME_WITHIN_CHUNK'])
      }
      const misplaced = read.filter(({ way }) => verdict === 'misplaced' && (way === 'path' || way === 'bytes'))
      expect(misplaced.filter(({ outcome }) => outcome === 'good')).toEqual([])
      if (verdict === 'refused') expect(read.filter(({ outcome }) => outcome === 'good')).toEqual([])
      // no stream of lz4 has more than 255 bytes for each stored one
      if (!bomb || name.startsWith('lz4')) continue
      // a listing reads no data
      const strict = of.filter((line) => line.strict && line.work !== 'list')
      expect(strict.filter(({ outcome }) => outcome !== 'LIMIT_EXCEEDED')).toEqual([])
      expect(strict.length).toBeGreaterThan(0)
    }
  })
})
