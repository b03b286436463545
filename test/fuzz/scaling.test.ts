import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { expect, test } from 'vitest'
import { root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

test('twice the input is twice the work', { timeout: 300_000 }, async () => {
  const cache = join(root, 'node_modules/.cache/pgdmp-fuzz')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'scaling-'))
  try {
    const outfile = join(folder, 'scaling.mjs')
    const entryPoints = [join(root, 'test/fuzz/scaling.ts')]
    buildSync({
      entryPoints,
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['source'],
      packages: 'external',
    })
    const { status, stdout, stderr } = await run(process.execPath, [outfile], { timeout: 280_000 })
    expect([status, stderr]).toEqual([0, ''])
    const lines = stdout.toString().trim().split('\n')
    expect(lines.length).toBeGreaterThan(30)
    // of an input four times as long: linear is 4, n log n 4.7, quadratic 16
    const tooMuch = lines.filter((line) => {
      const { work } = JSON.parse(line) as { work: [number, number, number] } // as scaling.ts prints it
      return work[2] > 5.5 * work[0]
    })
    expect(tooMuch).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
