import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

/** A Chromium of the system: nothing is downloaded. `PGDMP_CHROMIUM` names another. */
const program = [
  process.env['PGDMP_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

/** Why tests in a browser do not run; undefined where they do. In CI a missing browser is a failure, not a skip. */
export const withoutBrowser =
  program === undefined ? 'no Chromium: install one or name it in PGDMP_CHROMIUM' : undefined

/** Starts a browser that nobody sees. */
export async function startBrowser(): Promise<Browser> {
  if (program === undefined) throw new Error(withoutBrowser)
  // the sandbox needs a user other than root, and the pages are our own
  return await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu'] })
}
