import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { packageVersion } from '../../src/index.ts'

test('packageVersion is the one in package.json', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(packageVersion).toBe(manifest.version)
})
