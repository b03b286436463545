import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type * as pgdmp from '../../src/index.ts'

/** The folder of package.json. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Archives and oracles that belong to the repository; laid out like the corpus. */
export const fixturesRoot = join(root, 'test/fixtures/corpus')

/** The command as it is shipped. */
export const cli = join(root, 'dist/cli/main.js')

/** The library as it is shipped (the other tests import src/). */
export async function shipped(): Promise<typeof pgdmp> {
  return import(/* @vite-ignore */ pathToFileURL(join(root, 'dist/index.js')).href)
}

/** Whether this runs on a build machine, where nothing may be left out silently. */
export const inCi = process.env['CI'] === 'true'
