import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../helpers/process.ts'
import { root } from '../helpers/paths.ts'

const program = join(root, 'test/fuzz/run.mjs')

async function fuzz(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(process.execPath, [program, ...args], { timeout: 280_000 })
  expect(`${stdout.toString()}${stderr}`).toContain('0 findings')
  expect(status).toBe(0)
  return stdout.toString()
}

test('what once broke a rule does so no more', { timeout: 300_000 }, async () => {
  await fuzz('--regressions')
})

test('no mutation breaks a rule', { timeout: 300_000 }, async () => {
  const seed = process.env['PGDMP_SEED'] ?? String(Date.now() % 2 ** 31)
  console.log(`PGDMP_SEED=${seed}`)
  const report = await fuzz(
    '--executions',
    '400',
    '--seed',
    seed,
    '--findings',
    join(root, 'node_modules/.cache/pgdmp-fuzz'),
  )
  // every target has run, and has led somewhere
  const rows = Array.from(report.matchAll(/^\| ([\w-]+) \| (\d+) \| .* \| (\d+) \| \d+ \| \d+ \|$/gm))
  expect(rows.length).toBeGreaterThan(15)
  for (const [row, , executions, blocks] of rows) {
    expect(Number(executions), row).toBeGreaterThanOrEqual(400)
    expect(Number(blocks), row).toBeGreaterThan(20)
  }
})
