import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { salvage } from '../../../src/inspect/salvage.ts'
import { fixture } from '../../helpers/corpus.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-limits-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const bytes = readFileSync(fixture('derived/small-Fc.dump').file)

test('salvage() takes limits by the name of a preset, as open() does', async () => {
  const output = join(scratch, 'saved.dump')
  expect((await salvage(bytes, output, { limits: 'strict' })).entries.length).toBeGreaterThan(0)
})

test.each([['strictest' as 'strict'], [{ entryBytes: 'many' as unknown as number }], [{ entryByte: 1 } as object]])(
  'salvage() refuses limits that it does not have: %j',
  async (limits) => {
    const output = join(scratch, 'refused.dump')
    await expect(salvage(bytes, output, { limits })).rejects.toMatchObject({ code: 'USAGE' })
    expect(readdirSync(scratch)).not.toContain('refused.dump')
  },
)
