import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { open } from '../../src/index.ts'
import { decoderFor } from '../../src/toc/encoding.ts'
import { allArchives, type PlacedArchive } from './corpus.ts'
import { pgDumpText } from './pg-dump-text.ts'
import { cli } from './paths.ts'
import { withoutPath } from './postgres.ts'
import { run } from './process.ts'
import { dropDatabase, newDatabase, type Server } from './servers.ts'

/* An archive restored by a server's own pg_restore and by `pgdmp pg_restore -d`, each into a new database. */

const timeout = 240_000

/** What one of the two programs did. */
export interface Outcome {
  readonly status: number | null
  readonly stderr: string
  readonly contents: string
}

/** Names of databases and OIDs that the server chose are those of one run. */
function comparable(text: string, database: string): string {
  return withoutPath(text)
    .replaceAll(database, 'DATABASE')
    .replaceAll(/(DETAIL: {2}Key \(.*\)=\(.*, )\d+(\) already exists)/g, '$1OID$2')
}

export async function restored(
  server: Server,
  program: 'real' | 'ours',
  archive: string,
  options: readonly string[],
  { stdin = false, prepare }: { readonly stdin?: boolean; readonly prepare?: string } = {},
): Promise<Outcome> {
  const database = newDatabase(server)
  try {
    const args = [...options, '-d', server.database(database), ...(stdin ? [] : [archive])]
    if (prepare !== undefined) await run(server.pgRestore, ['-d', server.database(database), prepare], { timeout })
    const [file, all] =
      program === 'real'
        ? [server.pgRestore, args]
        : [process.execPath, [cli, 'pg_restore', '--compat', server.version, ...args]]
    const input = stdin ? { stdin: readFileSync(archive) } : {}
    // pg_restore prints the bytes of the archive and of the server
    const decode = program === 'real' ? { decode: decoderFor(await encodingOf(archive)) } : {}
    const { status, stderr } = await run(file, all, { timeout, ...input, ...decode })
    return { status, stderr: comparable(stderr, database), contents: await contentsOf(server, database) }
  } finally {
    dropDatabase(server, database)
  }
}

async function encodingOf(file: string): Promise<string> {
  await using archive = await open(file)
  return archive.settings.encoding
}

export async function contentsOf(server: Server, database: string): Promise<string> {
  const statistics = server.major >= 18 ? ['--statistics'] : []
  return await pgDumpText(server, database, statistics, { timeout })
}

export type Case = Parameters<typeof restored>[4]

/** Restores by both, which must say the same, end with the same status, and leave the same. */
export async function compare(
  server: Server,
  archive: string,
  options: readonly string[],
  how?: Case,
): Promise<Outcome> {
  const real = await restored(server, 'real', archive, options, how)
  const ours = await restored(server, 'ours', archive, options, how)
  expect(ours.stderr).toBe(real.stderr)
  expectAlike(ours, real)
  return ours
}

/** The same status, and the same contents of the databases. */
export function expectAlike(ours: Outcome, real: Outcome): void {
  expect(ours.status).toBe(real.status)
  // as a whole, it would fill the screen
  if (ours.contents !== real.contents) {
    const [a, b] = [ours, real].map(({ contents }) => contents.split('\n'))
    expect(a?.filter((line, at) => line !== b?.[at]).slice(0, 20)).toEqual([])
    expect(a).toHaveLength(b?.length ?? 0)
  }
}

/** Those archives that the server's pg_restore reads, in an order that the seed decides. */
export function archivesFor({ major, newestArchive }: Server, seed: string): readonly PlacedArchive[] {
  const readable = allArchives().filter(({ archive_version, compression }) => {
    const minor = Number(archive_version.split('.')[1])
    return minor <= newestArchive && (major >= 17 || !/lz4|zstd/.test(compression))
  })
  const place = ({ path }: PlacedArchive): string =>
    createHash('sha256').update(`${seed} ${major} ${path}`).digest('hex')
  return readable.sort((a, b) => (place(a) < place(b) ? -1 : 1))
}
