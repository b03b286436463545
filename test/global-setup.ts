import { execFile } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { unpackFixtures } from './helpers/corpus.ts'
import { root } from './helpers/paths.ts'

/** Time of the newest file below `path`, milliseconds. */
function newest(path: string): number {
  if (!existsSync(path)) return 0
  const status = statSync(path)
  if (!status.isDirectory()) return status.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))))
}

/**
 * Unpacks the fixtures that are stored compressed and brings dist/ up to date, once for all test files: tests of the
 * command, of threads and of the package run what is shipped.
 */
export async function setup(): Promise<void> {
  unpackFixtures()
  // Unit tests import src/ and need no build.
  const files = process.argv.filter((arg) => arg.startsWith('test/'))
  if (files.length > 0 && files.every((file) => file.startsWith('test/unit/'))) return
  const sources = ['src', 'tsconfig.json', 'tsconfig.build.json', 'build.mjs'].map((name) => newest(join(root, name)))
  if (newest(join(root, 'dist')) > Math.max(...sources)) return
  try {
    await promisify(execFile)(process.execPath, [join(root, 'build.mjs')], { cwd: root })
  } catch (error) {
    // What the compiler has to say about types keeps dist/ from nothing; `npm run typecheck` is what judges them.
    const text = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
    console.warn(`The build reports:\n${text}`)
  }
}
