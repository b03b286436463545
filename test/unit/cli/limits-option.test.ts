import { execFile } from 'node:child_process'
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { defaultLimits, limitOption, type Limits } from '../../../src/index.ts'
import { cli } from '../../helpers/paths.ts'
import { tocBytes } from '../format/build-archive.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-limits-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const archive = join(folder, 'one.dump')
writeFileSync(archive, tocBytes([{ dumpId: 1, desc: 'TABLE', defn: 'SELECT 1;', copyStmt: null, offset: null }]))

function pgdmp(
  ...args: string[]
): Promise<{ readonly status: number; readonly stderr: string; readonly stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
  })
}

test.each(['list', 'sql', 'info'])('%s takes limits by preset and by name', { timeout: 60_000 }, async (verb) => {
  expect((await pgdmp(verb, '--limits', 'strict', '--limit', 'entry-bytes=2GB', archive)).status).toBe(0)
  const refused = await pgdmp(verb, '--limits', 'none', '--limit', 'toc-entries=0', archive)
  expect(refused.status).toBe(1)
  expect(refused.stderr).toContain('the limit tocEntries is 0')
  expect(refused.stderr).toContain('--limit toc-entries=')
  expect((await pgdmp(verb, '--limit', 'toc-entries=0', '--limit', 'toc-entries=none', archive)).status).toBe(0)
})

test('a slip in --limit is told', { timeout: 60_000 }, async () => {
  expect(await pgdmp('list', '--limit', 'toc-entrys=1', archive)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('"toc-entries"'),
  })
  expect(await pgdmp('list', '--limit', 'toc-entries=many', archive)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no number'),
  })
  expect(await pgdmp('list', '--limit', 'toc-entries', archive)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('names no limit'),
  })
})

test('--help names every limit', { timeout: 60_000 }, async () => {
  const { stdout } = await pgdmp('list', '--help')
  // Object.keys widens the keys of a table whose keys are exactly those of Limits.
  for (const limit of Object.keys(defaultLimits) as (keyof Limits)[]) expect(stdout).toContain(limitOption(limit))
})
