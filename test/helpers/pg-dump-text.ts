import { expect } from 'vitest'
import { run, type RunOptions } from './process.ts'
import type { Server } from './servers.ts'

/** All that the server's own pg_dump finds in a database, byte for byte, but for the key that each run makes up. */
export async function pgDumpText(
  server: Server,
  name: string,
  options: readonly string[] = [],
  how: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(server.pgDump, [...options, '-d', server.database(name)], how)
  expect([status, stderr]).toEqual([0, ''])
  return stdout.toString('latin1').replaceAll(/^\\(?:un)?restrict .*$/gm, '')
}
