import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, restore, type Finding, type RestoreResult } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { pgDumpText } from '../helpers/pg-dump-text.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* Rows that the server refuses for a while, as when it has no space left, and what would be in their way later. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-rows-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(servers.length === 0 ? [undefined] : servers)('a journal on $version', (server) => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, uri } = server
  /** Rows are taken where this role exists. */
  const role = `pgdmp_rows_${process.pid}`
  const checked = 'CHECK (public.ok(id))'
  const objects = [
    `CREATE FUNCTION public.ok(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
       IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${role}') THEN RAISE 'not yet'; END IF;
       RETURN true; END $$`,
    `CREATE TABLE parent (id int PRIMARY KEY ${checked})`,
    `CREATE TABLE child (id int ${checked}, p int REFERENCES parent)`,
    `CREATE TABLE egg (id int PRIMARY KEY ${checked}, c int)`,
    `CREATE TABLE chicken (id int PRIMARY KEY ${checked}, e int REFERENCES egg)`,
    'ALTER TABLE egg ADD FOREIGN KEY (c) REFERENCES chicken',
    `CREATE TABLE root (id int PRIMARY KEY, ${checked}) PARTITION BY RANGE (id)`,
    'CREATE TABLE part PARTITION OF root FOR VALUES FROM (0) TO (100)',
    'CREATE TABLE refers (r int REFERENCES root)',
    'CREATE TABLE log (t text)',
    'INSERT INTO parent SELECT generate_series(1, 50)',
    'INSERT INTO child SELECT g, g FROM generate_series(1, 50) g',
    'INSERT INTO egg SELECT g FROM generate_series(1, 9) g',
    'INSERT INTO chicken SELECT g, g FROM generate_series(1, 9) g',
    'UPDATE egg SET c = id',
    'INSERT INTO root SELECT generate_series(1, 20)',
    'INSERT INTO refers SELECT generate_series(1, 20)',
    `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO public.log VALUES (TG_TABLE_NAME); RETURN NULL; END $$`,
    'CREATE TRIGGER noted AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION note()',
    "COMMENT ON TRIGGER noted ON child IS 'comes with it'",
    'CREATE TRIGGER noted AFTER INSERT ON root FOR EACH ROW EXECUTE FUNCTION note()',
    'CREATE VIEW grouped AS SELECT id, count(*) FROM parent GROUP BY id',
    'ALTER TABLE child ADD CONSTRAINT late CHECK (p < 40) NOT VALID',
    'CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM child',
    "CREATE RULE noted AS ON INSERT TO egg DO ALSO INSERT INTO log VALUES ('rule')",
    'CREATE VIEW later AS SELECT 1 AS a',
    'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC',
    `CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO public.log VALUES (TG_TAG); END $$`,
    "CREATE EVENT TRIGGER noted ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION note_ddl()",
  ]
  const shapes = { copy: [], inserts: ['--inserts'] }
  let expected = ''

  const contents = (name: string): Promise<string> => pgDumpText(server, name)

  beforeAll(async () => {
    ask([`CREATE ROLE ${role}`])
    await inNewDatabase(server, async (name) => {
      ask(objects, name)
      for (const [shape, options] of Object.entries(shapes)) {
        await run(server.pgDump, ['-Fc', ...options, '-d', database(name), '-f', join(folder, server.version + shape)])
      }
    })
    await inNewDatabase(server, async (name) => {
      await run(server.pgRestore, ['-d', database(name), join(folder, `${server.version}copy`)])
      expected = await contents(name)
    })
    ask([`DROP ROLE ${role}`])
  })
  afterAll(() => void ask([`DROP ROLE IF EXISTS ${role}`]))

  test.each([
    ['copy', 1],
    ['copy', 3],
    ['inserts', 1],
    ['inserts', 3],
  ])(
    'keeps back what would refuse rows that come later, act upon them or lack them: %s, -j %i',
    async (shape, jobs) => {
      await inNewDatabase(server, async (name) => {
        const journal = join(folder, `${server.version}${shape}${jobs}.journal`)
        const told: Finding[] = []
        const attempt = async (): Promise<RestoreResult> => {
          await using archive = await open(join(folder, server.version + shape))
          const target = await connectPg(uri(name))
          const onWarning = (finding: Finding): number => told.push(finding)
          try {
            return await restore(archive, target, { compat: server.version, jobs, resume: journal, onWarning })
          } finally {
            await target.end()
          }
        }
        // in its way
        ask(['CREATE VIEW later AS SELECT 2 AS b'], name)
        for (let times = 1; times <= 2; times++) {
          const { failures } = await attempt()
          const refused = failures.map(({ entry, error }) => `${entry?.desc} ${error.message}`)
          const rows = Array.from({ length: 5 }, () => 'TABLE DATA not yet')
          expect(refused.toSorted()).toEqual([...rows, 'VIEW relation "later" already exists'])
          expect(told).toMatchObject(
            Array.from({ length: times }, () => ({
              code: 'WAITS_FOR_FAILED',
              message: expect.stringContaining(': 12 ('),
            })),
          )
        }
        ask([`CREATE ROLE ${role}`])
        ask(['DROP VIEW later'], name)
        try {
          expect(await attempt()).toMatchObject({ complete: true, failures: [] })
          expect(await contents(name)).toBe(expected)
          expect(ask(['SELECT count FROM counted'], name).trim()).toBe('50')
        } finally {
          ask([`DROP ROLE ${role}`])
        }
        expect(told).toHaveLength(2)
      })
    },
  )
})
