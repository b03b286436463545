import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { archivesFor, contentsOf, expectAlike, restored } from '../helpers/restored-twice.ts'
import { partOf } from '../helpers/part.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, ownServers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * An archive is restored by the server's own pg_restore with -j and by `pgdmp pg_restore -j`: the same status, the same
 * in the database, and the same said, in any order. Where the real one takes no -j (tar), it restores in one session.
 *
 * PGDMP_PARALLEL_ARCHIVES is how many archives for each server, `all` or a number, chosen by PGDMP_PARALLEL_SEED.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-parallel-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const timeout = 240_000
const wanted = process.env['PGDMP_PARALLEL_ARCHIVES'] ?? '1'
const seed = process.env['PGDMP_PARALLEL_SEED'] ?? '1'
const all = wanted === 'all'
// roles that others make would be found by one of the two only
const servers = ownServers()

/** The processes of pg_restore write beside each other, each line in several parts. */
function messagesOf(stderr: string): readonly string[] {
  return stderr
    .replaceAll(/pg_restore: ?|error: ?|warning: ?/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .sort()
}

/** How often each character comes: what is left of long messages that processes write into each other. */
function charactersOf(stderr: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const character of stderr) counts[character] = (counts[character] ?? 0) + 1
  return counts
}

/** The same lines in any order; where lines of the real one are torn, the same characters. */
function expectSameSaid(ours: string, real: string): void {
  const lines = messagesOf(ours)
  const known = new Set(lines)
  if (messagesOf(real).every((line) => known.has(line))) expect(lines).toEqual(messagesOf(real))
  else expect(charactersOf(ours)).toEqual(charactersOf(real))
}

/**
 * Of foreign keys of partitioned tables two sessions, pg_restore's as well as ours, may each wait for the other: then the
 * server ends one.
 */
async function withoutDeadlock(...args: Parameters<typeof restored>): ReturnType<typeof restored> {
  for (let tries = 1; ; tries++) {
    const outcome = await restored(...args)
    if (tries === 4 || !outcome.stderr.includes('deadlock detected')) return outcome
  }
}

async function compare(server: Server, archive: string, options: readonly string[]): Promise<void> {
  const real = await withoutDeadlock(server, 'real', archive, options)
  const ours = await withoutDeadlock(server, 'ours', archive, options)
  const died = 'a worker process died unexpectedly'
  if (messagesOf(real.stderr).includes(died)) {
    // how far the others come until the first process hears of it is a matter of chance
    expect([ours.status, messagesOf(ours.stderr).includes(died)]).toEqual([real.status, true])
    return
  }
  expectSameSaid(ours.stderr, real.stderr)
  expectAlike(ours, real)
  expect(ours.contents.length).toBeGreaterThan(400)
}

describe('restore -j', () => {
  const newest = servers.at(-1)
  if (newest === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const some = new Set(partOf(servers, ({ version }) => version, 2))
  for (const server of servers) {
    const { major, version } = server
    // pg_restore takes no others
    const archives = archivesFor(server, seed).filter(
      ({ file, archive_version }) => !file.endsWith('.tar') && Number(archive_version.split('.')[1]) >= 8,
    )
    const chosen = all ? archives : archives.slice(0, some.has(server) ? Number(wanted) : 0)
    test.each(chosen.map(({ path, file }) => [path, file]))(
      `${major}: %s as pg_restore -j 3`,
      async (_, file) => {
        await compare(server, file, ['-j', '3'])
      },
      timeout,
    )

    // the oldest and the newest rules
    if (!all && server !== servers[0] && server !== newest) continue
    test(
      `${major}: rows, foreign keys, partitions, large objects, late passes from each format and from pipes as pg_restore does`,
      async () => {
        const { made, contents } = await sourceArchives(server)
        for (const [name, archive] of Object.entries(made)) {
          await inNewDatabase(server, async (database) => {
            const options = ['restore', '-q', '-j', '3', '--compat', version, '-d', server.database(database), archive]
            const { status, stderr } = await run(process.execPath, [cli, ...options], { timeout })
            expect([name, status, stderr]).toEqual([name, 0, ''])
            expect(await contentsOf(server, database)).toBe(contents)
          })
        }
        // data as they come, indexes and the like beside them
        for (const archive of [made.custom, made.tar]) {
          await inNewDatabase(server, async (database) => {
            const options = ['restore', '-q', '-j', '3', '--compat', version, '-d', server.database(database), '-']
            const stdin = readFileSync(archive)
            const { status, stderr } = await run(process.execPath, [cli, ...options], { timeout, stdin })
            expect([archive, status, stderr]).toEqual([archive, 0, ''])
            expect(await contentsOf(server, database)).toBe(contents)
          })
        }
      },
      timeout,
    )
  }

  const others: readonly (readonly [string, readonly string[]])[] = [
    ['--role of nobody', ['--role=nobody_of_this_name']],
    ['-a --disable-triggers', ['-a', '--disable-triggers']],
    ['--use-set-session-authorization', ['--use-set-session-authorization']],
  ]
  test.each([
    ['-O -x -v', ['-O', '-x', '-v']] as const,
    ['-e', ['-e']] as const,
    ['--transaction-size', ['--transaction-size=7', '-O', '-x']] as const,
    ...(all ? others : []),
  ])(
    'with %s as pg_restore -j 2',
    async (_, options) => {
      await compare(newest, fixture('18/full-Fd.dir').file, ['-j', '2', ...options])
    },
    timeout,
  )

  /** One database in every format, and what pg_dump says of it. */
  async function sourceArchives(of: Server) {
    return await inNewDatabase(of, async (name) => {
      of.ask(source, name)
      const database = of.database(name)
      const place = (what: string): string => join(folder, `${of.major}-${what}`)
      const dump = async (...args: readonly string[]): Promise<void> => {
        const { status, stderr } = await run(of.pgDump, ['-d', database, ...args])
        expect([status, stderr]).toEqual([0, ''])
      }
      const [custom, directory, tar] = [place('custom'), place('directory'), place('tar')]
      await dump('-Fc', '-f', custom)
      await dump('-Fd', '-f', directory)
      await dump('-Ft', '-f', tar)
      // into a pipe: no offsets
      const piped = place('piped')
      await run('/bin/sh', ['-c', '"$0" -Fc -d "$1" | cat > "$2"', of.pgDump, database, piped])
      const { status, stderr, contents } = await restored(of, 'real', directory, ['-j', '3'])
      expect([status, stderr]).toEqual([0, ''])
      return { made: { custom, directory, tar, piped }, contents }
    })
  }
})

const source = [
  `CREATE TABLE parent (id int PRIMARY KEY, note text);
   CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent, q int REFERENCES parent);
   CREATE TABLE grandchild (c int REFERENCES child, p int REFERENCES parent);
   CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self);
   INSERT INTO parent SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 5000) i;
   INSERT INTO child SELECT i, 1 + i % 5000, i FROM generate_series(1, 4000) i;
   INSERT INTO grandchild SELECT 1 + i % 4000, i FROM generate_series(1, 3000) i;
   INSERT INTO self SELECT i, nullif(i - 1, 0) FROM generate_series(1, 100) i;
   CREATE INDEX ON parent (note); CREATE INDEX ON child (p); CREATE UNIQUE INDEX ON parent (id, note);`,
  `CREATE TABLE part (k int, v text) PARTITION BY LIST (k);
   CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1, 2);
   CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (3, 4);
   CREATE TABLE part_rest PARTITION OF part DEFAULT;
   INSERT INTO part SELECT i % 7, i FROM generate_series(1, 2000) i; CREATE INDEX ON part (k, v);`,
  `CREATE MATERIALIZED VIEW first AS SELECT p, count(*) FROM child GROUP BY p;
   CREATE MATERIALIZED VIEW second AS SELECT max(count) FROM first;
   CREATE INDEX ON first (p);
   CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
   CREATE EVENT TRIGGER late ON ddl_command_end EXECUTE FUNCTION noted();
   COMMENT ON EVENT TRIGGER late IS 'after all else';
   CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
   CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION touched();
   CREATE RULE r AS ON INSERT TO self DO ALSO NOTHING;
   GRANT SELECT ON parent TO PUBLIC; CREATE STATISTICS s ON p, q FROM child;`,
  `SELECT lo_from_bytea(0, convert_to(repeat(i::text, 1000 * i), 'UTF8')) FROM generate_series(1, 20) i`,
]
