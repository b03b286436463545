import type { RestoreTarget } from '../index.ts'
import { askServer } from './server-question.ts'
import type { Terminal } from './terminal.ts'

/** What a server of this number calls itself: `18`, `9.6`. */
export function releaseOf(number: number): string {
  return number >= 100_000 ? String(Math.floor(number / 10_000)) : `9.${Math.floor(number / 100) % 100}`
}

/** Releases that SQL can be written for. */
const knownReleases = /^(?:9\.6|1[0-8])$/

/** The release of a server, where SQL can be written for it. */
export async function releaseFor(terminal: Terminal, target: RestoreTarget): Promise<string | undefined> {
  const [row] = await askServer(terminal, target, 'SHOW server_version_num')
  const release = releaseOf(Number(row?.[0]))
  return knownReleases.test(release) ? release : undefined
}
