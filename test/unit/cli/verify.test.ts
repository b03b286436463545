import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import { fixture } from '../../helpers/corpus.ts'
import { root } from '../../helpers/paths.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-verify-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const full = fixture('18/full-Fc.dump').file

function pgdmp(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { encoding: 'utf8', timeout: 60_000 })
}

test('pgdmp verify gives 0 for a sound archive, 1 for a damaged, 2 for wrong usage, 3 for none', () => {
  const cut = join(scratch, 'cut.dump')
  writeFileSync(cut, readFileSync(full).subarray(0, -1000))
  const none = join(scratch, 'none.dump')
  writeFileSync(none, 'no archive')
  expect(pgdmp('verify', full)).toMatchObject({ status: 0, stderr: '' })
  expect(pgdmp('verify', '--quick', full).status).toBe(0)
  expect(pgdmp('verify', cut)).toMatchObject({ status: 1, stdout: expect.stringContaining('UNEXPECTED_EOF') })
  expect(pgdmp('verify', '--quick', '--receipt', join(scratch, 'x'), full).status).toBe(2)
  expect(pgdmp('verify', none).status).toBe(3)
  expect(pgdmp('verify', join(scratch, 'missing')).status).toBe(3)
  expect(pgdmp('verify', full, cut, none)).toMatchObject({ status: 3, stdout: expect.stringContaining('sound') })
})

test('pgdmp verify writes a receipt once, and compares a conversion with it', () => {
  const receipt = join(scratch, 'full.json')
  expect(pgdmp('verify', '--receipt', receipt, full).status).toBe(0)
  expect(pgdmp('verify', '--receipt', receipt, full)).toMatchObject({ status: 2 })
  expect(pgdmp('verify', '--force', '--receipt', receipt, full).status).toBe(0)
  const other = join(scratch, 'other.dir')
  expect(pgdmp('convert', '-Fd', '-Z', 'zstd', full, other).status).toBe(0)
  const compared = pgdmp('verify', '--json', '--against', receipt, other)
  expect(compared.status).toBe(0)
  const codes = JSON.parse(compared.stdout).findings.map(({ code }: { code: string }) => code)
  // zstd as written here has checksums
  expect(codes).toEqual(['DEPENDENCY_NOT_IN_ARCHIVE', 'STORED_BYTES_CHANGED'])
  const part = join(scratch, 'part.dump')
  expect(pgdmp('convert', '-n', 'plain', full, part).status).toBe(0)
  const changed = pgdmp('verify', '--against', receipt, part)
  expect(changed.status).toBe(1)
  expect(changed.stdout).toContain('ENTRY_MISSING')
  writeFileSync(receipt, '{"receipt": 1}')
  expect(pgdmp('verify', '--against', receipt, full)).toMatchObject({
    stderr: expect.stringContaining('must be a string'),
  })
})
